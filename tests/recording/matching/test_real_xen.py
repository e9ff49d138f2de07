"""O0 held to a real Xen: hundreds of recorded PVH hypercalls, copy for copy and walk for walk.

For each kind of call of each PVH domain a sample, spread over the recording, is
made a scenario and run under today's interface.  The model must make the copies
that Xen 4.17.7 made (direction, address, bytes, order), and for each the walks
that it made (linear address and the frame at which it arrived, in order).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from xenexplore.hypercalls.plan.explain import name_of
from xenexplore.recording.conversion.to_scenario import scenario_of
from xenexplore.recording.conversion.touched_memory import walks_during
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.matching.recorded_calls import recorded_calls
from xenexplore.scenario.run.runner import run
from xenexplore.steps import Copy, Move, Piece

# Calls of each kind and domain; of the commonest kinds, more.
SAMPLE = 6
COMMON = 60

# What decides the copies of these was not recorded: Xen's own state (the length
# of its build-id, how many CPUs and CPUID leaves there are), or what a struct in
# guest memory asked for (a multicall's entries, a domctl's lengths).  Their
# scenarios say so and expect nothing.
UNDECIDED = {"domctl", "sysctl", "multicall", "xen_version.build_id"}


@pytest.fixture(scope="module")
def pvh():
    return read_recording("pvh")


@pytest.fixture(scope="module")
def sample(pvh):
    kinds = {}
    for seen in recorded_calls(pvh):
        if any(size for _, _, size in seen.copies):
            kinds.setdefault((seen.domain, name_of(seen.call)), []).append(seen)
    assert len(kinds) > 50
    chosen = []
    for (_, name), calls in sorted(kinds.items()):
        if name not in UNDECIDED:
            wanted = min(len(calls), COMMON if len(calls) > 1000 else SAMPLE)
            chosen += [calls[at * len(calls) // wanted] for at in range(wanted)]
    return chosen


def made_by(trace):
    """The model's copies, and for each piece where it lies and the frame that was found."""
    copies, pieces = [], []
    for node in trace.steps:
        step = node.step
        if isinstance(step, Copy):
            copies.append((step.direction, step.handle, step.size))
        elif isinstance(step, Piece):
            pieces.append([step.handle, None])
        elif isinstance(step, Move):
            pieces[-1][1] = step.gpa.value >> 12
    return copies, [tuple(piece) for piece in pieces]


def test_the_model_copies_and_walks_as_the_real_xen_did(pvh, sample):
    names = Counter()
    pieces = 0
    for seen in sample:
        scenario = scenario_of(pvh, seen)
        trace = run(scenario, "linear-walk")
        copies, walked = made_by(trace)
        where = f"{name_of(seen.call)}, row {seen.row}"
        assert copies == [copy for copy in seen.copies if copy[2]], where
        assert tuple(walked) == walks_during(pvh, seen.row), where
        assert trace.outcome.calls.walks == len(walked), where
        assert trace.outcome.status == "right", where
        assert scenario.expects, where
        names[name_of(seen.call)] += 1
        pieces += len(walked)
    assert len(names) >= 35
    assert sum(names.values()) >= 350
    assert pieces > 700


def test_a_call_over_two_pages_takes_two_walks(pvh):
    """The recording has two copies that cross a page; the model makes both walks of each."""
    accesses = pvh.accesses
    last = (accesses.address & np.uint64(4095)) + accesses.size.astype(np.uint64) - np.uint64(1)
    rows = {int(row) for row in accesses.call[accesses.inside & (last >> np.uint64(12) == 1)]}
    crossing = [s for s in recorded_calls(pvh) if s.row in rows]
    assert crossing
    for seen in crossing:
        copies, walked = made_by(run(scenario_of(pvh, seen), "linear-walk"))
        assert len(walked) == len(copies) + 1
        assert tuple(walked) == walks_during(pvh, seen.row)
