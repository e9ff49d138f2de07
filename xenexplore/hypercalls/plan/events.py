"""Events between a copy plan and its driver: calls, copies, choices, outcomes."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from xenexplore.hypercalls.catalogue.abis import HVM32
from xenexplore.hypercalls.catalogue.entries import Family, SubOp
from xenexplore.hypercalls.language.values import Free, StructValue, Value
from xenexplore.hypercalls.releases import DEFAULT
from xenexplore.steps import ERRNOS, Direction, Ending

__all__ = [
    "FAULT",
    "ImpossibleError",
    "PlanCall",
    "PlanChoice",
    "PlanCopy",
    "PlanFault",
    "PlanOutcome",
    "Reply",
    "Steps",
]


class PlanFault:
    """Type of :data:`FAULT`: the access failed."""

    def __repr__(self) -> str:
        return "FAULT"


FAULT: Final = PlanFault()


class ImpossibleError(Exception):
    """An answer to a :class:`PlanChoice` contradicts what is known; the run ends."""


@dataclass(frozen=True, slots=True)
class PlanCall:
    """A hypercall as Xen receives it.

    Attributes:
        number: the hypercall number.
        args: the argument registers, in order; missing ones are 0.
        guest: ``"hvm"`` (PVH too), ``"pv"`` or ``"arm"``; ``"hvm32"`` by the 32-bit ABI.
        rsp: the guest's stack pointer, if known (PV's iret reads its frame there).
        facts: what is known of the caller, by name
            (:data:`~xenexplore.hypercalls.callers.FACTS`); anything else depends on
            Xen's state.
        xen: the release of Xen that gets it.
    """

    number: int
    args: tuple[int, ...]
    guest: str
    rsp: int | None = None
    facts: Mapping[str, int] = field(default_factory=dict, hash=False)
    xen: str = DEFAULT


@dataclass(frozen=True, slots=True)
class PlanCopy:
    """One access to guest memory that Xen makes.

    Attributes:
        direction: from the guest, to the guest, or clear.
        address: guest linear address.
        length: bytes.
        type: what is copied, e.g. ``"xen_memory_reservation"``.
        member: the field of it that alone is copied, or ``""``.
        role: which piece this is, in words.
        element: index in its array, or -1.
        inline: a recorder that hooks the copy functions cannot see it.
        data: for ``"to"``: what is written, where Xen writes back what it read.
        title: hypercall and sub-op that make the access.
        subject: the vCPU whose registered area this is, or None for an argument of the call.
    """

    direction: Direction
    address: Value
    length: Value
    type: str
    member: str
    role: str
    element: int
    inline: bool
    data: bytes | None
    title: str
    subject: Value | None = None

    def accepts(self, address: int, length: int) -> bool:
        """Whether the access can be this one; binds what is free in it."""
        return _equal(self.address, address) and _equal(self.length, length)

    @property
    def fixed(self) -> bool:
        """Whether both address and length are decided."""
        return not isinstance(self.address, Free) and not isinstance(self.length, Free)


def _equal(value: Value, seen: int) -> bool:
    return value == seen if isinstance(value, int) else value.bind(seen)


@dataclass(frozen=True, slots=True)
class PlanChoice:
    """A point where arguments and known contents do not determine what Xen does.

    Attributes:
        kind: ``"branch"`` and ``"loop"`` (unknown contents), ``"callee"`` and
            ``"sub-op"`` (unknown number), ``"state"``, ``"fail"`` and
            ``"continue"`` (Xen's state).
        reason: the condition, or why.
        ends: whether the reply True makes the hypercall end here and now.
        family: of a sub-op: the hypercall's name.
        errnos: of an error: what Xen may return, by name.
        options: the possible replies, the usual one first.
    """

    kind: str
    reason: str
    options: tuple[bool | int, ...]
    ends: bool = False
    family: str = ""
    errnos: tuple[str, ...] = ()

    def __str__(self) -> str:
        errnos = " or ".join(f"-{name}" for name in self.errnos)
        return ": ".join(part for part in (self.kind, errnos, self.reason) if part)

    @property
    def usual(self) -> bool | int:
        """The reply on Xen's ordinary path."""
        return self.options[0]


@dataclass(frozen=True, slots=True)
class PlanOutcome:
    """Ending of a hypercall (one leg of it, if it was preempted).

    Attributes:
        how: returned, failed, continued, or unmodelled where the catalogue has no plan.
        reason: why it failed or was preempted.
        args: the argument registers of the next leg, if it was preempted.
        contents: what was copied in and given a name, in order; where contents
            were not known, with what the accesses decided about them.
        value: what it returned; a negative errno where it failed; free where that is
            Xen's own answer.
        what: what the value is, in words, e.g. ``"extents done"``; empty: 0 is success.
    """

    how: Ending
    reason: str = ""
    args: tuple[Value, ...] | None = None
    contents: tuple[StructValue, ...] = ()
    value: Value = 0
    what: str = ""

    @classmethod
    def failed(cls, errno: str, reason: str = "") -> PlanOutcome:
        """A hypercall that returned an error, given by name."""
        return cls(Ending.FAILED, reason, value=-ERRNOS[errno])

    def unless_compat(self, guest: str, entry: Family | SubOp | None) -> PlanOutcome:
        """This refusal; but of a 32-bit call that 64-bit guests have, nothing is known."""
        if guest != HVM32 or entry is None or "hvm" not in entry.guests:
            return self
        return PlanOutcome(
            Ending.UNMODELLED, f"the catalogue lacks the 32-bit ABI of {entry.title}"
        )


Reply: TypeAlias = "bytes | PlanFault | bool | int | None"
Steps: TypeAlias = "Generator[PlanCopy | PlanChoice, Reply, PlanOutcome]"
