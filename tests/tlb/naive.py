"""A software TLB that is obviously right: it knows every registered byte on its own.

Nothing here is shared with xenexplore.tlb.  No intervals, no bisection, no
index: a dict from (byte, tag) to what that byte is, and lists that are searched
from one end to the other.  Only for small ranges.
"""

from __future__ import annotations

from dataclasses import dataclass

TOP = 1 << 64
PAGE = 4096


@dataclass(eq=False)
class Record:
    va: int
    pa: int
    size: int
    is_global: bool
    space: int | None
    slot: int = -1

    @property
    def tag(self):
        return None if self.is_global else self.space

    @property
    def pages(self):
        return {byte // PAGE for byte in range(self.va, self.va + self.size)}


class NaiveTlb:
    def __init__(
        self, capacity, policy, search, *, granularity=1, bits=64, only_global=False, ram=None
    ):
        self.capacity = capacity
        self.policy = policy
        self.search = search
        self.granularity = granularity
        self.bits = bits
        self.only_global = only_global
        self.ram = ram
        self.owner = {}  # (linear byte, tag) -> (record, guest-physical byte)
        self.records = []  # least recently inserted (or used, under lru) first

    # -- the three requests ------------------------------------------------

    def insert(self, record):
        """errno (0 for success) and the records that had to go, by slot."""
        error = self.bad_range(record.va, record.size)
        if error:
            return error, []
        if record.pa + record.size > TOP:
            return -22, []
        if any(n % self.granularity for n in (record.va, record.pa, record.size)):
            return -22, []
        if self.only_global and not record.is_global:
            return -22, []
        if self.ram is not None and any(
            byte not in self.ram for byte in range(record.pa, record.pa + record.size)
        ):
            return -22, []
        for byte in range(record.va, record.va + record.size):
            for other_byte, other_tag in self.tags_at(byte):
                if record.tag is None or other_tag is None or other_tag == record.tag:
                    assert other_byte == byte
                    return -17, []
        victims = self.victims(record)
        if victims and self.policy == "refuse":
            return -28, []
        for victim in victims:
            self.forget(victim)
        record.slot = self.slot_for(record, victims)
        self.records.append(record)
        for distance in range(record.size):
            self.owner[record.va + distance, record.tag] = (record, record.pa + distance)
        return 0, sorted(victims, key=lambda r: r.slot)

    def purge(self, va, size, space):
        error = self.bad_range(va, size)
        if error:
            return error, []
        doomed = []
        for byte in range(va, va + size):
            for key in self.tags_at(byte):
                record = self.owner[key][0]
                wanted = space is None or record.tag is None or record.tag == space
                if wanted and record not in doomed:
                    doomed.append(record)
        return 0, self.forget_all(doomed)

    def purge_space(self, space):
        doomed = [r for r in self.records if not r.is_global]
        if space is not None:
            doomed = [r for r in doomed if r.space == space]
        return self.forget_all(doomed)

    def purge_all(self):
        return self.forget_all(list(self.records))

    def lookup(self, va, size, space, straddle):
        """slot, guest-physical address of the first byte (or None), bytes covered."""
        record, gpa = self.at(va, space)
        if record is None:
            return None, None, 0
        covered = 0
        while covered < size and self.at(va + covered, space) == (record, gpa + covered):
            covered += 1
        if covered < size and straddle == "miss":
            return record.slot, None, covered
        if self.policy == "lru":
            self.records.remove(record)
            self.records.append(record)
        return record.slot, gpa, covered

    def compares(self, va, space):
        """How many entries each structure holds against the address."""
        if self.search == "direct":
            return 1
        if self.search == "scan":
            looked = 0
            for record in sorted(self.records, key=lambda r: r.slot):
                looked += 1
                if self.at(va, space)[0] is record:
                    break
            return looked
        mine = [r for r in self.records if r.tag == space and space is not None]
        looked, found = self.halve(sorted(mine, key=lambda r: r.va), va)
        if not found:
            untagged = [r for r in self.records if r.tag is None]
            looked += self.halve(sorted(untagged, key=lambda r: r.va), va)[0]
        return looked

    # -- how ---------------------------------------------------------------

    def halve(self, records, va):
        if not records:
            return 0, False
        middle = len(records) // 2
        record = records[middle]
        if record.va <= va < record.va + record.size:
            return 1, True
        rest = records[:middle] if va < record.va else records[middle + 1 :]
        looked, found = self.halve(rest, va)
        return looked + 1, found

    def at(self, byte, space):
        for tag in {None, space}:
            if (byte, tag) in self.owner:
                return self.owner[byte, tag]
        return None, None

    def tags_at(self, byte):
        return [key for key in ((byte, tag) for tag in (None, 1, 2, 3)) if key in self.owner]

    def bad_range(self, va, size):
        if size == 0 or va + size > TOP:
            return -22
        if self.bits == 32 and va + size > 1 << 32:
            return -22
        if self.bits == 48:
            low = va + size <= 1 << 47
            high = va >= TOP - (1 << 47)
            return 0 if low or high else -22
        return 0

    def victims(self, record):
        if self.search == "direct":
            taken = {page % self.capacity for page in record.pages}
            return [
                r for r in self.records if any(page % self.capacity in taken for page in r.pages)
            ]
        if self.capacity is None or len(self.records) < self.capacity:
            return []
        return [self.records[0]]

    def slot_for(self, record, victims):
        if self.search == "direct":
            return record.va // PAGE % self.capacity
        if victims:
            return victims[0].slot
        slot = 0
        while slot in [r.slot for r in self.records]:
            slot += 1
        return slot

    def forget(self, record):
        self.records.remove(record)
        for key in [key for key, (owner, _) in self.owner.items() if owner is record]:
            del self.owner[key]

    def forget_all(self, doomed):
        for record in doomed:
            self.forget(record)
        return sorted(doomed, key=lambda r: r.slot)
