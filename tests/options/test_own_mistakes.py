"""A mistake in a design of one's own: one error, at its line, that says what was expected."""

from __future__ import annotations

import re
import warnings
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from xenexplore.cli.main import main
from xenexplore.errors import DesignError, ScenarioError
from xenexplore.hypervisor.design import Design
from xenexplore.options import outside
from xenexplore.options.outside import DesignWarning, installed_designs
from xenexplore.options.registry import list_options, option_class, variant
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.text.loader import parse_scenario

FILE = Path(__file__).with_name("own_mistakes.py")
LINES = FILE.read_text().splitlines()
NAME = "evtchn-send-from-stack"


def marked() -> dict[str, tuple[int, str]]:
    """Class to the line of its mistake, and what the error says there."""
    found: dict[str, tuple[int, str]] = {}
    name = ""
    for number, line in enumerate(LINES, 1):
        if match := re.match(r"class (\w+)\((Base|xe\.Design)\)", line):
            name = match[1]
        _, mark, said = line.partition("  # ")
        if mark:
            at = said.removeprefix("at: ")
            found[name] = (number, said) if at == said else (_class_line(at), "")
    return found


def _class_line(text: str) -> int:
    return next(n for n, line in enumerate(LINES, 1) if line.startswith(f"{text}("))


MARKED = marked()


def test_each_class_has_its_line() -> None:
    designs = [line for line in LINES if re.match(r"class \w+\((Base|xe\.Design)\)", line)]
    assert len(MARKED) == len(designs) - 1  # all but Base
    assert run(load_builtin(NAME), f"{FILE}:Base").outcome.status == "right"


@pytest.mark.parametrize("name", MARKED)
def test_the_error_names_the_line(name: str) -> None:
    line, said = MARKED[name]
    with pytest.raises(DesignError) as caught:
        run(load_builtin(NAME), f"{FILE}:{name}")
    error = caught.value
    assert (error.source, error.line) == (str(FILE), line), str(error)
    assert said in str(error)


@pytest.mark.parametrize("name", ["Raises", "NoLocate", "TooFew", "Missing"])
@pytest.mark.parametrize("words", ["compare {n} --design {d}", "run {n} --design {d}",
                                   "scenario matrix --design {d}"])  # fmt: skip
def test_the_command_line_says_it_in_one_line(
    name: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name == "TooFew" and "matrix" in words:
        return  # every registered option would run first
    design = f"{FILE}:{name}"
    if "matrix" in words:
        design = f"{FILE}:{ {'Raises': 'NoLocate'}.get(name, name) }"
    assert main(words.format(n=NAME, d=design).split()) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"xenexplore: {FILE}: ")
    assert err.count("\n") == 1


def test_files_that_hold_no_design(tmp_path: Path) -> None:
    def refused(text: str, name: str, match: str) -> DesignError:
        path = tmp_path / "my.py"
        path.write_text(text)
        with pytest.raises(DesignError, match=match) as caught:
            option_class(f"{path}{name}")
        return caught.value

    assert refused("\n\nx = = 1\n", ":A", "invalid syntax").line == 3
    assert refused("import os\n1 / 0\n", ":A", "ZeroDivisionError").line == 2
    refused("raise SystemExit(3)\n", ":A", "Python that runs")
    refused("x = 1\n", "", "a subclass of xe.Design")
    refused("x = 1\n", ":x", "a subclass of xe.Design")
    two = "import xenexplore as xe\nclass First(xe.Design): pass\nclass Other(xe.Design): pass\n"
    refused(two, "", "of First, Other")
    refused(two, ":Frist", "did you mean 'First'")
    with pytest.raises(DesignError, match="No such file"):
        option_class(f"{tmp_path}/none.py:A")


def test_a_file_that_changes_is_read_again(tmp_path: Path) -> None:
    path, text = tmp_path / "my.py", FILE.read_text()
    path.write_text(text)
    first, again = variant(f"{path}:Base"), variant(f"{path}:Base")
    assert first == again
    path.write_text(text.replace('"""It walks;', '"""It really walks;'))
    assert variant(f"{path}:Base").design.title.startswith("It really walks")


def test_parameters_follow_the_class(tmp_path: Path) -> None:
    path = tmp_path / "my.py"
    path.write_text(
        "import xenexplore as xe\n"
        "class Sized(xe.Design):\n"
        "    parameters = (xe.Parameter(name='pages', default=1),)\n"
        "    locate = xe.designs('linear-walk')[0].locate\n"
    )
    one = variant(f"{path}:Sized: pages=2")
    assert (one.label, one.values) == ("sized: pages=2", (("pages", 2),))
    assert variant(f"{path}: pages=2").values == one.values


def test_a_scenario_s_text_runs_no_file(tmp_path: Path) -> None:
    """It may come from a mail."""
    path = tmp_path / "my.py"
    path.write_text("raise AssertionError('executed')")
    text = f'name = "x"\ntitle = "x"\n[[option]]\nuse = "{path}:A: entries=2"\n'
    with pytest.raises(ScenarioError, match="a scenario loads no file"):
        parse_scenario(text)


def test_designs_of_installed_packages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A broken one is one warning; the others are listed and taken by name."""
    values = {"fine": "last_walk:LastWalk", "gone": "no_such_module:X", "odd": "last_walk:Gpa"}
    found = [EntryPoint(name, value, outside.GROUP) for name, value in values.items()]
    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: found)
    installed_designs.cache_clear()
    try:
        with pytest.warns(DesignWarning) as said:
            listed = list_options()
        assert [option.name for option in listed][-1] == "last-walk"
        assert sorted(str(one.message).split(" of ")[0] for one in said) == [
            "design 'gone'", "design 'odd'",
        ]  # fmt: skip
        installed_designs.cache_clear()
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            assert main(["options"]) == 0
        out, err = capsys.readouterr()
        assert "last-walk" in out
        assert err.count("xenexplore: warning: design ") == err.count("\n") == 2
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert issubclass(option_class("last-walk"), Design)
        assert run(load_builtin(NAME), "X1").outcome.status == "right"
    finally:
        installed_designs.cache_clear()
