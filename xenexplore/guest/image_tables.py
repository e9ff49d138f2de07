"""The page tables in a memory image, as those of a running guest.

They are walked where they lie.  Changes go to a copy of the page in memory; a large
page is never split, because the table that this takes would need a free frame.
"""

from __future__ import annotations

from dataclasses import replace

from xenexplore.addr import PAGE_SHIFT, Gpa
from xenexplore.errors import UnsaidError
from xenexplore.guest.page_tables import entry_of
from xenexplore.memory import GuestMemory
from xenexplore.paging import Level, PageTableEntry, PagingState, walk
from xenexplore.paging.image_state import rights_aside

__all__ = ["ImageTables"]

_P, _RW, _A, _D = 0x1, 0x2, 0x20, 0x40


class ImageTables:
    """Address spaces found in an image; a root is named by its physical address.

    Args:
        memory: the image as a guest's memory.
        state: the registers that its tables are walked under.

    Raises:
        ImageError: (any method) a table on the way is not in the image.
    """

    __slots__ = ("_memory", "_state")

    def __init__(self, memory: GuestMemory, state: PagingState) -> None:
        self._memory = memory
        self._state = rights_aside(state)

    def leaf(self, root: int, va: int) -> Level | None:
        """The present leaf entry that maps an address, or None.  No rights are checked."""
        found = walk(self._memory.guest, replace(self._state, cr3=root), va)
        return found.levels[-1] if found.reached_leaf else None

    def frame(self, root: int, va: int) -> int | None:
        """The frame that an address is mapped to, or None."""
        gpa = walk(self._memory.guest, replace(self._state, cr3=root), va).gpa_value
        return None if gpa is None else gpa >> PAGE_SHIFT

    def writable(self, root: int, va: int) -> bool:
        """Whether every entry on the way permits writes."""
        found = walk(self._memory.guest, replace(self._state, cr3=root), va)
        return found.reached_leaf and all(entry & _RW for entry in found.entries)

    def user(self, root: int, va: int) -> bool:
        """Whether every entry on the way permits user mode."""
        found = walk(self._memory.guest, replace(self._state, cr3=root), va)
        return found.reached_leaf and all(entry & 4 for entry in found.entries)

    def remap(self, root: int, va: int, frame: int) -> None:
        """Point the 4 KiB leaf of an address to another frame.

        Raises:
            UnsaidError: nothing, or a large page, is mapped there.
        """
        address = self._state.plan.address_mask
        self._change(root, va, set_bits=frame << PAGE_SHIFT, clear_bits=address)

    def unmap(self, root: int, va: int) -> None:
        """Make the 4 KiB page of an address not present.

        Raises:
            UnsaidError: a large page is mapped there.
        """
        if self.leaf(root, va) is not None:
            self._change(root, va, set_bits=0, clear_bits=_P)

    def set_writable(self, root: int, va: int, writable: bool) -> None:
        """Set or clear R/W of an address's 4 KiB page.

        Raises:
            UnsaidError: nothing, or a large page, is mapped there.
        """
        self._change(root, va, set_bits=_RW if writable else 0, clear_bits=_RW)

    def mark_touched(self, root: int, va: int, *, written: bool) -> None:
        """Set A, and D if written, in an address's leaf, as the guest's CPU does."""
        found = self.leaf(root, va)
        assert found is not None
        self._store(found, found.entry | _A | (_D if written else 0))

    def entry(self, root: int, va: int, level: int) -> tuple[Gpa, PageTableEntry]:
        """The entry of one level that a walk of an address reads, and its address.

        Raises:
            MachineError: the mode has no such level, or the walk ends above it.
        """
        found = walk(self._memory.guest, replace(self._state, cr3=root), va)
        return entry_of(found, level, self._state.mode, self._state.c_bit)

    def set_entry(self, root: int, va: int, level: int, value: int) -> None:
        """Write the entry of one level, in a copy of its page; see :meth:`entry`."""
        at, _ = self.entry(root, va, level)
        self._memory.guest.write(at.value, value.to_bytes(8, "little"))

    def _change(self, root: int, va: int, *, set_bits: int, clear_bits: int) -> None:
        found = self.leaf(root, va)
        if found is None:
            raise UnsaidError(f"nothing is mapped at {va:#x}")
        value = found.entry & ~clear_bits | set_bits
        if value == found.entry:
            return
        if found.number > 1:
            raise UnsaidError(
                f"{va:#x} is in a large page of the image: changing 4 KiB of it needs a new page "
                "table, and the image does not say where there is room for one"
            )
        self._store(found, value)

    def _store(self, found: Level, value: int) -> None:
        if value != found.entry:
            self._memory.guest.write(found.entry_at.value, value.to_bytes(8, "little"))
