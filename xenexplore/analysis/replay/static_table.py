"""A software TLB that no longer changes, searched for many addresses at once.

The table is filled by :class:`xenexplore.tlb.TlbTable` itself; only the
search is done a second time here, and held to the first by a property test.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE
from xenexplore.tlb import Held, InsertRules, TlbEntry, TlbTable
from xenexplore.tlb.search import direct_slots
from xenexplore.tlb.table import Policy, SearchKind, Straddle

__all__ = ["Lookups", "StaticTable"]


# Below this many entries the real table is quick enough.
_MANY = 64


@dataclass(frozen=True, slots=True)
class Lookups:
    """Results of searching a table for accesses; one row per access.

    Attributes:
        slot: int32: slot that serves the first byte, or -1.
        lookups, hits, compares: int64: searches made, those that hit, entries compared.
        walks: int64: pages walked (one walk each).
        pieces: int64: pieces moved: one P2M lookup each for the frame itself.
        failed: bool: a miss that may not be walked ended the access.
    """

    slot: NDArray[np.int32]
    lookups: NDArray[np.int64]
    hits: NDArray[np.int64]
    compares: NDArray[np.int64]
    walks: NDArray[np.int64]
    pieces: NDArray[np.int64]
    failed: NDArray[np.bool_]


class StaticTable:
    """Registered ranges, none overlapping.

    Args:
        entries: in the order in which they are registered.
        capacity: slots, or None for as many as are needed.
        policy: the policies of a full table.
        search: how it is searched.

    Attributes:
        inserted: insertions asked for.
        held: entries that are there in the end, by slot.
    """

    def __init__(
        self,
        entries: Sequence[TlbEntry],
        *,
        capacity: int | None = None,
        policy: Policy = "refuse",
        search: SearchKind = "scan",
    ) -> None:
        self.inserted = len(entries)
        self.held = _filled(entries, capacity, policy, search)
        self._search = search
        order = sorted(range(len(self.held)), key=lambda i: self.held[i].entry.va.value)
        ordered = [self.held[i] for i in order]
        self._start = np.array([held.entry.va.value for held in ordered], np.uint64)
        self._size = np.array([held.entry.size for held in ordered], np.uint64)
        self._offset = np.array([held.entry.pa.value % PAGE_SIZE for held in ordered], np.uint64)
        self._slot = np.array([held.slot for held in ordered], np.int32)
        self._rank = np.array(order, np.int64)
        self._hit_probes, self._miss_probes = _probes(len(ordered))
        self._direct = np.full(capacity or 1, -1, np.int64)
        if search == "direct":
            assert capacity is not None
            for index, held in enumerate(ordered):
                self._direct[list(direct_slots(held.entry, capacity))] = index

    def __len__(self) -> int:
        return len(self.held)

    def find(self, va: NDArray[np.uint64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Entry that serves each address (by address order, -1: none), and the compares made."""
        if not len(self.held):
            none = np.full(len(va), -1, np.int64)
            return none, np.full(len(va), int(self._search == "direct"), np.int64)
        if self._search == "direct":
            page = va >> np.uint64(PAGE_SHIFT)
            index = self._direct[(page % np.uint64(len(self._direct))).astype(np.int64)]
        else:
            index = np.searchsorted(self._start, va, side="right") - 1
        at = np.maximum(index, 0)
        inside = (index >= 0) & (va >= self._start[at]) & (va - self._start[at] < self._size[at])
        if self._search == "direct":
            compares = np.ones(len(va), np.int64)
        elif self._search == "sorted":
            compares = np.where(inside, self._hit_probes[at], self._miss_probes[index + 1])
        else:
            compares = np.where(inside, self._rank[at] + 1, len(self.held))
        return np.where(inside, index, -1), compares

    def look_up(
        self,
        va: NDArray[np.uint64],
        size: NDArray[np.uint64],
        *,
        straddle: Straddle = "redo",
        walk: bool = True,
    ) -> Lookups:
        """Search for whole accesses, piece after piece, as RegisteredBuffers.locate() does.

        Args:
            va: uint64: first bytes.
            size: uint64: lengths, at least 1.
            straddle: what happens to an access that extends past its entry.
            walk: whether a miss is walked; else it fails the access.
        """
        count = len(va)
        sums = {name: np.zeros(count, np.int64) for name in ("lookups", "hits", "compares",
                                                             "walks", "pieces")}  # fmt: skip
        first = np.full(count, -1, np.int32)
        failed = np.zeros(count, np.bool_)
        rows, at, left = np.arange(count), va.astype(np.uint64), size.astype(np.uint64)
        fresh = True
        while len(rows):
            index, compares = self.find(at)
            safe = np.maximum(index, 0)
            covered = np.zeros(len(rows), np.uint64)
            hit = index >= 0
            if hit.any():
                room = self._size[safe] - (at - self._start[safe])
                covered = np.where(hit, np.minimum(left, room), covered)
            refused = hit & (covered < left) & (straddle == "miss")
            served = hit & ~refused
            sums["lookups"][rows] += 1
            sums["hits"][rows] += served
            sums["compares"][rows] += compares
            if fresh:
                first[rows[served]] = self._slot[index[served]]
                fresh = False
            offset = at & np.uint64(PAGE_SIZE - 1)
            to_walk = np.where(refused, left, np.minimum(left, np.uint64(PAGE_SIZE) - offset))
            if walk:
                walked = np.where(served, 0, _pages(offset, to_walk))
            else:
                walked = np.zeros(len(rows), np.int64)
                failed[rows[~served]] = True
            sums["walks"][rows] += walked
            sums["pieces"][rows] += walked
            sums["pieces"][rows[served]] += self._moved(index[served], at[served], covered[served])
            step = np.where(served, covered, to_walk)
            going = (left > step) & (served | walk)
            rows, at, left = rows[going], (at + step)[going], (left - step)[going]
        return Lookups(first, failed=failed, **sums)

    def _moved(
        self, index: NDArray[np.int64], at: NDArray[np.uint64], covered: NDArray[np.uint64]
    ) -> NDArray[np.int64]:
        """Pieces of what an entry covers: cut at pages of the guest-*physical* address."""
        offset = (self._offset[index] + (at - self._start[index])) % np.uint64(PAGE_SIZE)
        return _pages(offset, covered)


