"""The machine that runs copy plans: one frame for each hypercall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from xenexplore.hypercalls.callers import FACTS
from xenexplore.hypercalls.catalogue import family_of
from xenexplore.hypercalls.events import Outcome, Steps
from xenexplore.hypercalls.frame import Frame
from xenexplore.hypercalls.values import Free, StructValue, Value, Variable
from xenexplore.steps import Ending

__all__ = ["Machine"]

_RETURNED = Outcome(Ending.RETURNED)


class Machine:
    """The state of one run."""

    def __init__(self, guest: str, rsp: int | None, facts: Mapping[str, int]) -> None:
        self.guest = guest
        self.facts: dict[str, Value] = {
            name: facts.get(name, Free(Variable(name))) for name in FACTS
        }
        self.rsp: Value = Free(Variable("rsp")) if rsp is None else rsp
        self.depth = 0
        self.contents: list[StructValue] = []

    def hypercall(self, number: int, args: Sequence[Value], prefix: str) -> Steps:
        """Run one hypercall."""
        found = family_of(number)
        if found is None or self.guest not in found.guests:
            return Outcome.failed("ENOSYS", "this guest has no such hypercall")
        if found.missing:
            return Outcome(Ending.UNMODELLED, found.missing)
        frame = Frame(self, found, args, prefix)
        ended = yield from frame.block(found.plan)
        outcome = ended if isinstance(ended, Outcome) else _RETURNED
        return frame.returned(outcome) if outcome.how is Ending.RETURNED else outcome
