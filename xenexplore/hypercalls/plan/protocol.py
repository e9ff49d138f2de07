"""The interface that a copy plan's frame needs of its interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from xenexplore.hypercalls.language.values import StructValue, Value
from xenexplore.hypercalls.plan.events import Steps

__all__ = ["Interpreter"]


class Interpreter(Protocol):
    """The state of one run, and the way into a hypercall inside another.

    Attributes:
        guest: ``"hvm"``, ``"pv"`` or ``"arm"``.
        facts: what is known of the caller, by name (:data:`~..callers.FACTS`).
        rsp: the guest's stack pointer.
        depth: how many multicalls are around.
        contents: what was copied in and given a name so far, in order.
    """

    guest: str
    facts: dict[str, Value]
    rsp: Value
    depth: int
    contents: list[StructValue]

    def hypercall(self, number: int, args: Sequence[Value], prefix: str) -> Steps:
        """Run one hypercall."""
        ...
