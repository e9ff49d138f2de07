"""Building page tables in guest memory: mapping and unmapping ranges, in every mode."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, Gfn, Gpa, Gva, is_canonical
from xenexplore.errors import MachineError
from xenexplore.paging.entries import PageTableEntry, make_entry, split_large
from xenexplore.paging.plan import Mode
from xenexplore.paging.state import (
    CR0_PE,
    CR0_PG,
    CR0_WP,
    CR4_LA57,
    CR4_PAE,
    CR4_PSE,
    EFER_LMA,
    EFER_LME,
    EFER_NXE,
    PagingState,
)

__all__ = ["PageFlags", "PageTables", "TableMemory", "frames_from"]

_LARGEST = {Mode.LEGACY: 22, Mode.PAE: 21, Mode.LEVEL4: 30, Mode.LEVEL5: 30}


class TableMemory(Protocol):
    """Memory that tables are built in: RAM, or a guest's own view of its memory."""

    def read(self, gpa: int, size: int, /) -> bytes | None:
        """Bytes at a guest-physical address, or None."""
        ...

    def write(self, gpa: int, data: bytes, /) -> bool:
        """Store bytes; False if there is nowhere to."""
        ...


def frames_from(first: Gfn) -> Iterator[Gfn]:
    """Consecutive frames, without end: the places for tables."""
    return map(Gfn, itertools.count(first.value))


# A state finds its plan and rules once: every walk of a run has one of a few.
@lru_cache(maxsize=256)
def _state(**registers: object) -> PagingState:
    return PagingState(**registers)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFlags:
    """Flags of leaf entries besides the address; see :func:`~.entries.make_entry`.

    Attributes:
        writable: R/W.
        user: U/S.
        nx: NX.
        pkey: protection key.
        accessed: A.
        dirty: D.
        global_: G.
        encrypted: set the C-bit, where the tables have one.
    """

    writable: bool = True
    user: bool = False
    nx: bool = False
    pkey: int = 0
    accessed: bool = False
    dirty: bool = False
    global_: bool = False
    encrypted: bool = True


