"""Runs of one scenario in step: where they wait for each other, and what came of each so far."""

from __future__ import annotations

from typing import TypeAlias

from xenexplore.hypervisor.outcome import GRAVEST, step_status
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Action, Copy, Hypercall, Move, Phase, PhaseName, Return, Status

__all__ = ["CALLS", "PARTS", "RETURN", "WaitKey", "set_up_steps", "status_changes", "waits_of"]

#: Action, part of it, call in it, copy in that: what runs of different designs have in common.
WaitKey: TypeAlias = tuple[int, int, int, int]

#: In a key, in place of a copy: a call's return, which comes after all of its copies.
RETURN = 1_000_000
#: In a key, the part of an action: its preparation and its end; its calls lie between.
PARTS = {PhaseName.PREPARE: 1, PhaseName.FINISH: 3}
CALLS = 2


def waits_of(trace: Trace) -> tuple[tuple[int, WaitKey], ...]:
    """Points where runs of one scenario wait for each other: a step, and a key that ascends.

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
        elif isinstance(step, Phase) and step.name in PARTS:
            key = (action, PARTS[step.name], 0, 0)
        elif isinstance(step, Hypercall):
            call, copy = call + 1, 0
            key = (action, CALLS, call, 0)
        elif isinstance(step, Copy):
            copy += 1
            key = (action, CALLS, call, copy)
        elif isinstance(step, Return):
            key = (action, CALLS, call, RETURN)
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


def status_changes(trace: Trace) -> tuple[tuple[int, Status | None], ...]:
    """The verdict as a run goes on: from which step on it is which; None before any byte moves."""
    changes: list[tuple[int, Status | None]] = [(0, None)]
    for node in trace.steps:
        status, now = step_status(node.step), changes[-1][1]
        if status is Status.RIGHT and not isinstance(node.step, Move):
            continue
        if now is None or GRAVEST.index(status) < GRAVEST.index(now):
            changes.append((node.index, status))
    if changes[-1][1] is None and trace.outcome.status is Status.RIGHT and len(trace.steps):
        changes.append((len(trace.steps) - 1, Status.RIGHT))
    return tuple(changes)
