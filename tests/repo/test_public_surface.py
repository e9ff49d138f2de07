"""What readers copy uses ``xe`` alone, and what its docstrings say is so."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import xenexplore as xe
from xenexplore.cli.main import main
from xenexplore.render.web.as_python import comparison_python, page_python, trace_python

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "xenexplore"
COPIED = [*sorted(ROOT.glob("notebooks/[0-9]*.py")), *sorted(ROOT.glob("examples/*.py"))]
DOCUMENTED = [path for path in sorted(PACKAGE.rglob("*.py")) if ">>>" in path.read_text("utf-8")]
FUNCTIONS = [name for name in xe.__all__ if inspect.isfunction(getattr(xe, name))]
# An image is a file, and a whole recording takes seconds: tests/api runs each of these.
SHOWN_ELSEWHERE = {"explain", "map", "open_image", "summarise"}
NAME = "evtchn-send-from-stack"
COMMANDS = [
    ["run", NAME],
    ["run", NAME, "--option", "O7: entries=4", "--step", "3", "--unicode"],
    ["run", NAME, "--json"],
    ["run", NAME, "--view", "map", "--all"],
    ["compare", NAME],
    ["compare", "-", "--json", "--option", "O1", "--option", "O7"],
    ["figure", NAME, "-o", "-"],
    ["figure", NAME, "-o", "x.png", "--view", "comparison"],
    ["html", NAME, "-o", "x.html", "--compare"],
    ["html", NAME, "-o", "x.html", "--option", "giant-map"],
]


def from_inside(source: str) -> list[str]:
    """Imports from the package, of anything but the package itself as ``xe``."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [f"{a.name} as {a.asname}" for a in node.names]
        else:
            continue
        found += [n for n in names if re.match(r"xenexplore\b", n) and n != "xenexplore as xe"]
    return found


def unknown(source: str) -> list[str]:
    """Names that are asked of ``xe`` and are not its own."""
    return [
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "xe"
        and node.attr not in xe.__all__
    ]


def test_an_import_from_inside_would_be_found() -> None:
    assert from_inside("def f():\n    from xenexplore.steps import Copy") == ["xenexplore.steps"]
    assert from_inside("import xenexplore.steps") == ["xenexplore.steps as None"]
    assert from_inside("import xenexplore as xe\nfrom xenexplorer import x") == []
    assert unknown("xe.run(xe.nonsense)") == ["nonsense"]


@pytest.mark.parametrize("path", COPIED, ids=lambda path: path.stem)
def test_notebooks_and_examples_use_xe_alone(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    assert (from_inside(source), unknown(source)) == ([], [])


def test_the_readme_uses_xe_alone() -> None:
    lines = (ROOT / "README.md").read_text("utf-8").splitlines()
    asked = [line for line in lines if re.search(r"\b(from|import) xenexplore\b", line)]
    assert [line for line in asked if "import xenexplore as xe" not in line] == []


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_printed_code_uses_xe_alone(words: list[str]) -> None:
    out = io.StringIO()
    with redirect_stdout(out):
        assert main([*words, "--code"]) == 0
    code = out.getvalue()
    assert "import xenexplore as xe" in code
    assert (from_inside(code), unknown(code)) == ([], [])


def test_every_command_that_prints_code_is_tried() -> None:
    offer = {
        path.stem
        for path in (PACKAGE / "cli").glob("*.py")
        if '"--code"' in path.read_text("utf-8")
    }
    assert offer == {words[0] for words in COMMANDS}


def test_the_code_of_views_uses_xe_alone() -> None:
    scenario = xe.load(NAME)
    trace, both = xe.run(scenario, "O7: entries=4"), xe.compare(scenario)
    bench, browser = xe.Workbench(), xe.RecordingBrowser("pvh")
    browser.pick(0)
    codes = [trace_python(trace, 3), comparison_python(both), page_python(trace), page_python(both)]
    for code in [*codes, bench.code(), browser.code()]:
        assert "xe." in code
        assert (from_inside(code), unknown(code)) == ([], [])
    bench.close()
    browser.close()


@pytest.mark.parametrize("path", DOCUMENTED, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_docstrings_are_right(path: Path) -> None:
    parts = path.relative_to(ROOT).with_suffix("").parts
    module = importlib.import_module(".".join(p for p in parts if p != "__init__"))
    done = doctest.testmod(module, verbose=False)
    assert done.attempted
    assert not done.failed


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_public_function_has_an_example(name: str) -> None:
    found = getattr(xe, name)
    said = inspect.getdoc(found) or ""
    assert (">>>" in said) != (name in SHOWN_ELSEWHERE)
    if inspect.signature(found).parameters:
        assert "Args:" in said, "its parameters are explained"
