"""One hypercall, again and again: its walk and its copy, by size of page."""

from __future__ import annotations

from dataclasses import replace

import pytest

import xenexplore as xe
from xenexplore.recording.format.reader import read_recording


def test_the_walk_is_most_of_the_call() -> None:
    small, large = xe.loop_costs()
    assert (small.level, large.level) == (1, 2)
    for one in (small, large):
        assert 950 < one.calls <= 1000
        assert one.walk + one.p2m < one.copy < one.handler < one.corrected < one.exit_to_entry
        assert one.walk_share == pytest.approx(one.walk / (one.exit_to_entry - one.decode))
    # A Linux dom0's walks, but for some instructions by the entries' flags.
    dom0 = xe.report("pvh-boot").executed
    assert dom0 is not None
    around = dom0.pieces.around_walk
    walks = {level: walk.least + around for level, walk in dom0.pieces.walks.items()}
    assert small.walk == pytest.approx(walks[1], abs=10)
    assert large.walk == pytest.approx(walks[2], abs=10)


def test_where_nothing_was_counted() -> None:
    loop = read_recording("runstate-loop")
    assert xe.loop_costs(replace(loop, counts=None)) == ()
    assert xe.loop_costs(read_recording("pvh-boot")) == ()
