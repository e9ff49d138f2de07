"""Ways to find the entry for an address, and the compares of each.

A *compare* is one entry held against the address (bounds and tag together).
What each structure would really do is done here, so that its count is counted
and not computed:

``scan``    the slots from 0 upwards, until one contains the address; slots
            that a purge left empty are skipped and cost nothing.
``sorted``  an index of slots ordered by linear address, one for each address
            space and one for entries without a tag; three-way bisection, so
            at most ``floor(log2(n)) + 1`` compares in each index.
``direct``  slot = linear page number modulo the number of slots; one compare,
            always.  An entry takes the slot of every page that it touches, so
            that a range of more pages than slots takes the whole table.

Source: the question is Beulich's (few entries?), 29 Sep 2022,
<6a3d38a8-bac3-fa59-e882-0d95a8d3e5d0@suse.com>; the structures are ours.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Protocol

from xenexplore.addr import PAGE_SHIFT
from xenexplore.tlb.entry import Held, TlbEntry

__all__ = ["Bisection", "DirectMap", "Scan", "TlbSearch", "direct_slots"]


class TlbSearch(Protocol):
    """Finds the entry that serves an address; entries never conflict."""

    def add(self, held: Held) -> None:
        """Make an entry findable."""

    def drop(self, held: Held) -> None:
        """Forget an entry that was added."""

    def find(self, va: int, space: int | None) -> tuple[Held | None, int]:
        """The entry that serves ``va`` in ``space``, if any, and the compares made."""


class Scan:
    """Every slot in order."""

    __slots__ = ("_held", "_slots")

    def __init__(self) -> None:
        self._slots: list[int] = []
        self._held: dict[int, Held] = {}

    def add(self, held: Held) -> None:
        insort(self._slots, held.slot)
        self._held[held.slot] = held

    def drop(self, held: Held) -> None:
        del self._slots[bisect_left(self._slots, held.slot)]
        del self._held[held.slot]

    def find(self, va: int, space: int | None) -> tuple[Held | None, int]:
        for compares, slot in enumerate(self._slots, 1):
            held = self._held[slot]
            if held.entry.serves(va, space):
                return held, compares
        return None, len(self._slots)


class Bisection:
    """Slots ordered by linear address, one order for each tag."""

    __slots__ = ("_orders",)

    def __init__(self) -> None:
        self._orders: dict[int | None, list[Held]] = {}

    def add(self, held: Held) -> None:
        order = self._orders.setdefault(held.entry.tag, [])
        insort(order, held, key=_start)

    def drop(self, held: Held) -> None:
        order = self._orders[held.entry.tag]
        del order[bisect_left(order, _start(held), key=_start)]

    def find(self, va: int, space: int | None) -> tuple[Held | None, int]:
        compares = 0
        for tag in (None,) if space is None else (space, None):
            held, more = _bisect(self._orders.get(tag, []), va)
            compares += more
            if held is not None:
                return held, compares
        return None, compares


class DirectMap:
    """A slot for each linear page number, modulo the number of slots."""

    __slots__ = ("_slots",)

    def __init__(self, capacity: int) -> None:
        self._slots: list[Held | None] = [None] * capacity

    def add(self, held: Held) -> None:
        for slot in direct_slots(held.entry, len(self._slots)):
            self._slots[slot] = held

    def drop(self, held: Held) -> None:
        for slot in direct_slots(held.entry, len(self._slots)):
            self._slots[slot] = None

    def find(self, va: int, space: int | None) -> tuple[Held | None, int]:
        held = self._slots[(va >> PAGE_SHIFT) % len(self._slots)]
        return (held if held and held.entry.serves(va, space) else None), 1


def direct_slots(entry: TlbEntry, capacity: int) -> tuple[int, ...]:
    """The slots of a direct-mapped table that an entry takes, first page first."""
    first = entry.va.value >> PAGE_SHIFT
    pages = ((entry.end - 1) >> PAGE_SHIFT) - first + 1
    return tuple((first + page) % capacity for page in range(min(pages, capacity)))


def _start(held: Held) -> int:
    return held.entry.va.value


def _bisect(order: list[Held], va: int) -> tuple[Held | None, int]:
    """Three-way bisection: the entry that contains ``va``, and the probes made."""
    low, high, probes = 0, len(order), 0
    while low < high:
        middle = (low + high) // 2
        entry = order[middle].entry
        probes += 1
        if va < entry.va.value:
            high = middle
        elif va >= entry.end:
            low = middle + 1
        else:
            return order[middle], probes
    return None, probes
