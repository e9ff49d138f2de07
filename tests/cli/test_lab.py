"""``xenexplore lab``: the copy is the reader's own."""

from __future__ import annotations

import json
import os
import socket
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


@pytest.mark.parametrize("port", ["70000", "-1", "eight", "", "1.5"])
def test_a_port_that_is_none_is_refused(
    port: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lab", "--dir", str(tmp_path / "mine"), "--port", port]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"expected 1 to 65535 (0: any free port), got {port!r}" in err
    assert not (tmp_path / "mine").exists()


def test_a_taken_port_is_refused_before_anything_is_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["lab", "--dir", str(tmp_path / "mine"), "--port", str(port)]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert f"--port {port}: expected a free port, got one in use by another program" in err
    assert not (tmp_path / "mine").exists()


def test_no_home_and_no_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "home").write_text("a file", encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert main(["lab"]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "choose a folder with --dir" in err


def test_a_stand_in_for_a_home_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "none"))
    assert lab._environment(tmp_path, "t")["HOME"] == str(tmp_path / ".home")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert lab._environment(tmp_path, "t")["HOME"] == str(tmp_path)


def test_news_are_off_by_a_default_that_settings_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "/theirs")
    theirs, ours = lab._environment(tmp_path, "t")["JUPYTER_CONFIG_PATH"].split(os.pathsep)
    assert theirs == "/theirs"
    defaults = json.loads(
        (Path(ours) / "labconfig" / "default_setting_overrides.json").read_text(encoding="utf-8")
    )
    assert defaults == {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}


def test_the_checkout_ships_its_notebooks() -> None:
    assert (lab.shipped_notebooks() / lab.FIRST).is_file()
