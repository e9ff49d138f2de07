"""A P2M in memory: AMD nested page tables as Xen writes them.

The tables are x86's 4-level ones over machine memory; Xen keeps its page type in
bits 58:52 of each entry and uses U/S = 0 as "type to be recalculated".

Source: p2m_pt_get_entry() and p2m_type_to_flags(), xen/arch/x86/mm/p2m-pt.c;
p2m_flags_to_type() and p2m_recalc_type(), xen/arch/x86/include/asm/p2m.h (4.17).
"""

from __future__ import annotations

from typing import Protocol

from xenexplore.addr import PAGE_SHIFT, Gfn, Maddr
from xenexplore.errors import MachineError
from xenexplore.memory.p2m import as_lookup
from xenexplore.memory.p2m_types import (
    ANY_RAM_TYPES,
    GRANT_TYPES,
    PAGING_TYPES,
    VALID_TYPES,
    P2mEntry,
    P2mType,
)
from xenexplore.steps import P2mLookup, Purpose

__all__ = ["MachineMemory", "NestedP2m"]

_PRESENT = 1 << 0
_USER = 1 << 2
_LARGE = 1 << 7
_ADDRESS = (1 << 52) - 1 & ~0xFFF
_TYPE_SHIFT = 52
_NO_FRAME = (1 << 40) - 1  # INVALID_MFN, as much of it as an entry holds
_HOLE = P2mType.p2m_mmio_dm
_CHANGEABLE = frozenset({P2mType.p2m_ram_rw, P2mType.p2m_ram_logdirty, P2mType.p2m_ioreq_server})
_TYPES = {kind.value: kind for kind in P2mType}


class MachineMemory(Protocol):
    """Machine memory that the tables are in."""

    def read(self, maddr: int, size: int, /) -> bytes | None:
        """Bytes at a machine address, or None where nothing is known."""
        ...


class NestedP2m:
    """Lookups in nested page tables.

    Args:
        machine: machine memory.
        root: the top table: nCR3 in the VMCB.
        highest: the highest guest frame ever mapped (p2m->max_mapped_pfn), past
            which nothing is read; None if not known.
        log_dirty: whether frames whose type is to be recalculated are in a
            log-dirty range.
        ioreq_server: whether an ioreq server still claims its pages.
    """

    __slots__ = ("_highest", "_ioreq_server", "_machine", "_recalculated", "root")

    def __init__(
        self,
        machine: MachineMemory,
        root: Maddr,
        *,
        highest: Gfn | None = None,
        log_dirty: bool = False,
        ioreq_server: bool = False,
    ) -> None:
        self._machine = machine
        self.root = Maddr(root.value & _ADDRESS)
        self._highest = (1 << 36) - 1 if highest is None else highest.value
        self._recalculated = P2mType.p2m_ram_logdirty if log_dirty else P2mType.p2m_ram_rw
        self._ioreq_server = ioreq_server

    def entry(self, gfn: int) -> P2mEntry:
        """Look a frame up: compact record, for walks.

        Raises:
            MachineError: a table lies where no machine memory is known.
        """
        if gfn > self._highest or gfn >> 36:
            return P2mEntry(gfn, None, _HOLE, 18, 0)
        table = self.root.value
        recalculate = False
        for reads, level in enumerate((4, 3, 2, 1), start=1):
            order = 9 * (level - 1)
            raw = self._machine.read(table + (gfn >> order & 511) * 8, 8)
            if raw is None:
                raise MachineError(f"no machine memory known for the nested table at {table:#x}")
            entry = int.from_bytes(raw, "little")
            recalculate = recalculate or not entry & _USER
            kind = _type_of(entry)
            if not entry & _PRESENT and not (level == 1 and kind in PAGING_TYPES):
                populate = kind is P2mType.p2m_populate_on_demand and level < 4
                return P2mEntry(gfn, None, kind if populate else _HOLE, min(order, 18), reads)
            if level == 1 or (entry & _LARGE and level < 4):
                return self._leaf(gfn, entry, kind, order, reads, recalculate)
            table = entry & _ADDRESS
        raise AssertionError("level 1 always ends the lookup")

    def _leaf(
        self, gfn: int, entry: int, kind: P2mType, order: int, reads: int, recalculate: bool
    ) -> P2mEntry:
        claimed = kind is P2mType.p2m_ioreq_server and self._ioreq_server
        if recalculate and kind in _CHANGEABLE and not claimed:
            kind = self._recalculated
        known = VALID_TYPES if order else VALID_TYPES | ANY_RAM_TYPES
        mfn: int | None = None
        if kind in known:
            inside = (1 << order) - 1
            mfn = (entry & _ADDRESS) >> PAGE_SHIFT & ~inside | gfn & inside
            if mfn == _NO_FRAME:
                mfn = None
        owned = kind not in GRANT_TYPES and kind is not P2mType.p2m_map_foreign
        return P2mEntry(gfn, mfn, kind, order, reads, owned)

    def lookup(self, gfn: Gfn, purpose: Purpose = Purpose.BUFFER) -> P2mLookup:
        """Look a frame up, as a step."""
        return as_lookup(self.entry(gfn.value), purpose)


def _type_of(entry: int) -> P2mType:
    """p2m_flags_to_type(): an entry of all zeroes is not RAM."""
    if not entry & ~_ADDRESS:
        return P2mType.p2m_invalid
    return _TYPES.get(entry >> _TYPE_SHIFT & 0x7F, P2mType.p2m_invalid)
