"""Notes: a copy gone through once says what going back at each step said."""

from __future__ import annotations

import pytest
from browser import made
from hypothesis import given, settings
from notes_slowly import notes_at as notes_slowly
from render_traces import path_of, trees

from xenexplore.render.views.notes import CopyNotes, notes_at
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import compare
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Copy

NAMES = ("straddle", "wrong-vcpu", "lost-checks", "area-crossing-a-page", "encrypted-miss")


def held(trace: Trace) -> int:
    """Every step's notes are the slow ones; how many there are."""
    tree = StepTree(trace.steps)
    slow = [notes_slowly(trace, tree, node.index) for node in trace.steps]
    assert [notes_at(trace, tree, node.index) for node in trace.steps] == slow
    for node in trace.steps:
        if isinstance(node.step, Copy):  # gone through once, as a page's view is made
            notes = CopyNotes(trace, tree, node.index)
            for inner in tree.inside(node.index):
                notes.take(inner)
                own = next(
                    at for at in tree.around(inner.index) if isinstance(tree.steps[at].step, Copy)
                )
                if own == node.index:
                    assert notes.told() == slow[inner.index]
    return sum(map(len, slow))


@settings(max_examples=40)
@given(trees())
def test_any_tree_has_the_notes_it_had(nodes: object) -> None:
    held(path_of(nodes))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_a_scenario_has_the_notes_it_had(name: str) -> None:
    assert sum(held(trace) for trace in compare(load_builtin(name)).traces) > 0


def test_an_encrypted_guest_has_the_notes_it_had() -> None:
    held(made.private())
