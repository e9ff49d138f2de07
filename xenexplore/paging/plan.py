"""Parameters of a paging mode: levels, index fields, reserved bits; prepared once per state."""

from __future__ import annotations

import enum
import functools
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["ADDRESS_MASK", "LevelPlan", "Mode", "Plan", "make_plan", "unfold_pse36"]

ADDRESS_MASK = (1 << 52) - 1 & ~0xFFF
"""Address bits of a 64-bit entry (Xen: PADDR_MASK & PAGE_MASK)."""

_PSE = 1 << 7
_GLOBAL = 1 << 8
_NX = 1 << 63
# PAE keeps 62:52 reserved at all levels (guest_pt.h: GUEST_L1_PAGETABLE_RSVD).
_PAE_HIGH = 0x7FF << 52
# ... and R/W, U/S, A, D, PS, G and NX reserved at the top (GUEST_L3_PAGETABLE_RSVD).
_PAE_TOP = 0xFFF << 52 | _GLOBAL | _PSE | 0x40 | 0x20 | 0x4 | 0x2


class Mode(enum.Enum):
    """Paging modes; the value is the number of levels in Xen's name for it."""

    NONE = 1
    LEGACY = 2
    PAE = 3
    LEVEL4 = 4
    LEVEL5 = 5

    @property
    def levels(self) -> int:
        """Levels of page tables: 0 if paging is off."""
        return 0 if self is Mode.NONE else self.value

    @property
    def linear_bits(self) -> int:
        """Width of a linear address, in bits."""
        return {Mode.LEVEL4: 48, Mode.LEVEL5: 57}.get(self, 32)

    @property
    def entry_size(self) -> int:
        """Bytes per entry."""
        return 4 if self is Mode.LEGACY else 8


class LevelPlan(NamedTuple):
    """Rule for one level's entry in a walk; plain ints for speed.

    Attributes:
        shift: how far to shift a linear address so that ``& mask`` leaves the
            byte offset of the entry in its table.
        mask: byte offsets of entries.
        reserved: bits that fault in a present entry.
        large: the bit that makes the entry map a page, or 0 where none can.
        large_reserved: further bits that fault if it does.
        grants: rights that this level gives whatever its entry says (the top of PAE).
        inside: bits of an address inside the page that the level maps.
        sound: ``reserved``, and the present bit: an entry ANDed with it gives 1 if it is good.
    """

    shift: int
    mask: int
    reserved: int
    large: int
    large_reserved: int
    grants: int
    inside: int
    sound: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A paging mode, ready to walk.

    Attributes:
        mode: the paging mode.
        entry_size: bytes per entry.
        levels: from the top down.
        page_shifts: log2 of the page that each level maps, from the top down.
        numbers: level numbers, from the top down.
        address_mask: bits of an entry that address the next table or page.
        top_mask: bits of CR3 that address the top table.
        nx: whether NX works in this mode (EFER.NXE, and not 32-bit paging).
        nxe: EFER.NXE alone.
        linear_bits: width of a linear address.
    """

    mode: Mode
    entry_size: int
    levels: tuple[LevelPlan, ...]
    page_shifts: tuple[int, ...]
    numbers: tuple[int, ...]
    address_mask: int
    top_mask: int
    nx: bool
    nxe: bool
    linear_bits: int


def unfold_pse36(entry: int) -> int:
    """Address of a 32-bit 4 MiB page: bits 20:13 of the entry are bits 39:32 of the address.

    Bit 21, reserved, would be bit 40, as in Xen's unfold_pse36() (guest_pt.h).
    """
    return (entry & 0xFFC00000) | (entry >> 13 & 0x1FF) << 32


@functools.lru_cache(maxsize=256)
def make_plan(
    mode: Mode,
    *,
    nxe: bool,
    maxphyaddr: int,
    page1gb: bool,
    pse: bool,
    pse36: bool,
    amd: bool,
    c_bit: int | None,
) -> Plan:
    """Prepare a mode: reserved bits as guest_l{1,2,3,4}e_rsvd_bits() have them.

    Source: xen/arch/x86/include/asm/guest_pt.h (4.17 and newer agree).
    """
    nx = nxe and mode is not Mode.LEGACY
    past_end = ((1 << 52) - 1) & ~((1 << maxphyaddr) - 1)
    encryption = 0 if c_bit is None else 1 << c_bit
    high = (past_end | (0 if nx else _NX)) & ~encryption
    levels: dict[int, LevelPlan] = {}
    if mode is Mode.LEGACY:
        levels = _legacy(past_end, pse=pse, pse36=pse36)
    elif mode is not Mode.NONE:
        pae = mode is Mode.PAE
        low = high | (_PAE_HIGH & ~encryption if pae else 0)
        levels[1] = _wide(1, low)
        levels[2] = _wide(2, low, _PSE)
        if pae:
            levels[3] = _wide(3, high | _PAE_TOP & ~encryption, grants=6)
        else:
            gib = _PSE if page1gb else 0
            levels[3] = _wide(3, high | _PSE & ~gib, gib)
            top = high | _PSE | (_GLOBAL if amd else 0)
            levels[4] = _wide(4, top)
            levels[5] = _wide(5, top)
    numbers = tuple(range(mode.levels, 0, -1))
    width = 10 if mode is Mode.LEGACY else 9
    return Plan(
        mode=mode,
        entry_size=mode.entry_size,
        levels=tuple(levels[number] for number in numbers),
        page_shifts=tuple(12 + width * (number - 1) for number in numbers),
        numbers=numbers,
        address_mask=ADDRESS_MASK & ~encryption,
        top_mask=(ADDRESS_MASK | (0xFE0 if mode is Mode.PAE else 0)) & ~encryption,
        nx=nx,
        nxe=nxe,
        linear_bits=mode.linear_bits,
    )


def _wide(level: int, reserved: int, large: int = 0, *, grants: int = 0) -> LevelPlan:
    """A level of 64-bit entries."""
    shift = 12 + 9 * (level - 1)
    return LevelPlan(
        shift=shift - 3,
        mask=0xFF8,
        reserved=reserved,
        large=large,
        large_reserved=_superpage_reserved(shift) if large else 0,
        grants=grants,
        inside=(1 << shift) - 1,
        sound=reserved | 1,
    )


def _superpage_reserved(shift: int) -> int:
    """Address bits below a superpage's alignment, but for bit 12 (PAT): SUPERPAGE_RSVD()."""
    return ((1 << shift) - 1) & ~0x1FFF


def _legacy(past_end: int, *, pse: bool, pse36: bool) -> dict[int, LevelPlan]:
    """32-bit paging: nothing is reserved but address bits of 4 MiB pages."""
    # PSE36 ends at 40 bits: address bits 40:32 sit in entry bits 21:13.
    folded = ((past_end | 1 << 40) >> 32 & 0x1FF) << 13 if pse36 else _superpage_reserved(22)
    return {
        1: LevelPlan(10, 0xFFC, 0, 0, 0, 0, 0xFFF, 1),
        2: LevelPlan(20, 0xFFC, 0, _PSE if pse else 0, folded, 0, 0x3F_FFFF, 1),
    }