def _filled(
    entries: Sequence[TlbEntry], capacity: int | None, policy: Policy, search: SearchKind
) -> tuple[Held, ...]:
    """Contents of a table after the insertions, by slot."""
    room = capacity is None or len(entries) <= capacity
    if room and search != "direct" and len(entries) > _MANY:
        # Each insertion looks for overlaps among all entries.  Where there are
        # none, and room for all, the slots are the order of insertion.
        order = sorted(entries, key=lambda entry: entry.va.value)
        apart = all(one.end <= other.va.value for one, other in itertools.pairwise(order))
        rules = InsertRules()
        if apart and not any(rules.validate_entry(entry) for entry in entries):
            return tuple(itertools.starmap(Held, enumerate(entries)))
    table = TlbTable(capacity, policy, search)
    for entry in entries:
        table.insert(entry)
    return table.entries


def _pages(offset: NDArray[np.uint64], size: NDArray[np.uint64]) -> NDArray[np.int64]:
    last = (offset + size - np.uint64(1)) >> np.uint64(PAGE_SHIFT)
    return last.astype(np.int64) + 1


def _probes(count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Probes of a three-way bisection of ``count`` entries: for each entry, for each gap."""
    hits, misses = np.zeros(max(count, 1), np.int64), np.zeros(count + 1, np.int64)
    open_ = [(0, count, 0)]
    while open_:
        low, high, probes = open_.pop()
        if low >= high:
            misses[low] = probes
            continue
        middle = (low + high) // 2
        hits[middle] = probes + 1
        open_ += [(low, middle, probes + 1), (middle + 1, high, probes + 1)]
    return hits, misses
