from __future__ import annotations

import pytest
import render_traces as made
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.render.svg.focus import Chunk, focus_at
from xenexplore.render.svg.timeline import shown_steps
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Copy, Flip, Move, P2mLookup, PteRead, Purpose


def straddle() -> tuple[Trace, StepTree]:
    trace = run(load_builtin("straddle"), "linear-walk")
    return trace, StepTree(trace.steps)


def test_a_piece_is_where_the_walk_has_found_it() -> None:
    trace, tree = straddle()
    copy = next(node for node in trace.steps if isinstance(node.step, Copy))
    assert isinstance(copy.step, Copy)
    first, second = (n for n in tree.inside(copy.index) if isinstance(n.step, Move))
    ends = next(
        n.index
        for n in trace.steps
        if isinstance(n.step, P2mLookup) and n.step.purpose is Purpose.WALK_END
    )
    va = Gva(copy.step.handle)

    before = focus_at(tree, ends - 1).chunk
    assert before is not None
    assert (before.va, before.size, before.gpa) == (va, 16, None)
    found = focus_at(tree, ends).chunk
    assert found is not None
    assert isinstance(first.step, Move)
    assert found.gpa == first.step.gpa
    assert not found.moved

    last = focus_at(tree, second.index)
    assert last.copy == copy.index
    assert isinstance(second.step, Move)
    assert [(c.va, c.size, c.gpa, c.moved, c.wrong) for c in last.chunks] == [
        (va, 16, first.step.gpa, True, False),
        (va + 16, 32, second.step.gpa, True, False),
    ]


def test_the_table_is_that_of_the_entry_read() -> None:
    trace, tree = straddle()
    for node in trace.steps:
        table = focus_at(tree, node.index).table
        if isinstance(node.step, PteRead):
            assert table == Gfn(node.step.table.value >> 12)
        else:
            assert table is None


def test_outside_a_copy_there_is_no_piece() -> None:
    trace, tree = straddle()
    for node in trace.steps:
        inside = any(isinstance(trace.steps[at].step, Copy) for at in tree.around(node.index))
        focus = focus_at(tree, node.index)
        assert (focus.copy is not None) == inside
        assert inside or focus.chunks == ()


def test_a_wrong_frame_is_known_to_be_wrong_once_bytes_move() -> None:
    trace = run(load_builtin("wrong-vcpu"), "software-tlb")
    tree = StepTree(trace.steps)
    wrong = next(n for n in trace.steps if isinstance(n.step, Move) and not n.step.right)
    assert isinstance(wrong.step, Move)
    before, after = focus_at(tree, wrong.index - 1).chunk, focus_at(tree, wrong.index).chunk
    assert before is not None
    assert after is not None
    assert not before.wrong
    assert after.wrong
    assert after.gpa == before.gpa == wrong.step.gpa
    assert after.meant == wrong.step.meant != wrong.step.gpa


def test_a_physical_handle_has_no_linear_address() -> None:
    trace = run(load_builtin("encryption-flips"), "flip")
    assert any(isinstance(node.step, Flip) for node in trace.steps)
    tree = StepTree(trace.steps)
    move = next(node for node in trace.steps if isinstance(node.step, Move))
    assert isinstance(move.step, Move)
    chunk = focus_at(tree, move.index).chunk
    assert chunk == Chunk(
        first=move.index, va=None, size=move.step.size, gpa=Gpa(move.step.gpa.value),
        meant=move.step.meant, moved=True, wrong=False,
    )  # fmt: skip


@given(made.trees(60), st.data())
def test_the_line_of_time_shows_the_step_and_what_is_around_it(
    nodes: tuple[object, ...], data: st.DataObject
) -> None:
    tree = StepTree(nodes)  # type: ignore[arg-type]
    index = data.draw(st.integers(0, len(nodes) - 1))
    shown = shown_steps(tree, index)
    assert index in shown
    assert shown == sorted(set(shown))
    assert len(shown) <= 22
    if len(nodes) <= 22:
        assert set(tree.around(index)) <= set(shown)


@pytest.mark.parametrize("name", ["straddle", "evtchn-send-from-stack"])
def test_a_short_run_is_shown_whole_where_there_is_room(name: str) -> None:
    trace = run(load_builtin(name), "fastabi" if name.startswith("evtchn") else None)
    tree = StepTree(trace.steps)
    if len(trace) <= 22:
        assert shown_steps(tree, 0) == list(range(len(trace)))
    else:
        assert len(shown_steps(tree, 0)) > 8
