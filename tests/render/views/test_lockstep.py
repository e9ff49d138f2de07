"""Two runs aligned: the steps that make a count add up to it; the verdict as a run goes on."""

from __future__ import annotations

from itertools import pairwise

import pytest
from aligned_steps import aligned_steps

from xenexplore.render.svg.explanation import COUNTED
from xenexplore.render.views.lockstep import status_changes, waits_of
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import compare
from xenexplore.steps import Move

NAMES = ("evtchn-send-from-stack", "wrong-vcpu", "straddle", "no-directmap")


@pytest.mark.parametrize("name", NAMES)
def test_the_aligned_steps_make_the_count(name: str) -> None:
    first, *others = compare(load_builtin(name)).traces
    for other in others:
        for count, _ in COUNTED:
            lines = aligned_steps(first, other, count)
            for trace, side in ((first, "first"), (other, "other")):
                steps = [step for line in lines if (step := getattr(line, side))]
                assert sum(value for _, value in steps) == getattr(trace.outcome.calls, count)
                assert [index for index, _ in steps] == sorted({index for index, _ in steps})
            assert all(line.first or line.other for line in lines)


@pytest.mark.parametrize("name", NAMES)
def test_waits_ascend_and_the_last_verdict_is_the_outcome(name: str) -> None:
    for trace in compare(load_builtin(name)).traces:
        waits = waits_of(trace)
        assert all(a[1] < b[1] and a[0] <= b[0] for a, b in pairwise(waits))
        changes = status_changes(trace)
        assert changes[0] == (0, None)
        assert changes[-1][1] == trace.outcome.status
        moves = [n.index for n in trace.steps if isinstance(n.step, Move)]
        if moves and trace.outcome.status == "right":
            assert changes[1] == (moves[0], trace.outcome.status)
