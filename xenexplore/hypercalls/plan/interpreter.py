"""The interpreter that runs copy plans: one frame for each hypercall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xenexplore.hypercalls.callers import FACTS
from xenexplore.hypercalls.catalogue.abis import serves
from xenexplore.hypercalls.catalogue.entries import family_of
from xenexplore.hypercalls.language.values import Free, StructValue, Value, Variable
from xenexplore.hypercalls.plan.call_frame import CallFrame
from xenexplore.hypercalls.plan.events import PlanOutcome, Steps
from xenexplore.steps import Ending

__all__ = ["PlanInterpreter"]

_RETURNED = PlanOutcome(Ending.RETURNED)


class PlanInterpreter:
    """The state of one run."""

    def __init__(self, guest: str, rsp: int | None, facts: Mapping[str, int], xen: str) -> None:
        self.guest = guest
        self.xen = xen
        self.facts: dict[str, Value] = {
            name: facts.get(name, Free(Variable(name))) for name in FACTS
        }
        self.rsp: Value = Free(Variable("rsp")) if rsp is None else rsp
        self.depth = 0
        self.contents: list[StructValue] = []

    def hypercall(self, number: int, args: Sequence[Value], prefix: str) -> Steps:
        """Run one hypercall."""
        found = family_of(number, self.xen)
        if found is None or not serves(found, self.guest):
            lacks = PlanOutcome.failed("ENOSYS", "this guest has no such hypercall")
            return lacks.unless_compat(self.guest, found)
        if found.missing:
            return PlanOutcome(Ending.UNMODELLED, found.missing)
        frame = CallFrame(self, found, args, prefix)
        ended = yield from frame.block(found.plan)
        outcome = ended if isinstance(ended, PlanOutcome) else _RETURNED
        return frame.returned(outcome) if outcome.how is Ending.RETURNED else outcome
