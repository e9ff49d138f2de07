from __future__ import annotations

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import pytest

from xenexplore.cli.main import main
from xenexplore.render.svg.views import svg_of
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import compare, run

NAME = "straddle"


def test_svg_on_output(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["figure", NAME, "-o", "-"]) == 0
    assert capsys.readouterr().out == svg_of(run(load_builtin(NAME)))


@pytest.mark.parametrize("view", ["stepper", "map", "path", "registered"])
def test_every_view_to_a_file(view: str, tmp_path: Path) -> None:
    file = tmp_path / "view.svg"
    words = ["--option", "linear-walk", "--step", "9", "--view", view, "--theme", "dark"]
    assert main(["figure", NAME, *words, "-o", str(file)]) == 0
    trace = run(load_builtin(NAME), "linear-walk")
    assert file.read_bytes().decode() == svg_of(trace, 9, view, "dark")


@pytest.mark.parametrize(("kind", "magic"), [("png", b"\x89PNG"), ("pdf", b"%PDF-")])
def test_png_and_pdf(kind: str, magic: bytes, tmp_path: Path) -> None:
    file = tmp_path / f"view.{kind}"
    assert main(["figure", NAME, "--view", "comparison", "-o", str(file)]) == 0
    assert file.read_bytes().startswith(magic)


@pytest.mark.parametrize(
    "words",
    [
        ["--step", "3", "--option", "linear-walk"],
        ["--view", "comparison", "--theme", "dark"],
        ["--view", "map"],
    ],
)
def test_the_python_that_does_the_same(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["figure", NAME, *words, "-o", "-"]) == 0
    wanted = capsys.readouterr().out
    assert main(["figure", NAME, *words, "-o", "-", "--code"]) == 0
    code = capsys.readouterr().out
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(compile(code, "code", "exec"), {})
    assert said.getvalue() == wanted


def test_the_python_that_writes_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "view.svg"
    assert main(["figure", NAME, "--view", "comparison", "-o", str(file), "--code"]) == 0
    assert not file.exists()
    exec(compile(capsys.readouterr().out, "code", "exec"), {})
    assert file.read_bytes().decode() == svg_of(compare(load_builtin(NAME)))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "x.jpg"], "ends in .svg, .png or .pdf"),
        (["-o", "x.svg", "--step", "99999"], "--step: expected 0 to"),
        (["-o", "x.svg", "--step", "-1"], "--step: expected 0 to"),
        (["-o", "x.svg", "--option", "no-such"], "no-such"),
        (["-o", "x.svg", "--view", "comparison", "--step", "1"], "a comparison shows every"),
        (["-o", "x.svg", "--view", "comparison", "--option", "bounce"], "a comparison shows every"),
        (["-o", "nowhere/x.svg"], "No such file"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str],
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    assert main(["figure", NAME, *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_svg_needs_neither_matplotlib_nor_jupyter() -> None:
    code = (
        "import sys\nfrom xenexplore.cli.main import main\n"
        f"assert main(['figure', {NAME!r}, '-o', '/dev/null.svg', '--code']) == 0\n"
        f"main(['figure', {NAME!r}, '--view', 'map', '-o', '-'])\n"
        "loaded = {'matplotlib', 'IPython', 'ipywidgets', 'anywidget'} & set(sys.modules)\n"
        "assert not loaded, loaded"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
