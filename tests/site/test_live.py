from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from xenexplore.cli.main import main
from xenexplore.errors import InputError
from xenexplore.render.web.page import comparison_json
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.library.builtin import builtin_text, load_builtin
from xenexplore.scenario.run.runner import compare, run
from xenexplore.site import live
from xenexplore.site.engine import engine_files, fetch_engine, package_files, packed_files
from xenexplore.site.library import LEFT_OUT, smaller


def test_what_the_page_asks_is_what_the_model_says() -> None:
    text, scenario = builtin_text("straddle"), load_builtin("straddle")
    one = json.loads(live.made(text, "giant-map"))
    assert one["text"].encode() == trace_view_json(run(scenario, "giant-map"))
    every = json.loads(live.made(text))
    assert every["text"].encode() == comparison_json(compare(scenario))
    assert every["labels"] == one["labels"]
    assert live.picture(text, "giant-map", 3) == run(scenario, "giant-map").svg(3)
    assert json.loads(live.more(text, "giant-map"))["text"] == run(scenario, "giant-map").text()


def test_an_error_has_its_line() -> None:
    text = builtin_text("straddle")
    bad = text.replace('place = "', 'place = "no', 1)
    answer = json.loads(live.made(bad))
    assert "place" in bad.splitlines()[answer["line"] - 1]
    assert "expected one of kmalloc" in answer["error"]
    assert json.loads(live.made("name = "))["line"] == 1
    assert json.loads(live.made(text, "nothing"))["line"] == 0


DESIGN = """import xenexplore as xe

class Again(xe.Design):
    def locate(self, xen, access):
        for va, size in xe.split_pages(xe.Gva(access.handle), access.size):
            yield xe.walk_piece(xen, va, size, write=access.writes, vcpu=access.current)
"""


def test_a_design_of_ones_own_is_one_more_column() -> None:
    text = builtin_text("straddle")
    every = json.loads(live.made(text, "", DESIGN))
    assert every["labels"][-1] == "again"
    assert len(json.loads(every["text"])["traces"]) == len(every["labels"])
    assert json.loads(json.loads(live.made(text, "again", DESIGN))["text"])["option"]["label"] == (
        "again"
    )
    assert "again" in json.loads(live.more(text, "again", DESIGN))["text"]
    wrong = json.loads(live.made(text, "", DESIGN.replace("walk_piece", "walk_pice")))
    assert (wrong["of"], wrong["line"]) == ("design", 6)
    assert wrong["error"].startswith("your design: line 6, Again.locate")
    assert json.loads(live.made(text, "", "class"))["of"] == "design"


def test_the_package_runs_by_itself(tmp_path: Path) -> None:
    files = package_files()
    packed = packed_files(files)
    assert packed == packed_files(package_files())
    head, _, rest = packed.partition(b"\n")
    assert sum(size for _, size in json.loads(head)) == len(rest)
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    code = (
        "import sys; sys.path.insert(0, '.'); from xenexplore.site.live import made; "
        "import xenexplore; assert xenexplore.__file__.startswith(sys.argv[1]), xenexplore; "
        "from xenexplore.scenario.library.builtin import builtin_text; "
        "print(len(made(builtin_text('straddle'))))"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code, str(tmp_path)],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 10_000


def test_another_package_is_refused() -> None:
    with pytest.raises(InputError, match="SHA-512"):
        engine_files(b"not the package")


def test_without_npm_it_is_said_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InputError, match="no npm client"):
        fetch_engine()
    monkeypatch.setattr("xenexplore.cli.site.build_site", lambda *_, **how: pytest.fail(str(how)))
    with pytest.raises(pytest.fail.Exception, match="'engine': None"):
        main(["site", "-o", str(tmp_path / "site")])
    assert "THE SITE WILL NOT RUN EDITED SCENARIOS" in capsys.readouterr().err


def test_the_standard_library_is_cut_and_holds_bytecode_of_what_is_always_loaded() -> None:
    kept = {"re/__init__.py": b"1", "typing.py": b"2", "encodings/utf_16.py": b"3", "unit.py": b"4"}
    away = {f"{name}.py": b"5" for name in LEFT_OUT} | {
        "encodings/cp437.py": b"6",
        "tty/a.py": b"7",
    }
    given = io.BytesIO()
    with zipfile.ZipFile(given, "w") as archive:
        for name, data in (kept | away).items():
            archive.writestr(name, data)
    made = smaller(given.getvalue(), {"typing.pyc": b"code", "pdb.pyc": b"code"})
    assert made == smaller(given.getvalue(), {"typing.pyc": b"code", "pdb.pyc": b"code"})
    with zipfile.ZipFile(io.BytesIO(made)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    del kept["typing.py"]
    assert found == kept | {"typing.pyc": b"code"}
