"""``xenexplore lab``: the copy is the reader's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xenexplore.cli import lab
from xenexplore.cli.main import main


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    folder = tmp_path / "shipped"
    folder.mkdir()
    for name in ("00_start_here.ipynb", "01_walk.ipynb"):
        (folder / name).write_text(f"first {name}", encoding="utf-8")
    return folder


def test_a_first_copy_holds_everything(shipped: Path, tmp_path: Path) -> None:
    written, kept = lab.update_copy(shipped, tmp_path / "mine")
    assert (written, kept) == (["00_start_here.ipynb", "01_walk.ipynb"], [])
    assert lab.update_copy(shipped, tmp_path / "mine") == ([], [])


def test_what_the_reader_edited_is_never_overwritten(shipped: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    lab.update_copy(shipped, mine)
    (mine / "01_walk.ipynb").write_text("my own", encoding="utf-8")
    for path in shipped.glob("*.ipynb"):
        path.write_text("second", encoding="utf-8")
    written, kept = lab.update_copy(shipped, mine)
    assert (written, kept) == (["00_start_here.ipynb"], ["01_walk.ipynb"])
    assert (mine / "01_walk.ipynb").read_text(encoding="utf-8") == "my own"
    assert (mine / "00_start_here.ipynb").read_text(encoding="utf-8") == "second"


def test_a_damaged_manifest_loses_no_edits(shipped: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    lab.update_copy(shipped, mine)
    (mine / ".xenexplore.json").write_text("{", encoding="utf-8")
    (mine / "01_walk.ipynb").write_text("my own", encoding="utf-8")
    assert lab.update_copy(shipped, mine) == ([], ["01_walk.ipynb"])
    assert set(json.loads((mine / ".xenexplore.json").read_text())) == {"00_start_here.ipynb"}


def test_copy_only_says_where(
    shipped: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(lab, "shipped_notebooks", lambda: shipped)
    assert main(["lab", "--dir", str(tmp_path / "mine"), "--copy-only"]) == 0
    assert f"notebooks: {tmp_path / 'mine'} (2 written)" in capsys.readouterr().out


def test_a_free_port_is_free_and_the_server_is_told(
    shipped: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    commands: list[list[str]] = []

    def call(command: list[str]) -> int:
        commands.append(command)
        return 0

    monkeypatch.setattr(lab, "shipped_notebooks", lambda: shipped)
    monkeypatch.setattr(lab.subprocess, "call", call)
    assert main(["lab", "--dir", str(tmp_path / "mine"), "--no-browser"]) == 0
    out = capsys.readouterr().out
    port = next(word for word in commands[0] if "port=" in word).partition("=")[2]
    assert f"http://127.0.0.1:{port}/lab/tree/00_start_here.ipynb?token=" in out
    assert f"--ServerApp.root_dir={(tmp_path / 'mine').resolve()}" in commands[0]
    assert "--no-browser" in commands[0]


def test_the_checkout_ships_its_notebooks() -> None:
    assert (lab.shipped_notebooks() / lab.FIRST).is_file()
