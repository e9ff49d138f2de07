"""No module needs itself: imports run one way, those for types and those in functions too."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "xenexplore"
# The facade names what it offers; nothing that it offers may need the facade.
FACADE = "xenexplore"
# An option's hooks take Xen, and Xen has an option: these are written in terms of each other.
TOGETHER = {"xenexplore.hypervisor.design", "xenexplore.hypervisor.xen"}


def _name(file: Path) -> str:
    parts = file.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(source: str, known: set[str]) -> Iterator[str]:
    """The package's own modules that a source imports, wherever the import stands."""
    for node in ast.walk(ast.parse(source)):
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
    assert circle({name: needs - TOGETHER for name, needs in graph.items()}) == []


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
