"""The rules of the house, held by tools: layers, types, lint, exports, sizes."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from readme_command import command_of
from source_tree import source_files

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "xenexplore"
MODULES = sorted(PACKAGE.rglob("*.py"))
ROOMS = [
    "display",
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
    "mail",
    "recording",
    "session",
    "teaching",
    "analysis",
    "render",
    "api",
    "widgets",
    "site",
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
    # The facade is one list of names, each for people, for type checkers and with its place.
    limit = 480 if path == PACKAGE / "__init__.py" else 370
    assert len(text.splitlines()) <= limit, f"{_name(path)} has grown: one noun a module"


def test_a_public_class_has_a_name_of_its_own() -> None:
    """But for Xen: the hypervisor's model, and the object of that name at the prompt."""
    places: dict[str, list[str]] = {}
    for path in MODULES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(path.relative_to(ROOT).as_posix())
    twice = {name: found for name, found in places.items() if len(found) > 1}
    assert twice.keys() == {"Xen"}, twice


def test_nothing_else_lies_at_the_top() -> None:
    top = {name.split("/")[0] for name in source_files()}
    allowed = {"pyproject.toml", "xenexplore", "notebooks", "examples", "tests", "README.md"}
    assert {name for name in top if not name.startswith(".")} == allowed | {"LICENSE"}


def test_a_source_archive_is_read_as_a_checkout_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = source_files()
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes() if name == ".gitignore" else b"")
    for stray in (".venv/bin/x", "tests/__pycache__/x.pyc", "xenexplore.egg-info/x", "dist/x.whl"):
        (tmp_path / stray).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / stray).touch()
    assert source_files(tmp_path) == names
    (tmp_path / "tests/build").mkdir()  # only the top's is ignored
    (tmp_path / "tests/build/kept").touch()
    assert set(source_files(tmp_path)) - set(names) == {"tests/build/kept"}
    # A checkout on a machine without git.
    (tmp_path / ".git").mkdir()
    monkeypatch.setenv("PATH", "")
    assert set(source_files(tmp_path)) > set(names)


def test_an_empty_folder_does_not_pass(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").touch()
    with pytest.raises(AssertionError, match="no source tree"):
        source_files(tmp_path)


def test_rooms_are_those_of_the_plan() -> None:
    found = {path.stem if path.suffix else path.name for path in PACKAGE.iterdir()}
    found -= {"__init__", "__main__", "__pycache__", "py"}
    assert found == set(ROOMS)
    config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = config["tool"]["importlinter"]["contracts"][0]["layers"]
    assert layers == list(reversed(ROOMS))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [room for room in ROOMS if f"`{room}" not in readme] == []


def test_ci_runs_the_readmes_own_commands() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    assert "fresh_machine.py" in script
    assert "readme_command.py test" in script
    assert command_of("lab").endswith(".venv/bin/xenexplore lab")
    assert command_of("test").endswith(".venv/bin/python -m pytest -n 2")
    for what in ("lab", "test", "record"):
        assert command_of(what).count("apt-get install -y --no-install-recommends") == 1
        done = subprocess.run(["sh", "-n", "-c", command_of(what)], check=False)
        assert done.returncode == 0


# Reasons to skip, each stated there: headers of another Xen; no TypeScript, no npm to fetch it.
SKIPS = {"tests/xen_headers.py": 1, "tests/render/web/test_modules.py": 2}


def test_no_stub_is_left() -> None:
    marks = ("TODO", "FIXME", "XXX", "pytest.mark.skip", "pytest.skip", "pytest.mark.xfail")
    found = [
        f"{path.relative_to(ROOT)}: {mark}"
        for folder in ("xenexplore", "tests", "notebooks", "examples")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if path != Path(__file__).resolve() and path.relative_to(ROOT).as_posix() not in SKIPS
        for mark in marks
        if mark in path.read_text(encoding="utf-8")
    ]
    assert found == []
    for name, times in SKIPS.items():
        assert (ROOT / name).read_text(encoding="utf-8").count("pytest.skip") == times


NAMES_OPTIONS = ("options", "lab_notebooks")
OTHER_WORDS = {("render/views/step_labels.py", "bounce")}
"""Words that an option happens to be named after: here the verb."""


def _strings(path: Path) -> list[str]:
    """String literals of a module; docstrings and other statements of a bare string aside."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in bare
    ]


def test_only_the_options_room_names_an_option() -> None:
    from xenexplore.options.registry import OPTIONS

    words = {*OPTIONS, *(option.ident for option in OPTIONS.values())}
    found = {
        (path.relative_to(PACKAGE).as_posix(), text)
        for path in MODULES
        if path.relative_to(PACKAGE).parts[0] not in NAMES_OPTIONS
        for text in _strings(path)
        if text in words
    }
    assert found == OTHER_WORDS


def test_an_options_module_names_no_other() -> None:
    from xenexplore.options.registry import OPTIONS

    for option in OPTIONS.values():
        module = sys.modules[option.__module__]
        assert module.__file__ is not None
        named = set(_strings(Path(module.__file__))) & set(OPTIONS)
        assert named == {option.name}
