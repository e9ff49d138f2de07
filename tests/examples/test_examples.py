"""Each example runs by itself, and prints what lies beside it, byte for byte."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xenexplore.cli.main import main

FOLDER = Path(__file__).resolve().parents[2] / "examples"
SCRIPTS = sorted(FOLDER.glob("*.py"))
README = FOLDER.parent / "README.md"
PICTURE = ("evtchn-send-from-stack", "--option", "giant-map", "--step", "7")


def test_each_has_its_output() -> None:
    assert len(SCRIPTS) >= 5
    assert sorted(path.stem for path in FOLDER.glob("*.out")) == [path.stem for path in SCRIPTS]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_prints_what_is_saved(script: Path, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", str(script)],
        capture_output=True, check=False, cwd=tmp_path, timeout=300,
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    saved = script.with_suffix(".out")
    if os.environ.get("XENEXPLORE_UPDATE_GOLDEN") == "1":
        saved.write_bytes(done.stdout)
    assert done.stdout == saved.read_bytes()
    assert list(tmp_path.iterdir()) == []


def test_the_readme_s_picture_is_what_its_command_draws(
    capsys: pytest.CaptureFixture[str],
) -> None:
    saved = FOLDER / "stepper.svg"
    assert f"](examples/{saved.name})" in README.read_text(encoding="utf-8")
    assert main(["figure", *PICTURE, "-o", "-"]) == 0
    drawn = capsys.readouterr().out
    if os.environ.get("XENEXPLORE_UPDATE_GOLDEN") == "1":
        saved.write_text(drawn, encoding="utf-8", newline="\n")
    assert drawn == saved.read_text(encoding="utf-8")
