"""Each exercise: not solved as it begins, solved by its own solution, and judged by the model."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest

import xenexplore as xe
from xenexplore.errors import MachineError
from xenexplore.teaching import TASKS, Exercise, exercise, exercises

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"


def solved(e: Exercise) -> Any:
    """The answer that the solution gives; the session is left as it leaves it."""
    names: dict[str, Any] = {"xe": xe, "guest": e.guest, "xen": e.xen}
    exec(e.solution, names)
    e.xen = names["xen"]
    return names.get("answer")


@pytest.mark.parametrize("name", TASKS)
def test_the_solution_solves_it_and_nothing_does_not(name: str) -> None:
    e = exercise(name)
    wrong = 0 if e.task.answer else None
    assert not e.check(wrong)
    answer = solved(e)
    verdict = e.check(answer)
    assert verdict.ok, verdict
    assert e.check(answer).ok, "judging changes nothing"
    e.reset()
    assert not e.check(wrong)


def test_notebook_12_alone_shows_what_the_first_four_need() -> None:
    """In cells that a reader sees: claims are folded."""
    notebook = nbformat.read(NOTEBOOKS / "12_at_the_prompt.ipynb", as_version=4)
    seen = [cell for cell in notebook.cells if "claims" not in cell.metadata.get("tags", ())]
    assert len(seen) < len(notebook.cells)
    texts = [c.source if c.cell_type == "code" else " ".join(re.findall("`([^`]+)`", c.source))
             for c in seen]  # fmt: skip
    shown = set(re.findall(r"[a-z_]\w+", "\n".join(texts)))
    for name in list(TASKS)[:4]:
        tree = ast.parse(TASKS[name].solution)
        called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        words = {node.arg for node in ast.walk(tree) if isinstance(node, ast.keyword)}
        assert called | words <= shown, name
        texts_of = (n.value for n in ast.walk(tree) if isinstance(n, ast.Constant))
        assert all(f'"{text}"' in "\n".join(texts) for text in texts_of if isinstance(text, str))


@pytest.mark.parametrize("name", TASKS)
def test_words(name: str) -> None:
    e = exercise(name)
    assert all(len(line) <= 72 for line in e.text().splitlines())
    assert e.task.title in repr(e)
    hints = [e.hint() for _ in range(len(e.task.hints) + 1)]
    assert hints == [*e.task.hints, e.task.hints[-1]]
    assert e.task.solution.splitlines()[-1] not in e.task.hints[0]


@pytest.mark.parametrize("name", TASKS)
def test_a_value_where_none_is_asked_for_and_none_where_one_is(name: str) -> None:
    e = exercise(name)
    with pytest.raises(MachineError, match=f"check\\(\\) of {name!r} takes"):
        e.check(None if e.task.answer else 1)
    with pytest.raises(MachineError, match="not the text '1c3b3'"):
        e.check("1c3b3")


def test_there_are_eight_or_more_and_each_has_a_name_of_its_own() -> None:
    assert len(exercises()) == len(TASKS) >= 8
    assert all(name == task.name for name, task in TASKS.items())
    assert exercises().text().count("\n") == len(TASKS)


def test_an_address_is_not_a_frame() -> None:
    e = exercise("find-the-frame")
    gpa = e.guest.buffers["send"].gpa
    assert "the answer is the frame" in repr(e.check(gpa))


def test_a_cure_without_a_loss_is_none() -> None:
    e = exercise("fail-and-fix")
    assert "no call of this session has moved wrong bytes" in repr(e.check())


def test_walking_design_does_not_count_as_the_proposal() -> None:
    e = exercise("make-it-fail")
    e.xen = xe.Xen(e.guest, "linear-walk")
    assert "not the software TLB" in repr(e.check())


@pytest.mark.parametrize("design", ["linear-walk", "fastabi", "pv-only", "domain-mode"])
def test_a_design_that_does_not_serve_is_said(design: str) -> None:
    e = exercise("encrypted-guest")
    try:
        e.xen = xe.Xen(e.guest, design)
    except MachineError:
        return
    assert e.check().judged.says


def test_an_unknown_exercise_is_refused_with_a_suggestion() -> None:
    with pytest.raises(MachineError, match="did you mean 'stale-entry'"):
        exercise("stale-entri")
    with pytest.raises(MachineError, match="not a session"):
        exercise("stale-entry").xen = 3  # type: ignore[assignment]
