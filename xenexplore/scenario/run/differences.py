"""First difference between two runs of one scenario."""

from __future__ import annotations

from itertools import zip_longest

from xenexplore.scenario.run.comparison import Difference
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import (
    Action,
    Copy,
    Exit,
    Hypercall,
    Move,
    Node,
    Note,
    P2mLookup,
    Phase,
    PhaseName,
    Piece,
    PteRead,
    Return,
    Step,
    TlbInsert,
    TlbPurge,
)

__all__ = ["first_difference"]


def first_difference(first: Trace, other: Trace) -> Difference | None:
    """The first step that matters and differs, setup left out; None if there is none.

    Phases and notes say what steps mean and are not compared; sentences
    and citations are not, either.  Where one of the two options has no
    registered buffers, actions that register or purge are left out as well.
    """
    skip = () if _registers(first) and _registers(other) else ("register", "purge")
    for one, two in zip_longest(_compared(first, skip), _compared(other, skip)):
        if one is None or two is None or _key(one.step) != _key(two.step):
            return Difference(
                first=None if one is None else one.index,
                other=None if two is None else two.index,
                first_says="" if one is None else one.step.say(),
                other_says="" if two is None else two.step.say(),
            )
    return None


def _registers(trace: Trace) -> bool:
    """Whether the option acts on a scenario's request to register."""
    return any(isinstance(node.step, TlbInsert | TlbPurge) for node in trace.steps)


def _compared(trace: Trace, skip: tuple[str, ...]) -> list[Node]:
    """Steps after the setup; phases, notes and some actions left out."""
    inside: set[int] = set()
    found = []
    for node in trace.steps:
        step = node.step
        left_out = (isinstance(step, Phase) and step.name is PhaseName.SETUP) or (
            isinstance(step, Action) and step.name in skip
        )
        if left_out or node.parent in inside:
            inside.add(node.index)
        elif not isinstance(node.step, Phase | Note):
            found.append(node)
    return found


def _key(step: Step) -> tuple[object, ...]:
    """Key of a step, by which it equals another: where it leads, not its wording."""
    match step:
        case Action():
            return step.kind, step.name, step.vcpu, step.detail
        case Hypercall():
            return step.kind, step.vcpu, step.number, step.args, step.leg
        case Exit():
            return step.kind, step.vcpu
        case Copy():
            return step.kind, step.direction, step.handle, step.size, step.current
        case Piece():
            return step.kind, step.handle, step.size
        case PteRead():
            return step.kind, step.entry_at
        case P2mLookup():
            return step.kind, step.gfn
        case Move():
            return step.kind, step.direction, step.gpa, step.size, step.meant, step.spoilt
        case Return():
            return step.kind, step.vcpu, step.value
        case _:
            return step.kind, step.say()
