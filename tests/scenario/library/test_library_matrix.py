"""The review matrix: every cell a scenario or a reason, and no reason that is not needed."""

from __future__ import annotations

import json

import pytest

from xenexplore.cli.main import main
from xenexplore.errors import ScenarioError
from xenexplore.options.registry import OPTIONS
from xenexplore.render.text.matrix import matrix_text
from xenexplore.scenario.library.builtin import builtin_names, load_builtin
from xenexplore.scenario.run import matrix as module
from xenexplore.scenario.run.matrix import matrix


def test_every_cell_is_a_run_or_a_reason() -> None:
    rows = matrix(run=False)
    assert [row.name for row in rows] == [f"Q{n}" for n in range(1, 31)]
    for row in rows:
        assert [cell.option for cell in row.cells] == list(OPTIONS)
        for cell in row.cells:
            assert bool(cell.shown) != bool(cell.reason), (row.name, cell.option)


def test_runs_are_those_of_the_library() -> None:
    asked = {
        (question, option.use, name, option.label)
        for name in builtin_names()
        for option in load_builtin(name).options
        for question in load_builtin(name).about.question
    }
    shown = {
        (row.name, cell.option, one.scenario, one.label)
        for row in matrix(run=False)
        for cell in row.cells
        for one in cell.shown
    }
    assert shown == asked


def test_what_was_never_specified_never_runs() -> None:
    for row in matrix(run=False):
        for cell in row.cells:
            if not OPTIONS[cell.option].specified:
                assert cell.reason == "never specified"


def test_as_json_and_as_text() -> None:
    rows = matrix(run=False)
    cells = [cell for row in rows for cell in row.as_json()]
    assert len(cells) == len(rows) * len(OPTIONS)
    assert set(cells[0]) == {"question", "title", "option", "shown", "reason"}
    text = matrix_text(rows)
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= 72
    assert all(f"\n{row.name}  {row.title}\n" in text for row in rows)
    assert all(name in text for name in builtin_names())


def test_a_cell_with_neither_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "builtin_names", tuple)
    module._shown.cache_clear()
    with pytest.raises(ScenarioError, match="a scenario or a reason"):
        matrix(run=False)
    module._shown.cache_clear()


@pytest.mark.parametrize("words", [("scenario", "matrix"), ("scenario", "matrix", "--json")])
def test_the_command(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "matrix", lambda **how: matrix(run=False, **how))
    assert main(words) == 0
    out = capsys.readouterr().out
    if "--json" in words:
        cells = [json.loads(line) for line in out.splitlines()]
        assert len(cells) == 30 * len(OPTIONS)
    else:
        assert out == matrix_text(matrix(run=False))
