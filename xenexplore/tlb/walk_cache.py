"""A direct-mapped cache of walks, as shadow paging's vTLB is one.

An entry stands for a walk that succeeded: the page, the frame, and what was asked
(error-code bits).  It serves a walk that asks for no more than it did: a write's
walk has tested RW and CR0.WP and set Dirty, and serves reads; a read's serves no
write.  The slot is the page's number modulo the number of slots; a new entry
replaces what is there.

Source: struct shadow_vtlb, vtlb_hash(), vtlb_insert() and vtlb_lookup(),
xen/arch/x86/mm/shadow/private.h.
"""

from __future__ import annotations

from typing import NamedTuple

from xenexplore.errors import MachineError

__all__ = ["VTLB_ENTRIES", "CachedWalk", "WalkCache"]

VTLB_ENTRIES = 13
"""Slots of shadow paging's cache, one for each vCPU (xen/arch/x86/mm/shadow/private.h)."""


class CachedWalk(NamedTuple):
    """One entry.

    Attributes:
        page: number of the linear page.
        frame: the guest frame.
        pfec: what the walk was asked, as error-code bits.
    """

    page: int
    frame: int
    pfec: int


class WalkCache:
    """The cache of one vCPU.  Mutable.

    Args:
        slots: how many.

    Raises:
        MachineError: fewer than one slot.

    >>> cache = WalkCache(13)
    >>> _ = cache.insert(0xFFFFC90000613, 0x6BF7, 0)
    >>> cache.find(0xFFFFC90000613, 0), cache.find(0xFFFFC90000613, 2)
    (27639, None)
    """

    __slots__ = ("_held", "slots")

    def __init__(self, slots: int = VTLB_ENTRIES) -> None:
        if slots < 1:
            raise MachineError(f"a cache of walks has at least 1 slot, got {slots}")
        self.slots = slots
        self._held: dict[int, CachedWalk] = {}

    def slot(self, page: int) -> int:
        """The slot that a page's number selects."""
        return page % self.slots

    def held(self, slot: int) -> CachedWalk | None:
        """Contents of a slot."""
        return self._held.get(slot)

    def find(self, page: int, pfec: int) -> int | None:
        """The frame of a page, if a walk that was asked at least these bits is remembered."""
        entry = self._held.get(self.slot(page))
        if entry is None or entry.page != page or entry.pfec & pfec != pfec:
            return None
        return entry.frame

    def insert(self, page: int, frame: int, pfec: int) -> CachedWalk | None:
        """Remember a walk that succeeded; returns what it replaces."""
        slot = self.slot(page)
        before = self._held.get(slot)
        self._held[slot] = CachedWalk(page, frame, pfec)
        return before

    def flush(self) -> tuple[CachedWalk, ...]:
        """Forget everything; returns what was held, by slot."""
        gone = tuple(self._held[slot] for slot in sorted(self._held))
        self._held.clear()
        return gone
