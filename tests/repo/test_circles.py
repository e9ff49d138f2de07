"""No module needs itself: imports run one way, those for types and those in functions too."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "xenexplore"
# The facade names what it offers; nothing that it offers may need the facade.
FACADE = "xenexplore"
# A design's hooks are given Xen and may return a replay model or what was registered, and each
# of these has a design.  Only the hooks' signatures name them, never the module's code.
HOOKS = "xenexplore.hypervisor.design"
GIVEN = {f"xenexplore.hypervisor.{name}" for name in ("registered", "replay_model", "xen")}


def _name(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, known: set[str], *, types: bool = True) -> Iterator[str]:
    """The package's own modules that a source imports, wherever the import stands.

    ``types``: those under ``if TYPE_CHECKING`` too.
    """
    tree = ast.parse(source)
    if not types:
        tree.body = [node for node in tree.body if not isinstance(node, ast.If)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                if whole in known or node.module in known:
                    yield whole if whole in known else node.module


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """One circle of a graph, from a node back to it; empty: there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_in_the_end() -> None:
    graph = _graph()
    assert sum(map(len, graph.values())) > len(graph), "imports are found at all"
    assert circle({**graph, HOOKS: graph[HOOKS] - GIVEN}) == []


def test_a_design_names_what_its_hooks_take_in_types_only() -> None:
    source = (PACKAGE / "hypervisor/design.py").read_text(encoding="utf-8")
    assert set(imported(source, GIVEN)) == GIVEN, "an exemption that nothing needs"
    assert not set(imported(source, GIVEN, types=False))


def _graph() -> dict[str, set[str]]:
    sources = {_name(file): file.read_text(encoding="utf-8") for file in PACKAGE.rglob("*.py")}
    return {
        name: set(imported(text, set(sources))) - {name, FACADE}
        for name, text in sources.items()
        if name != FACADE
    }


def test_a_circle_would_be_found() -> None:
    known = {"p.a", "p.b", "p.c"}
    sources = {
        "p.a": "from p.b import x",
        "p.b": "if TYPE_CHECKING:\n    from p.c import y",
        "p.c": "def f():\n    from p import a",
    }
    graph = {name: set(imported(text, known)) for name, text in sources.items()}
    assert set(circle(graph)) == known
    assert circle({**graph, "p.c": set()}) == []
