"""Two runs side by side: the steps that make a count, aligned; and what came of a run so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import TypeAlias

from xenexplore.hypervisor.outcome import counts_of, outcome_of
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Action, Copy, Hypercall, Move, Phase, PhaseName, Return, Status

__all__ = ["AlignedSteps", "WaitKey", "aligned_steps", "set_up_steps", "status_changes", "waits_of"]

#: Action, part of it, call in it, copy in that: what runs of different designs have in common.
WaitKey: TypeAlias = tuple[int, int, int, int]

_LAST = 1_000_000  # a call's return comes after all of its copies
_PARTS = {PhaseName.PREPARE: 1, PhaseName.FINISH: 3}
_CALLS = 2


def waits_of(trace: Trace) -> tuple[tuple[int, WaitKey], ...]:
    """Where runs of one scenario wait for each other: a step, and a key that ascends.

    Actions, preparations, calls, copies and returns: keys are comparable between designs that
    do different things in between.
    """
    waits: list[tuple[int, WaitKey]] = [(0, (0, 0, 0, 0))]
    action = call = copy = 0
    for node in trace.steps:
        step = node.step
        key: WaitKey
        if isinstance(step, Action):
            action, call, copy = action + 1, 0, 0
            key = (action, 0, 0, 0)
        elif isinstance(step, Phase) and step.name in _PARTS:
            key = (action, _PARTS[step.name], 0, 0)
        elif isinstance(step, Hypercall):
            call, copy = call + 1, 0
            key = (action, _CALLS, call, 0)
        elif isinstance(step, Copy):
            copy += 1
            key = (action, _CALLS, call, copy)
        elif isinstance(step, Return):
            key = (action, _CALLS, call, _LAST)
        else:
            continue
        if waits[-1][1] < key:
            waits.append((node.index, key))
    return tuple(waits)


def set_up_steps(trace: Trace, tree: StepTree) -> frozenset[int]:
    """The steps of what is done once."""
    return frozenset(
        inner.index
        for node in trace.steps
        if isinstance(node.step, Phase) and node.step.name is PhaseName.SETUP
        for inner in tree.inside(node.index)
    )


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


_RANKS = (Status.RIGHT, Status.ERROR, Status.WRONG, Status.REFUSED)


def status_changes(trace: Trace) -> tuple[tuple[int, Status | None], ...]:
    """The verdict as a run goes on: from which step on it is which; None before any byte moves."""
    changes: list[tuple[int, Status | None]] = [(0, None)]
    now = -1
    for node in trace.steps:
        status = outcome_of((node,)).status
        if status is Status.RIGHT and not isinstance(node.step, Move):
            continue
        rank = _RANKS.index(status)
        if rank > now:
            now = rank
            changes.append((node.index, status))
    if now < 0 and trace.outcome.status is Status.RIGHT and len(trace.steps):
        changes.append((len(trace.steps) - 1, Status.RIGHT))
    return tuple(changes)
