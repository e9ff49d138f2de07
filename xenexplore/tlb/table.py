"""One table of registered buffers: insert, purge, look up.

Where the proposal is silent the choice is **ours**, and stated here:

* Two entries that one lookup could both find are refused (``-EEXIST``), so
  that a lookup never has two answers.  To change an entry, purge it first.
* A purge removes every entry that *overlaps* the range, whole: half an entry
  is never left, for its size was what the guest asked for.
* Purging what is not registered succeeds and removes nothing, for under a
  replacing policy the guest cannot know what is still there.
* An access is served by the entry that contains its *first* byte.

The guest's page tables are never consulted: an entry stays as it was given
until it is purged or replaced, whatever the guest remaps meanwhile.

Source: Gross, 28 Sep 2022, <94aab958-c141-4c43-a249-a55d8e5be735@suse.com>;
Beulich, 29 Sep 2022, <6a3d38a8-bac3-fa59-e882-0d95a8d3e5d0@suse.com>.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypeAlias

from xenexplore.addr import Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.tlb.entry import Held, TlbEntry
from xenexplore.tlb.rules import EEXIST, ENOSPC, InsertRefusal, InsertRules
from xenexplore.tlb.search import Bisection, DirectMap, Scan, TlbSearch, direct_slots

__all__ = ["Found", "Inserted", "Policy", "Purged", "SearchKind", "Straddle", "TlbTable"]

Policy: TypeAlias = Literal["refuse", "lru", "fifo"]
SearchKind: TypeAlias = Literal["scan", "sorted", "direct"]
Straddle: TypeAlias = Literal["redo", "miss"]


class Found(NamedTuple):
    """The answer to a lookup.

    Attributes:
        held: the entry that contains the first byte, and its slot, or None.
        gpa: guest-physical address of the first byte, or None: a miss.
        covered: bytes of the access that are in that entry.
        compares: entries that were compared.
    """

    held: Held | None
    gpa: Gpa | None
    covered: int
    compares: int


class Inserted(NamedTuple):
    """The answer to an insertion.

    Attributes:
        slot: slot that was filled (the first one, in a direct-mapped table),
            or None if refused.
        replaced: entries that had to go, by slot.
        result: 0, or a negative errno.
        reason: the reason for the rejection, or ``""``.
    """

    slot: int | None
    replaced: tuple[Held, ...]
    result: int
    reason: str


class Purged(NamedTuple):
    """The answer to a purge.

    Attributes:
        removed: entries that were removed, by slot.
        result: 0, or a negative errno.
        reason: the reason for the rejection, or ``""``.
    """

    removed: tuple[Held, ...]
    result: int = 0
    reason: str = ""


class TlbTable:
    """A table of registered buffers.  Mutable: lookups count as use under ``lru``.

    Attributes:
        capacity: slots, or None for as many as are needed.
        policy: when full: ``refuse`` the new entry, or replace the one least
            recently inserted or hit (``lru``), or the one inserted first
            (``fifo``).  In a direct-mapped table the page number decides which entry is evicted,
            under ``lru`` and ``fifo`` alike.
        search: the kind of search, see :mod:`xenexplore.tlb.search`.
        rules: the rules for registration.
    """

    __slots__ = ("_clock", "_held", "_search", "_used", "capacity", "policy", "rules", "search")

    def __init__(
        self,
        capacity: int | None = None,
        policy: Policy = "refuse",
        search: SearchKind = "scan",
        rules: InsertRules | None = None,
    ) -> None:
        if capacity is not None and capacity < 1:
            raise MachineError(f"capacity: expected 1 or more slots, got {capacity}")
        if policy not in ("refuse", "lru", "fifo"):
            raise MachineError(f"policy: expected refuse, lru or fifo, got {policy!r}")
        self.capacity = capacity
        self.policy: Policy = policy
        self.search: SearchKind = search
        self.rules = rules if rules is not None else InsertRules()
        self._search: TlbSearch = _structure(search, capacity)
        self._held: dict[int, Held] = {}
        self._used: dict[int, int] = {}
        self._clock = 0

    def __len__(self) -> int:
        return len(self._held)

    @property
    def entries(self) -> tuple[Held, ...]:
        """The entries now registered, by slot."""
        return tuple(self._held[slot] for slot in sorted(self._held))

    def insert(self, entry: TlbEntry) -> Inserted:
        """Register a buffer, or say why not; a refusal changes nothing."""
        refusal = self.rules.validate_entry(entry) or self._validate_overlap(entry)
        if refusal:
            return Inserted(None, (), *refusal)
        slot, victims = self._place(entry)
        if victims and self.policy == "refuse":
            reason = "the table is full"
            if self.search == "direct":
                reason = f"{_named(victims[0])} occupies the slot of one of its pages"
            return Inserted(None, (), -ENOSPC, reason)
        for victim in victims:
            self._drop(victim)
        held = Held(slot, entry)
        self._held[slot] = held
        self._search.add(held)
        self._touch(slot)
        return Inserted(slot, victims, 0, "")

    def purge(self, va: Gva, size: int, space: int | None = None) -> Purged:
        """Remove every entry that overlaps ``size`` bytes from ``va``, whole.

        Args:
            va: start of the range.
            size: its bytes.
            space: limit it to entries that a lookup in this address space
                could find; None removes whatever overlaps.
        """
        refusal = self.rules.validate_linear(va, size)
        if refusal:
            return Purged((), *refusal)
        return self._remove(
            held
            for held in self.entries
            if held.entry.overlaps(va.value, size)
            and (space is None or held.entry.tag in (None, space))
        )

    def purge_space(self, space: int | None = None) -> Purged:
        """Remove the entries that are not global: what a purge on CR3 switch does.

        Args:
            space: limit it to entries of this address space; None takes all.
        """
        return self._remove(
            held
            for held in self.entries
            if not held.entry.is_global and (space is None or held.entry.space == space)
        )

    def purge_all(self) -> Purged:
        """Remove every entry."""
        return self._remove(self.entries)

    def lookup(
        self, va: Gva, size: int, space: int | None = None, straddle: Straddle = "redo"
    ) -> Found:
        """Search for the entry that serves an access.

        Args:
            va: first linear address of the access.
            size: its bytes, at least 1.
            space: address space of the access; None finds untagged and global
                entries only.
            straddle: where the entry ends before the access does: ``redo``
                gives what it covers, and the caller asks again for the rest;
                ``miss`` counts the whole access as a miss.
        """
        if size < 1:
            raise MachineError(f"an access has at least 1 byte, got {size}")
        if straddle not in ("redo", "miss"):
            raise MachineError(f"straddle: expected redo or miss, got {straddle!r}")
        held, compares = self._search.find(va.value, space)
        if held is None:
            return Found(None, None, 0, compares)
        covered = min(size, held.entry.end - va.value)
        if covered < size and straddle == "miss":
            return Found(held, None, covered, compares)
        if self.policy == "lru":
            self._touch(held.slot)
        return Found(held, held.entry.pa + (va.value - held.entry.va.value), covered, compares)

    def _validate_overlap(self, entry: TlbEntry) -> InsertRefusal | None:
        for held in self.entries:
            if held.entry.conflicts(entry):
                return InsertRefusal(-EEXIST, f"it overlaps {_named(held)}")
        return None

    def _place(self, entry: TlbEntry) -> tuple[int, tuple[Held, ...]]:
        """The slot for a new entry, and the entries that must go first, by slot."""
        if self.search == "direct":
            assert self.capacity is not None
            wanted = set(direct_slots(entry, self.capacity))
            victims = tuple(
                held
                for held in self.entries
                if not wanted.isdisjoint(direct_slots(held.entry, self.capacity))
            )
            return direct_slots(entry, self.capacity)[0], victims
        if self.capacity is None or len(self._held) < self.capacity:
            return next(s for s in range(len(self._held) + 1) if s not in self._held), ()
        oldest = min(self._used, key=self._used.__getitem__)
        return oldest, (self._held[oldest],)

    def _touch(self, slot: int) -> None:
        self._clock += 1
        self._used[slot] = self._clock

    def _drop(self, held: Held) -> None:
        self._search.drop(held)
        del self._held[held.slot], self._used[held.slot]

    def _remove(self, doomed: Iterable[Held]) -> Purged:
        removed = tuple(doomed)
        for held in removed:
            self._drop(held)
        return Purged(removed)


def _structure(search: str, capacity: int | None) -> TlbSearch:
    if search == "scan":
        return Scan()
    if search == "sorted":
        return Bisection()
    if search != "direct":
        raise MachineError(f"search: expected scan, sorted or direct, got {search!r}")
    if capacity is None:
        raise MachineError("capacity: a direct-mapped table needs a number of slots")
    return DirectMap(capacity)


def _named(held: Held) -> str:
    name = f" ({held.entry.label})" if held.entry.label else ""
    return f"slot {held.slot}{name}"
