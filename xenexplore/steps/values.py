"""Words that modules pass to each other: one spelling each, never a sentence.

Each is a string to JSON and to a reader, and a value to the code: nothing in the
project decides by comparing text.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = [
    "Direction",
    "Ending",
    "FaultKind",
    "FlushCause",
    "ListWord",
    "PhaseName",
    "PlanVerdict",
    "PurgeScope",
    "Purpose",
    "Spoilt",
    "Status",
    "Translation",
    "WalkCacheKind",
]


class Direction(StrEnum):
    """Direction of an argument, seen from Xen."""

    FROM = "from"
    TO = "to"
    CLEAR = "clear"

    @property
    def writes(self) -> bool:
        """Whether Xen writes guest memory."""
        return self is not Direction.FROM


class Status(StrEnum):
    """A run's verdict; see :class:`~xenexplore.hypervisor.outcome.Outcome`."""

    RIGHT = "right"
    WRONG = "wrong"
    ERROR = "error"
    REFUSED = "refused"


class Spoilt(StrEnum):
    """Reason why bytes that moved are unusable where they lie."""

    NOT = ""
    CIPHERTEXT = "ciphertext"
    GARBAGE = "garbage"
    DROPPED = "dropped"


class Ending(StrEnum):
    """Ending of a hypercall, or of one leg of it, in its copy plan."""

    RETURNED = "returned"
    FAILED = "failed"
    CONTINUED = "continued"
    UNMODELLED = "unmodelled"


class FaultKind(StrEnum):
    """Cause of a failed translation or access."""

    PAGE_FAULT = "page fault"
    NOT_CANONICAL = "not canonical"
    P2M = "p2m"
    """The P2M has no page that Xen may use for this access."""
    RMP_VIOLATION = "RMP violation"
    LIST = "list"
    """The handle names no list."""
    TLB_MISS = "TLB miss"
    """No registered buffer holds the address, and Xen may not walk."""


class ListWord(StrEnum):
    """Meaning of one element of a scatter/gather list."""

    GFN = "gfn"
    OFFSET = "offset"
    ADDRESS = "address"
    LENGTH = "length"


class PhaseName(StrEnum):
    """The stretches of the guest's own work."""

    SETUP = "setup"
    """Once, before the first call."""
    PREPARE = "prepare"
    FINISH = "finish"


class PlanVerdict(StrEnum):
    """Whether a copy plan allows the copies recorded on a real Xen."""

    EXACT = "exact"
    FREE = "free"
    UNEXPLAINED = "unexplained"
    UNMODELLED = "unmodelled"
    UNKNOWN = "unknown"

    @property
    def explained(self) -> bool:
        """Whether the plan allows it."""
        return self in (PlanVerdict.EXACT, PlanVerdict.FREE)


class Purpose(StrEnum):
    """Purpose of a P2M lookup."""

    TABLE = "table"
    """A page table of the guest, at the lookup's level."""
    WALK_END = "walk end"
    """The frame of the linear address: where a walk ended."""
    BUFFER = "buffer"
    """A frame whose bytes Xen copies."""


class PurgeScope(StrEnum):
    """Scope of a purge of registered entries."""

    RANGE = "range"
    """Those that overlap a linear range."""
    SPACE = "space"
    """Those that are not global, as a switch of address spaces would purge."""
    ALL = "all"


class Translation(StrEnum):
    """Way in which a guest finds the physical address of one of its own buffers."""

    ARITHMETIC = "arithmetic"
    TABLE_WALK = "table walk"


class WalkCacheKind(StrEnum):
    """Kind of cache of walks; the value is its name in a sentence."""

    VTLB = "the vTLB"
    """Shadow paging's."""
    HAP = "the HAP cache"
    """The equivalent for HAP; a design of ours."""


class FlushCause(StrEnum):
    """Cause for which Xen forgets remembered walks."""

    CR3_WRITE = "cr3-write"
    INVLPG = "invlpg"
    ENTRY = "entry"
    PREEMPTED = "preempted"
    SWITCHED_OUT = "switched-out"