class PageTables:
    """One address space's tables, in guest memory.

    Entries that point at lower tables grant everything (R/W, U/S, no NX): rights are the
    leaves' affair, as in Linux.

    Args:
        memory: where the tables live.
        mode: the paging mode; not ``Mode.NONE``.
        frames: guest frames that tables may take, in the order they are taken.
        c_bit: position of the encryption bit; tables are then encrypted, and
            leaves as their flags say.
        pointer_bits: what entries that point at lower tables have besides P, R/W
            and U/S.

    Raises:
        MachineError: there is no such mode of tables, or no frame for the top table
            (below 4 GiB, in 32-bit and PAE paging).
    """

    def __init__(
        self,
        memory: TableMemory,
        mode: Mode,
        frames: Iterable[Gfn],
        *,
        c_bit: int | None = None,
        pointer_bits: int = 0,
    ) -> None:
        if mode is Mode.NONE:
            raise MachineError("no tables to build: paging is off in this mode")
        self._memory = memory
        self._mode = mode
        self._frames = iter(frames)
        self._free: list[int] = []
        self._used: list[Gfn] = []
        self._c_bit = c_bit
        self._pointer_bits = pointer_bits
        self._entry_size = mode.entry_size
        self._width = 10 if mode is Mode.LEGACY else 9
        self._root = self._new_table()
        if mode.linear_bits == 32 and self._root >> 32:
            raise MachineError(f"CR3 has 32 bits in this mode: no top table at {self._root:#x}")

    @property
    def mode(self) -> Mode:
        """The paging mode."""
        return self._mode

    @property
    def root(self) -> Gpa:
        """The top table."""
        return Gpa(self._root)

    @property
    def cr3(self) -> int:
        """Value of CR3: the top table's address, with the C-bit if there is one."""
        return self._root | (0 if self._c_bit is None else 1 << self._c_bit)

    @property
    def table_frames(self) -> tuple[Gfn, ...]:
        """Every frame that was ever taken for a table, in the order taken."""
        return tuple(self._used)

    def state(
        self, *, cr4: int = 0, nxe: bool = True, wp: bool = True, **others: object
    ) -> PagingState:
        """The registers of a vCPU that uses these tables.

        Args:
            cr4: CR4 bits besides PSE, PAE and LA57, which the mode decides.
            nxe: EFER.NXE (of no effect in 32-bit paging).
            wp: CR0.WP.
            **others: any other attribute of :class:`PagingState`.
        """
        wide = self._mode in (Mode.LEVEL4, Mode.LEVEL5)
        cr4 |= CR4_PSE if self._mode is Mode.LEGACY else CR4_PAE
        cr4 |= CR4_LA57 if self._mode is Mode.LEVEL5 else 0
        return _state(
            cr0=CR0_PG | CR0_PE | (CR0_WP if wp else 0),
            cr3=self.cr3,
            cr4=cr4,
            efer=(EFER_LME | EFER_LMA if wide else 0) | (EFER_NXE if nxe else 0),
            c_bit=self._c_bit,
            **others,
        )

    def map(
        self,
        linear: Gva,
        gpa: Gpa,
        size: int,
        flags: PageFlags | None = None,
        *,
        largest: int | None = None,
    ) -> None:
        """Map a range, replacing what was there, with the largest pages that fit.

        Args:
            linear: first linear address, on a 4 KiB boundary.
            gpa: first guest-physical address, on a 4 KiB boundary.
            size: bytes, a multiple of 4 KiB.
            flags: what the leaves say.
            largest: bytes of the largest page to use; by default the mode's
                (4 MiB; 2 MiB with PAE; 1 GiB in 4- and 5-level paging).

        Raises:
            MachineError: a misaligned or non-canonical range, entries that the mode
                does not have, or no memory for a table.
        """
        start = self._checked(linear, size)
        if gpa.value & PAGE_MASK:
            raise MachineError(f"{gpa.hex()} is not on a 4 KiB boundary")
        limit = _LARGEST[self._mode] if largest is None else largest.bit_length() - 1
        if limit < PAGE_SHIFT:
            raise MachineError(f"pages of {largest} bytes: the smallest has 4096")
        self._map_in(
            self._root, self._mode.levels, start, gpa.value, size, flags or PageFlags(), limit
        )

    def unmap(self, linear: Gva, size: int) -> None:
        """Remove a range; a superpage that it cuts is split.  Unmapped parts are not an error.

        Raises:
            MachineError: a misaligned or non-canonical range.
        """
        start = self._checked(linear, size)
        self._unmap_in(self._root, self._mode.levels, start, size)

    def _checked(self, linear: Gva, size: int) -> int:
        """The address without its sign extension, once the range is known to be sound."""
        bits = self._mode.linear_bits
        last = linear.value + size - 1
        if linear.value & PAGE_MASK or size & PAGE_MASK or size <= 0:
            raise MachineError(f"{size:#x} bytes at {linear.hex()} are not whole 4 KiB pages")
        if bits == 32:
            sound = last < 1 << 32
        else:
            sound = (
                last < 1 << 64
                and is_canonical(linear.value, bits)
                and is_canonical(last, bits)
                and linear.value >> 63 == last >> 63
            )
        if not sound:
            raise MachineError(
                f"{size:#x} bytes at {linear.hex()} are outside {bits}-bit linear addresses"
            )
        return linear.value & ((1 << bits) - 1)

    def _shift(self, level: int) -> int:
        return PAGE_SHIFT + self._width * (level - 1)

    def _index(self, level: int, linear: int) -> int:
        return linear >> self._shift(level) & ((1 << self._width) - 1)

    def _map_in(
        self, table: int, level: int, linear: int, gpa: int, size: int, flags: PageFlags, limit: int
    ) -> None:
        """Map a range inside one table's reach."""
        shift = self._shift(level)
        span = 1 << shift
        while size > 0:
            index = self._index(level, linear)
            fits = shift <= limit and not (linear | gpa) & (span - 1) and size >= span
            if level == 1 or (fits and shift <= _LARGEST[self._mode]):
                count = min(size >> shift, (1 << self._width) - index)
                self._write_leaves(table, level, index, gpa, count, flags)
                piece = count << shift
            else:
                piece = min(size, span - (linear & (span - 1)))
                lower = self._lower(table, level, index, flags.accessed)
                self._map_in(lower, level - 1, linear, gpa, piece, flags, limit)
            linear, gpa, size = linear + piece, gpa + piece, size - piece

    def _unmap_in(self, table: int, level: int, linear: int, size: int) -> None:
        shift = self._shift(level)
        span = 1 << shift
        while size > 0:
            index = self._index(level, linear)
            piece = min(size, span - (linear & (span - 1)))
            entry = self._entry(table, level, index)
            if entry.present:
                if piece == span:
                    self._release(entry)
                    self._write(table, index, [0])
                else:
                    lower = self._lower(table, level, index, entry.accessed)
                    self._unmap_in(lower, level - 1, linear, piece)
            linear, size = linear + piece, size - piece

    def _write_leaves(
        self, table: int, level: int, index: int, gpa: int, count: int, flags: PageFlags
    ) -> None:
        if level > 1:
            for place in range(index, index + count):
                self._release(self._entry(table, level, place))
        span = 1 << self._shift(level)
        first = self._leaf(level, gpa, flags)
        self._leaf(level, gpa + (count - 1) * span, flags)  # the last one fits, too
        if self._mode is Mode.LEGACY and level == 2:
            values = [self._leaf(level, gpa + place * span, flags) for place in range(count)]
        else:
            values = [first + place * span for place in range(count)]
        self._write(table, index, values)

    def _leaf(self, level: int, gpa: int, flags: PageFlags) -> int:
        return make_entry(
            self._mode,
            level,
            gpa,
            large=level > 1,
            writable=flags.writable,
            user=flags.user,
            nx=flags.nx,
            pkey=flags.pkey,
            accessed=flags.accessed,
            dirty=flags.dirty,
            global_=flags.global_,
            c_bit=self._c_bit if flags.encrypted else None,
        )

    def _lower(self, table: int, level: int, index: int, accessed: bool) -> int:
        """The table below an entry: there, or made, or made by splitting a superpage."""
        entry = self._entry(table, level, index)
        if entry.present and not entry.large:
            return entry.address.value
        lower = self._new_table()
        if entry.present:
            self._write(lower, 0, split_large(entry))
        pointer = make_entry(
            self._mode, level, lower, user=True, accessed=accessed, c_bit=self._c_bit
        )
        self._write(table, index, [pointer | self._pointer_bits])
        return lower

    def _release(self, entry: PageTableEntry) -> None:
        """Take back the tables below an entry that is about to go."""
        if not entry.present or entry.leaf:
            return
        table = entry.address.value
        for index in range(1 << self._width):
            if entry.level > 2:
                self._release(self._entry(table, entry.level - 1, index))
        self._free.append(table >> PAGE_SHIFT)

    def _new_table(self) -> int:
        if self._free:
            frame = Gfn(self._free.pop())
        else:
            found = next(self._frames, None)
            if found is None:
                raise MachineError(f"no guest frame left for a table, after {len(self._used)}")
            frame = found
            self._used.append(frame)
        table = frame.value << PAGE_SHIFT
        self._store(table, bytes(PAGE_SIZE))
        return table

    def _entry(self, table: int, level: int, index: int) -> PageTableEntry:
        raw = self._memory.read(table + index * self._entry_size, self._entry_size)
        if raw is None:
            raise MachineError(f"no memory behind the table at {table:#x}")
        return PageTableEntry(int.from_bytes(raw, "little"), level, self._mode, self._c_bit)

    def _write(self, table: int, index: int, values: list[int]) -> None:
        size = self._entry_size
        data = b"".join(value.to_bytes(size, "little") for value in values)
        self._store(table + index * size, data)

    def _store(self, gpa: int, data: bytes) -> None:
        if not self._memory.write(gpa, data):
            raise MachineError(f"no memory for a table at {gpa & ~PAGE_MASK:#x}")
