"""The rules of the house, held by tools: layers, types, lint, exports, sizes."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "xenexplore"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = [
    "errors",
    "files",
    "addr",
    "steps",
    "memory",
    "paging",
    "guest",
    "tlb",
    "hypercalls",
    "hypervisor",
    "options",
    "scenario",
    "recording",
    "analysis",
    "render",
    "widgets",
    "cli",
]


def _run(*command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_ruff_check() -> None:
    _run("ruff", "check", "--no-cache", ".")


def test_ruff_format() -> None:
    _run("ruff", "format", "--no-cache", "--check", ".")


def test_types_are_strict(tmp_path: Path) -> None:
    _run("mypy", "--cache-dir", str(tmp_path))


def test_layers() -> None:
    code = "from importlinter.cli import lint_imports; import sys; sys.exit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_exports_are_sorted_and_exist(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    exported = [
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign)
        and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets)
    ]
    public = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    if path.name != "__main__.py" and public:
        assert exported, f"{_name(path)} has public names and no __all__"
    if exported:
        names = list(exported[0])
        # Constants, then classes, then functions: the order in which they are read, each sorted.
        assert names == sorted(names, key=_kind), _name(path)
        module = importlib.import_module(_name(path))
        assert [name for name in names if not hasattr(module, name)] == []


def _kind(name: str) -> tuple[int, str]:
    bare = name.strip("_")
    return (0 if bare.isupper() else 1 if bare[:1].isupper() else 2, name)


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_modules_are_documented_and_of_one_noun(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert ast.get_docstring(ast.parse(text)), f"{_name(path)} does not say what it is"
    assert len(text.splitlines()) <= 370, f"{_name(path)} has grown: one noun a module"


def test_nothing_else_lies_at_the_top() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.split("\n")
    top = {name.split("/")[0] for name in tracked if name}
    allowed = {"pyproject.toml", "xenexplore", "notebooks", "examples", "tests", "README.md"}
    assert {name for name in top if not name.startswith(".")} <= allowed | {"LICENSE"}


def test_rooms_are_those_of_the_plan() -> None:
    found = {path.stem if path.suffix else path.name for path in PACKAGE.iterdir()}
    found -= {"__init__", "__main__", "__pycache__", "py"}
    assert found == set(ROOMS)
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = config["tool"]["importlinter"]["contracts"][0]["layers"]
    assert layers == list(reversed(ROOMS))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [room for room in ROOMS if f"`{room}" not in readme] == []


def test_ci_runs_the_readmes_own_command() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "<!-- test command -->" in script
    command = readme.split("<!-- test command -->")[1].split("```")[1]
    assert command.startswith("sh\n")
    assert command.rstrip().endswith(".venv/bin/python -m pytest")


def test_no_stub_is_left() -> None:
    marks = ("TODO", "FIXME", "XXX", "pytest.mark.skip", "pytest.skip", "pytest.mark.xfail")
    found = [
        f"{path.relative_to(ROOT)}: {mark}"
        for folder in ("xenexplore", "tests", "notebooks", "examples")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(__file__).resolve()
        for mark in marks
        if mark in path.read_text(encoding="utf-8")
    ]
    assert found == []
