"""The guest's page tables, in its own RAM: one kernel half, many roots.

Tables are written through the guest's own view of memory, so that those of
an encrypted guest are ciphertext to all others.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gfn, Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.guest.frame_queue import FrameQueue
from xenexplore.guest.table_draft import TableDraft
from xenexplore.memory import GuestMemory
from xenexplore.paging import (
    Level,
    Mode,
    PageFlags,
    PageTableEntry,
    PageTables,
    PagingState,
    Walk,
    make_entry,
    walk,
)

__all__ = ["AddressSpaces", "MappingRights", "PageMappings", "entry_of"]

_RW, _A, _D, _G = 0x2, 0x20, 0x40, 0x100
#: _PAGE_GUEST_KERNEL, bit 12 of Xen's packed flags: an entry's bit 52
#: (xen/arch/x86/include/asm/x86_64/page.h, Xen 4.17).
_GUEST_KERNEL = 1 << 52
_MIB2 = 1 << 21


class MappingRights(NamedTuple):
    """Rights and attributes of a leaf.

    Attributes:
        writable: R/W.
        executable: not NX.
        user: U/S.
        global_: G.
        private: C-bit, where the guest has one.
        touched: A and D are set already, as kernels do for their own mappings.
    """

    writable: bool = True
    executable: bool = False
    user: bool = False
    global_: bool = True
    private: bool = True
    touched: bool = True


class PageMappings(Protocol):
    """Interface of a running guest's page tables, built or found; roots by address."""

    def frame(self, root: int, va: int) -> int | None:
        """The frame that an address is mapped to, or None."""
        ...

    def unmap(self, root: int, va: int) -> None:
        """Make the 4 KiB page of an address not present."""
        ...

    def set_writable(self, root: int, va: int, writable: bool) -> None:
        """Set or clear R/W of an address's 4 KiB page."""
        ...

    def mark_touched(self, root: int, va: int, *, written: bool) -> None:
        """Set A, and D if written, in an address's leaf, as the guest's CPU does."""
        ...

    def entry(self, root: int, va: int, level: int) -> tuple[Gpa, PageTableEntry]:
        """The entry of one level that a walk of an address reads, and its address."""
        ...

    def set_entry(self, root: int, va: int, level: int, value: int) -> None:
        """Write the entry of one level."""
        ...


_POINTER = 0x60
"""A and D: Linux's _PAGE_TABLE (arch/x86/include/asm/pgtable_types.h), FreeBSD's _pmap_allocpte()
(sys/amd64/amd64/pmap.c).  Of other kernels: their CPUs have walked these tables since boot."""


