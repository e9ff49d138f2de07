"""What a page is told beside the trace: counts, notes, rows of every step; little of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from browser import made

from xenexplore.hypervisor.outcome import Counts
from xenexplore.render.svg.explanation import COUNTED, capitalised
from xenexplore.render.views.moment import moment_at
from xenexplore.render.views.notes import notes_at
from xenexplore.render.views.step_tree import StepTree
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.run.trace import Trace

MADE = (made.stack_send, made.wrong_vcpu, made.private, made.straddling)


def view_of(trace: Trace) -> dict[str, Any]:
    view: dict[str, Any] = json.loads(trace_view_json(trace))["view"]
    return view


@pytest.mark.parametrize("make", MADE)
def test_every_step_has_its_counts_and_notes(make: Any) -> None:
    trace = make()
    view, tree = view_of(trace), StepTree(trace.steps)
    sums = [0] * (2 * len(COUNTED))
    for index in range(len(trace)):
        for counter, value in view["deltas"][view["delta"][index]]:
            sums[counter] += value
        moment = moment_at(trace, index, tree)
        names = [name for name, _ in COUNTED]
        calls = Counts(**dict(zip(names, sums, strict=False)))
        once = Counts(**dict(zip(names, sums[len(names) :], strict=True)))
        assert (calls, once) == (moment.counts, moment.once)
        told = [view["texts"][at] for at in view["notes"][view["note"][index]]]
        assert told == [capitalised(note) for note in notes_at(trace, tree, index)]


@pytest.mark.parametrize("make", MADE)
def test_every_step_is_in_a_row_of_its_unit(make: Any) -> None:
    trace = make()
    view = view_of(trace)
    for index, unit in enumerate(view["unit"]):
        rows = view["rows"][str(unit)]
        assert any(first <= index <= last for first, last, _, _ in rows)
        assert all(words < len(view["words"]) for _, _, words, _ in rows)


def test_what_repeats_is_written_once() -> None:
    trace = made.many_sends()
    assert len(trace_view_json(trace)) < 1.25 * len(trace.to_json())
    assert len(view_of(trace)["links"]) == len(json.loads(trace.to_json())["cites"])
