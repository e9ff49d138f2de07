"""Contents of non-present page-table entries by kernel: the CPU ignores all of it."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from xenexplore.memory.image_contents import GuestOs

__all__ = ["AbsentEntry", "AbsentKind", "absent_entry"]


class AbsentKind(enum.Enum):
    """Meaning of an entry; the value is its kernel's own word."""

    EMPTY = "nothing"
    SWAP = "swap"
    PROT_NONE = "PROT_NONE"
    MIGRATION = "migration"
    HWPOISON = "hwpoison"
    DEVICE = "device memory"
    MARKER = "pte marker"
    TRANSITION = "transition"
    PROTOTYPE = "prototype"
    PAGEFILE = "pagefile"
    DEMAND_ZERO = "demand zero"


@dataclass(frozen=True, slots=True, kw_only=True)
class AbsentEntry:
    """One such entry, read by its kernel's rules.

    Attributes:
        os: whose rules.
        kind: what it stands for.
        number: swap type, or page file number; None where there is none.
        offset: page offset in the swap area or page file; None where there is none.
        frame: physical frame that still (or for now) holds the page; None where there is none.
        address: linear address of a Windows prototype entry; None elsewhere.
        protection: Windows' protection code; None elsewhere.
    """

    os: GuestOs
    kind: AbsentKind
    number: int | None = None
    offset: int | None = None
    frame: int | None = None
    address: int | None = None
    protection: int | None = None


_PRESENT = 1 << 0
_FRAME_BITS = 40
# Linux on x86-64.
_PROT_NONE = 1 << 8  # _PAGE_PROTNONE is _PAGE_GLOBAL
_INVERTED = 1 << 51
_TYPE_BITS, _OFFSET_SHIFT = 5, 14
# Windows on x64.
_PROTOTYPE, _TRANSITION = 1 << 10, 1 << 11
_64 = (1 << 64) - 1


def absent_entry(os: GuestOs, entry: int) -> AbsentEntry | None:
    """Meaning of a 64-bit entry whose P bit is clear; None if it is present.

    >>> absent_entry(GuestOs.LINUX, 0x7FFFFFFFFB72FE00).offset
    149120
    """
    if entry & _PRESENT:
        return None
    return _of_linux(entry) if os is GuestOs.LINUX else _of_windows(entry)


def _of_linux(entry: int) -> AbsentEntry:
    """Linux on x86-64, from 4.18 on: swap offsets and PROT_NONE frames are inverted (L1TF).

    A PROT_NONE entry of an older kernel is recognised by its frame number, whose upper
    bits are then clear.  Types from 23 on are special; their numbers are those of
    a kernel from 5.19 on with memory failure, migration and device memory configured.

    Source: Linux, arch/x86/include/asm/pgtable_64.h (__swp_type, __swp_offset),
    pgtable-invert.h (__pte_needs_invert), pgtable_types.h (_PAGE_PROTNONE);
    include/linux/swap.h (MAX_SWAPFILES, SWP_MIGRATION_READ, SWP_PTE_MARKER) and
    swapops.h (SWP_PFN_BITS).
    """
    os = GuestOs.LINUX
    if not entry:
        return AbsentEntry(os=os, kind=AbsentKind.EMPTY)
    if entry & _PROT_NONE:
        value = entry ^ _64 if entry & _INVERTED else entry
        return AbsentEntry(os=os, kind=AbsentKind.PROT_NONE, frame=value >> 12 & (1 << 40) - 1)
    number = entry >> 64 - _TYPE_BITS
    offset = ((entry ^ _64) << _TYPE_BITS & _64) >> _OFFSET_SHIFT
    frame = offset & (1 << _FRAME_BITS) - 1
    if number < 23:
        return AbsentEntry(os=os, kind=AbsentKind.SWAP, number=number, offset=offset)
    if number == 23:
        return AbsentEntry(os=os, kind=AbsentKind.HWPOISON, number=number, frame=frame)
    if number < 27:
        return AbsentEntry(os=os, kind=AbsentKind.MIGRATION, number=number, frame=frame)
    if number < 31:
        return AbsentEntry(os=os, kind=AbsentKind.DEVICE, number=number, frame=frame)
    return AbsentEntry(os=os, kind=AbsentKind.MARKER, number=number, offset=offset)


def _of_windows(entry: int) -> AbsentEntry:
    """Windows on x64.

    Bits 10 and 11 tell the kinds apart, bits 9:5 are the protection, bits 63:32
    the offset in a page file, whose number is in bits 15:12 (Windows 10) or 4:1
    (before).  Frames and offsets are given as stored: since the mitigation of L1TF,
    Windows may have XORed them where bit 4 is clear.

    Source: Windows Internals, 7th ed., part 1, ch. 5 "Invalid PTEs" and
    "Prototype PTEs"; Microsoft's symbols, _MMPTE_SOFTWARE, _MMPTE_TRANSITION,
    _MMPTE_PROTOTYPE.
    """
    os = GuestOs.WINDOWS
    if not entry:
        return AbsentEntry(os=os, kind=AbsentKind.EMPTY)
    protection = entry >> 5 & 31
    if entry & _PROTOTYPE:
        address = entry >> 16
        address |= 0xFFFF << 48 if address >> 47 else 0
        return AbsentEntry(os=os, kind=AbsentKind.PROTOTYPE, address=address, protection=protection)
    if entry & _TRANSITION:
        frame = entry >> 12 & (1 << 36) - 1
        return AbsentEntry(os=os, kind=AbsentKind.TRANSITION, frame=frame, protection=protection)
    offset = entry >> 32
    if not offset:
        return AbsentEntry(os=os, kind=AbsentKind.DEMAND_ZERO, protection=protection)
    number = entry >> 12 & 15 or entry >> 1 & 15
    return AbsentEntry(
        os=os, kind=AbsentKind.PAGEFILE, number=number, offset=offset, protection=protection
    )