class AddressSpaces:
    """Every address space of one guest; a root is named by its guest-physical address.

    Args:
        memory: the guest's memory.
        mode: ``Mode.LEVEL4`` or ``Mode.LEVEL5``.
        frames: free frames for tables (PV: machine frames).
        root: frame of the kernel's own top-level table, or None for the next free one.
        c_bit: position of the encryption bit, or None.
        nx: EFER.NXE is set: pages that are not executable get NX.
        pv: leaves as Xen leaves them in a 64-bit PV guest's tables: kernel
            pages U/S with _PAGE_GUEST_KERNEL, user pages U/S and G
            (adjust_guest_l1e(), xen/arch/x86/pv/mm.h, Xen 4.17).
    """

    def __init__(
        self,
        memory: GuestMemory,
        mode: Mode,
        frames: Iterator[Gfn],
        *,
        root: Gfn | None,
        c_bit: int | None,
        nx: bool,
        pv: bool,
    ) -> None:
        self._memory = TableDraft(memory.guest)
        self._mode = mode
        self._frames = frames
        self._c_bit = c_bit
        self._nx = nx
        self._pv = pv
        self._built: dict[int, PageTables] = {}
        self._user: list[Gfn] = []
        self.kernel = self._new(root)

    @property
    def table_frames(self) -> tuple[Gfn, ...]:
        """Frames that hold tables, those of the kernel's own first."""
        own = (frame for built in self._built.values() for frame in built.table_frames)
        return (*own, *self._user)

    def finish_boot(self) -> None:
        """Write the boot tables to the guest's memory; what comes later is written at once."""
        self._memory.finish()

    def new_root(self, frame: Gfn | None = None) -> int:
        """A top-level table with an empty lower half and the kernel's upper half.

        Args:
            frame: where; None: in the next free frame for tables.
        """
        root = self._new(frame)
        self._share(root)
        return root

    def new_user_root(self, frame: Gfn) -> int:
        """A top-level table with no upper half; :meth:`sync_user` gives it the lower one."""
        self._user.append(frame)
        self._memory.write(frame.value << PAGE_SHIFT, bytes(PAGE_SIZE))
        return frame.value << PAGE_SHIFT

    def sync_user(self, root: int, user_root: int) -> None:
        """Put a root's lower half into the table that user mode runs on."""
        half = self._memory.read(root, PAGE_SIZE // 2)
        assert half is not None
        self._memory.write(user_root, half)

    def _new(self, root: Gfn | None) -> int:
        first = () if root is None else (root,)
        built = PageTables(
            self._memory,
            self._mode,
            FrameQueue(first, self._frames),
            c_bit=self._c_bit,
            pointer_bits=_POINTER,
        )
        self._built[built.root.value] = built
        return built.root.value

    def _share(self, root: int) -> None:
        half = self._memory.read(self.kernel + PAGE_SIZE // 2, PAGE_SIZE // 2)
        assert half is not None
        self._memory.write(root + PAGE_SIZE // 2, half)

    def map_run(
        self, root: int, va: int, gfn: int, frames: int, rights: MappingRights, largest: int = 0
    ) -> None:
        """Map consecutive frames, with pages of at most ``2**largest`` frames (not PV).

        What the upper half maps is seen by every root.
        """
        root, top = self._owner(root, va), self._top_entry(va)
        self._built[root].map(
            Gva(va),
            Gpa(gfn << PAGE_SHIFT),
            frames << PAGE_SHIFT,
            self._flags(rights),
            largest=PAGE_SIZE << largest,
        )
        self._spread(va, top)

    def map_frames(self, root: int, va: int, gfns: Sequence[int], rights: MappingRights) -> None:
        """Map frames one by one, in 4 KiB pages, replacing what was there."""
        root, top = self._owner(root, va), self._top_entry(va)
        template = self._template(rights)
        done = 0
        while done < len(gfns):
            at = va + (done << PAGE_SHIFT)
            count = min(len(gfns) - done, (_MIB2 - at % _MIB2) >> PAGE_SHIFT)
            # The first page makes the table (and splits a larger page around it).
            self._built[root].map(Gva(at), Gpa(gfns[done] << PAGE_SHIFT), PAGE_SIZE)
            found = self.level(root, at)
            assert found is not None
            entries = [gfn << PAGE_SHIFT | template for gfn in gfns[done : done + count]]
            self._memory.write(found.entry_at.value, struct.pack(f"<{count}Q", *entries))
            done += count
        self._spread(va, top)

    def level(self, root: int, va: int) -> Level | None:
        """The present leaf entry that maps an address, or None.  No rights are checked."""
        found = walk(self._memory, self.state(root), va)
        return found.levels[-1] if found.reached_leaf else None

    def frame(self, root: int, va: int) -> int | None:
        """The frame that an address is mapped to, or None."""
        gpa = walk(self._memory, self.state(root), va).gpa_value
        return None if gpa is None else gpa >> PAGE_SHIFT

    def state(self, root: int) -> PagingState:
        """Registers under which every mapping is seen and no right is checked."""
        return self._built[root].state(maxphyaddr=52)

    def registers(self, root: int, **others: object) -> PagingState:
        """Registers of a vCPU that uses a root; see ``PageTables.state()``."""
        return self._built[root].state(**others)  # type: ignore[arg-type]

    def unmap(self, root: int, va: int) -> None:
        """Make the 4 KiB page of an address not present."""
        self._built[self._owner(root, va)].unmap(Gva(va), PAGE_SIZE)

    def change(self, root: int, va: int, *, set_bits: int = 0, clear_bits: int = 0) -> None:
        """Change bits of the 4 KiB leaf of an address, splitting a larger page first.

        Raises:
            MachineError: nothing is mapped there.
        """
        found = self.level(root, va)
        if found is None:
            raise MachineError(f"nothing is mapped at {va:#x}")
        if (found.entry | set_bits) & ~clear_bits == found.entry:
            return
        if found.number > 1:
            self._split(root, va, found)
            found = self.level(root, va)
            assert found is not None
        self._store(found.entry_at, (found.entry | set_bits) & ~clear_bits)

    def entry(self, root: int, va: int, level: int) -> tuple[Gpa, PageTableEntry]:
        """The entry of one level that a walk of an address reads, and its address.

        Raises:
            MachineError: the mode has no such level, or the walk ends above it.
        """
        return entry_of(walk(self._memory, self.state(root), va), level, self._mode, self._c_bit)

    def set_entry(self, root: int, va: int, level: int, value: int) -> None:
        """Write the entry of one level, as the guest's kernel does; see :meth:`entry`."""
        at, _ = self.entry(root, va, level)
        self._store(at, value)

    def set_writable(self, root: int, va: int, writable: bool) -> None:
        """Set or clear R/W of an address's 4 KiB page."""
        self.change(root, va, **{"set_bits" if writable else "clear_bits": _RW})

    def set_private(self, root: int, va: int, private: bool) -> None:
        """Set or clear the C-bit of an address's 4 KiB page."""
        assert self._c_bit is not None
        self.change(root, va, **{"set_bits" if private else "clear_bits": 1 << self._c_bit})

    def mark_touched(self, root: int, va: int, *, written: bool) -> None:
        """Set A, and D if written, in an address's leaf, as the guest's CPU does."""
        found = self.level(root, va)
        assert found is not None
        value = found.entry | _A | (_D if written else 0)
        if value != found.entry:
            self._store(found.entry_at, value)

    def _split(self, root: int, va: int, found: Level) -> None:
        """Put a 4 KiB page with the same rights in the midst of a larger one."""
        entry = PageTableEntry(found.entry, found.number, self._mode, self._c_bit)
        gfn = self.frame(root, va)
        assert gfn is not None
        flags = PageFlags(
            writable=entry.writable,
            user=entry.user,
            nx=entry.nx,
            accessed=entry.accessed,
            dirty=entry.dirty,
            global_=bool(found.entry & _G),
            encrypted=entry.encrypted,
        )
        page = va & ~(PAGE_SIZE - 1)
        owner = self._built[self._owner(root, va)]
        owner.map(Gva(page), Gpa(gfn << PAGE_SHIFT), PAGE_SIZE, flags)

    def _flags(self, rights: MappingRights) -> PageFlags:
        return PageFlags(
            writable=rights.writable,
            user=rights.user or self._pv,
            nx=self._nx and not rights.executable,
            accessed=rights.touched,
            dirty=rights.touched,
            global_=rights.user if self._pv else rights.global_ and not rights.user,
            encrypted=rights.private,
        )

    def _template(self, rights: MappingRights) -> int:
        """A 4 KiB leaf without its address."""
        flags = self._flags(rights)
        value = make_entry(
            self._mode,
            1,
            0,
            writable=flags.writable,
            user=flags.user,
            nx=flags.nx,
            accessed=flags.accessed,
            dirty=flags.dirty,
            global_=flags.global_,
            c_bit=self._c_bit if flags.encrypted else None,
        )
        return value | (_GUEST_KERNEL if self._pv and not rights.user else 0)

    def _owner(self, root: int, va: int) -> int:
        """Owner of an address's tables: the upper half is the kernel's."""
        return self.kernel if va >> 63 else root

    def _top_entry(self, va: int) -> bytes | None:
        """The kernel root's entry for an address in the upper half."""
        if not va >> 63:
            return None
        shift = 12 + 9 * (self._mode.levels - 1)
        return self._memory.read(self.kernel + (va >> shift & 511) * 8, 8)

    def _spread(self, va: int, before: bytes | None) -> None:
        """Show a new top-level entry of the kernel half to every root (sync_global_pgds())."""
        if before is None or self._top_entry(va) == before:
            return
        for root in self._built:
            if root != self.kernel:
                self._share(root)

    def _store(self, at: Gpa, value: int) -> None:
        self._memory.write(at.value, value.to_bytes(8, "little"))


def entry_of(found: Walk, level: int, mode: Mode, c_bit: int | None) -> tuple[Gpa, PageTableEntry]:
    """The entry of one level that a walk has read, and its address.

    Raises:
        MachineError: the mode has no such level, or the walk ends above it.
    """
    for one in found.levels:
        if one.number == level:
            return one.entry_at, PageTableEntry(one.entry, level, mode, c_bit)
    if not 1 <= level <= mode.levels or not found.levels:
        raise MachineError(
            f"level {level!r}: this guest's page tables have levels {mode.levels} to 1"
        )
    last = found.levels[-1]
    why = "maps the page itself" if last.entry & 1 else "is not present"
    raise MachineError(
        f"no level-{level} entry for {found.va:#x}: its level-{last.number} entry {why}"
    )
