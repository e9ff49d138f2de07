"""The steps that make a count in two runs, aligned: what the comparison's page is held to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from xenexplore.hypervisor.outcome import counts_of
from xenexplore.render.views.lockstep import WaitKey, set_up_steps, waits_of
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.trace import Trace


@dataclass(frozen=True, slots=True, kw_only=True)
class AlignedSteps:
    """One line of two runs side by side.

    Attributes:
        begins: the step of the first run, or else of the other, that the part begins with: an
            action, a call, a copy.
        of_first: whether ``begins`` is a step of the first run.
        first: a step of the first run and what it adds to the count, or None.
        other: likewise of the other run.
    """

    begins: int
    of_first: bool
    first: tuple[int, int] | None
    other: tuple[int, int] | None


def aligned_steps(first: Trace, other: Trace, count: str) -> tuple[AlignedSteps, ...]:
    """The steps of calls that make a count, in two runs of one scenario, part by part.

    Args:
        first: a run.
        other: another.
        count: a field of :class:`~xenexplore.hypervisor.outcome.Counts`.
    """
    parts = [_by_part(trace, count) for trace in (first, other)]
    rows = []
    for key in sorted({*parts[0], *parts[1]}):
        (begins, ours), (otherwise, theirs) = (part.get(key, (-1, [])) for part in parts)
        rows += [
            AlignedSteps(
                begins=begins if begins >= 0 else otherwise,
                of_first=begins >= 0,
                first=one,
                other=two,
            )
            for one, two in zip_longest(ours, theirs)
        ]
    return tuple(rows)


def _by_part(trace: Trace, count: str) -> dict[WaitKey, tuple[int, list[tuple[int, int]]]]:
    """Steps that add to a count, by the part of the run they belong to."""
    waits = waits_of(trace)
    once = set_up_steps(trace, StepTree(trace.steps))
    found: dict[WaitKey, tuple[int, list[tuple[int, int]]]] = {}
    at = 0
    for index, value in _adding(trace, count):
        while at + 1 < len(waits) and waits[at + 1][0] <= index:
            at += 1
        if index not in once:
            found.setdefault(waits[at][1], (waits[at][0], []))[1].append((index, value))
    return found


def _adding(trace: Trace, count: str) -> Iterator[tuple[int, int]]:
    walked: set[int] = set()
    for node in trace.steps:
        value = node.step.tally().get(count, 0)
        if count == "walks" and node.parent not in walked and counts_of((node,)).walks:
            walked.add(node.parent)
            value = 1
        if value:
            yield node.index, value
