"""What a reader without a kernel sees, and what a reviewer is asked to read."""

from __future__ import annotations

import ast
import base64
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import jupytext
import pytest

from xenexplore.render.plots.figures import PLOT_CLASS

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SOURCES = sorted(FOLDER.glob("[0-9][0-9]_*.py"))
SAVED = sorted(FOLDER.glob("*.ipynb"))
LINK = re.compile(r"\]\(([^)]+)\)")
# What would differ on another machine, or at another time.
AROUND = FOLDER.parents[1] if FOLDER.parents[1].name else FOLDER.parent
ENVIRONMENT = re.compile(
    re.escape(f"{AROUND}/") + r"|/home/|/root/|/tmp/|site-packages|"
    r"<\S+ object at 0x|\d\d:\d\d:\d\d|[Pp]ython 3\.\d|\d seconds|ms per"
)
VIEW = "application/vnd.jupyter.widget-view+json"

saved = pytest.mark.parametrize("file", SAVED, ids=lambda path: path.stem)
sources = pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)


def outputs(file: Path) -> Iterator[dict[str, Any]]:
    for cell in json.loads(file.read_text(encoding="utf-8"))["cells"]:
        yield from cell.get("outputs", ())


def trees(source: Path) -> list[ast.Module]:
    return [ast.parse(c.source) for c in jupytext.read(source).cells if c.cell_type == "code"]


def test_each_source_is_saved_and_nothing_else_is() -> None:
    assert len(SOURCES) >= 10
    assert [path.stem for path in SAVED] == [path.stem for path in SOURCES]


@saved
def test_sizes(file: Path) -> None:
    assert file.stat().st_size <= 200 * 1024
    for output in outputs(file):
        png = output.get("data", {}).get("image/png", "")
        assert len(base64.b64decode(png)) <= 50 * 1024


@saved
def test_every_view_has_its_picture_and_its_text(file: Path) -> None:
    assert any(outputs(file)), "a notebook shows something"
    for data in (output["data"] for output in outputs(file) if "data" in output):
        assert VIEW not in data
        text = data["text/plain"]
        assert not text.startswith("<"), f"more than a repr: {text}"
        assert max(map(len, text.splitlines())) <= 72
        if "<img" in data["text/html"]:
            assert text.count("\n") >= 4, f"more than a line: {text}"
            picture = re.search(r'<img alt="([^"]+)" src="data:image/svg\+xml;base64,([^"]+)"',
                                data["text/html"])  # fmt: skip
            assert picture, "a picture has a name, and its bytes with it"
            assert base64.b64decode(picture[2]).startswith(b"<svg ")
            python = "<pre><code>" in data["text/html"]
            assert python or PLOT_CLASS in data["text/html"], "under a view stands its Python"
        assert "<script" not in data["text/html"]


@saved
def test_what_is_printed_fits_a_mail(file: Path) -> None:
    for output in outputs(file):
        if output["output_type"] == "stream":
            for line in "".join(output["text"]).splitlines():
                assert len(line) <= 72, line


@saved
def test_nothing_failed_and_nothing_complained(file: Path) -> None:
    for output in outputs(file):
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr", output["text"]


@saved
def test_nothing_tells_where_or_when_it_was_built(file: Path) -> None:
    for output in outputs(file):
        data = output.get("data", {})
        for text in (output.get("text", ""), data.get("text/plain", "")):
            assert not ENVIRONMENT.search(text), ENVIRONMENT.search(text)


@saved
def test_metadata_is_no_machines_own(file: Path, build: ModuleType) -> None:
    assert json.loads(file.read_text(encoding="utf-8"))["metadata"] == build.METADATA
    assert "version" not in json.dumps(build.METADATA)


@sources
def test_it_ends_with_its_conclusion_and_what_would_change_it(source: Path) -> None:
    cells = jupytext.read(source).cells
    assert cells[0].source.startswith("# ")
    assert cells[-1].cell_type == "markdown"
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    *_, conclusion, last = re.findall(r"^## (.*)", text, re.MULTILINE)
    assert (conclusion, last) == ("Conclusion", "What would change this conclusion")


@sources
def test_cells_are_short_and_hold_no_logic(source: Path) -> None:
    for cell in jupytext.read(source).cells:
        assert cell.source.count("\n") < 25
    found = list(trees(source))
    allowed = {node for one in owned(found) for node in ast.walk(one)}
    for node in (node for tree in found for node in ast.walk(tree)):
        made = (ast.FunctionDef, ast.ClassDef, ast.Lambda, ast.While, ast.Try, ast.Global)
        if node not in allowed:
            assert not isinstance(node, made), f"belongs in the package: {ast.unparse(node)}"


def owned(found: list[ast.AST]) -> list[ast.AST]:
    """What a notebook may make: designs of a reader's own, and what shows the error of one."""
    nodes = [node for tree in found for node in ast.walk(tree)]
    classes = [node for node in nodes if isinstance(node, ast.ClassDef)]
    known = {"xe.Design", *(node.name for node in classes)}
    designs = [node for node in classes if {ast.unparse(base) for base in node.bases} & known]
    tried = [node for node in nodes if isinstance(node, ast.Try)]
    caught = [n for n in tried if [ast.unparse(h.type) for h in n.handlers] == ["xe.DesignError"]]
    return [*designs, *caught]


@sources
def test_imports_are_public_names(source: Path) -> None:
    for tree in trees(source):
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(str(node.module))
                assert {name.name for name in node.names} <= set(module.__all__), node.module
            elif isinstance(node, ast.Import):
                assert [name.name for name in node.names] == ["xenexplore"]
            elif isinstance(node, ast.Attribute):
                assert not node.attr.startswith("_"), node.attr


@sources
def test_claims_are_held(source: Path) -> None:
    held = [
        node for tree in trees(source) for node in ast.walk(tree) if isinstance(node, ast.Assert)
    ]
    assert len(held) >= 2


@sources
def test_links_lead_somewhere(source: Path) -> None:
    text = "\n".join(c.source for c in jupytext.read(source).cells if c.cell_type == "markdown")
    for target in LINK.findall(text):
        assert target.startswith("https://") or (FOLDER / target).is_file(), target
    unlinked = re.findall(r"(?<!\[)`(\d\d_\w+)`", text)
    assert not unlinked, "name another notebook by a link"


def test_every_notebook_is_reached_from_the_first() -> None:
    first = "\n".join(cell.source for cell in jupytext.read(SOURCES[0]).cells)
    for path in SAVED[1:]:
        assert f"({path.name})" in first


def test_the_design_of_notebook_13_is_the_example_s() -> None:
    """One text: tests that need such a design use the example's, too."""
    example = ast.parse((FOLDER.parent / "examples" / "your_design.py").read_text("utf-8"))
    [notebook] = [source for source in SOURCES if source.stem == "13_your_own_design"]
    shown = {
        node.name: ast.dump(node)
        for tree in trees(notebook)
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    classes = [node for node in example.body if isinstance(node, ast.ClassDef)]
    assert len(classes) == 2
    for node in classes:
        assert shown[node.name] == ast.dump(node)
