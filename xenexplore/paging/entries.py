"""Page-table entries, bit by bit, for every paging mode.

Source: Intel SDM vol. 3, 4.3 to 4.5 (tables 4-3 to 4-20); AMD APM vol. 2, 5.3 to 5.4.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from xenexplore.addr import Gpa
from xenexplore.errors import MachineError
from xenexplore.paging.plan import ADDRESS_MASK, Mode, unfold_pse36

__all__ = ["ENTRY_BITS", "PageTableEntry", "entry_flags", "make_entry", "split_large"]

P, RW, US, PWT, PCD, A, D, PS, G = (1 << bit for bit in range(9))
PAT_4K = 1 << 7
PAT_LARGE = 1 << 12
NX = 1 << 63
PKEY_SHIFT = 59

ENTRY_BITS = ("P", "RW", "US", "PWT", "PCD", "A", "D", "PS", "PAT", "G", "NX", "C")
"""The bits of an entry by name; C is the encryption bit, where the guest has one."""


@dataclass(frozen=True, slots=True)
class PageTableEntry:
    """One raw entry, interpreted for its mode and level.

    Attributes:
        value: the bits.
        level: 5 to 1.
        mode: the paging mode.
        c_bit: position of the encryption bit, or None.
    """

    value: int
    level: int
    mode: Mode
    c_bit: int | None = None

    @property
    def present(self) -> bool:
        """P: the entry is in use."""
        return bool(self.value & P)

    @property
    def writable(self) -> bool:
        """R/W (the top of PAE has none: always allowed there)."""
        return self._pae_top or bool(self.value & RW)

    @property
    def user(self) -> bool:
        """U/S (the top of PAE has none: always allowed there)."""
        return self._pae_top or bool(self.value & US)

    @property
    def accessed(self) -> bool:
        """A."""
        return bool(self.value & A)

    @property
    def dirty(self) -> bool:
        """D; meaningful only in leaf entries."""
        return bool(self.value & D)

    @property
    def large(self) -> bool:
        """Whether the superpage bit is set (CR4.PSE and the CPU decide if it is allowed)."""
        return bool(self.value & PS) and 2 <= self.level <= (2 if self._narrow else 3)

    @property
    def leaf(self) -> bool:
        """Whether the entry maps a page rather than a table."""
        return self.level == 1 or self.large

    @property
    def nx(self) -> bool:
        """NX; 32-bit entries have none."""
        return bool(self.value & NX)

    @property
    def pkey(self) -> int:
        """Protection key of a leaf: bits 62:59 in 4- and 5-level paging, else 0."""
        return 0 if self._narrow or not self.leaf else self.value >> PKEY_SHIFT & 15

    @property
    def page_shift(self) -> int:
        """log2 of the bytes that the entry covers."""
        return 12 + (10 if self.mode is Mode.LEGACY else 9) * (self.level - 1)

    @property
    def address(self) -> Gpa:
        """Address in the entry: the next table, or the start of its page."""
        encryption = 0 if self.c_bit is None else 1 << self.c_bit
        value = self.value & ~encryption
        if not self.large:
            return Gpa(value & ADDRESS_MASK)
        if self.mode is Mode.LEGACY:
            return Gpa(unfold_pse36(value))
        return Gpa(value & ADDRESS_MASK & -(1 << self.page_shift))

    @property
    def encrypted(self) -> bool:
        """Whether the encryption bit is set."""
        return self.c_bit is not None and bool(self.value >> self.c_bit & 1)

    def mask(self, name: str) -> int:
        """The bit of one of :data:`ENTRY_BITS` in this entry.

        Raises:
            MachineError: the entry has no such bit.
        """
        if name not in ENTRY_BITS:
            raise MachineError(f"no bit {name!r}: expected one of {', '.join(ENTRY_BITS)}")
        if name == "C" and self.c_bit is None:
            raise MachineError("no bit 'C': only an encrypted guest's entries have one")
        if name == "PAT" and not self.leaf:
            raise MachineError(f"no bit 'PAT': the level-{self.level} entry maps no page")
        if name == "PS" and self.level == 1:
            raise MachineError("no bit 'PS' in a level-1 entry: bit 7 is PAT there")
        known = {
            "P": P, "RW": RW, "US": US, "PWT": PWT, "PCD": PCD, "A": A, "D": D, "PS": PS,
            "PAT": PAT_LARGE if self.large else PAT_4K, "G": G, "NX": NX,
            "C": 1 << (self.c_bit or 0),
        }  # fmt: skip
        return known[name]

    @property
    def _narrow(self) -> bool:
        return self.mode in (Mode.LEGACY, Mode.PAE)

    @property
    def _pae_top(self) -> bool:
        return self.mode is Mode.PAE and self.level == 3

    @property
    def flags(self) -> str:
        """The bits by name, e.g. ``"P RW US A D"``; ``"-"`` if the entry is not present.

        The CPU looks at no other bit of such an entry: what stands there is the
        kernel's (Intel SDM vol. 3, 4.5: "bits 63:1 ignored").
        """
        if not self.present:
            return "-"
        leaf = self.leaf
        names = [
            ("P", P),
            ("RW", RW),
            ("US", US),
            ("PWT", PWT),
            ("PCD", PCD),
            ("A", A),
            ("D", D if leaf else 0),
            ("PS", PS if self.large else 0),
            ("PAT", (PAT_LARGE if self.large else PAT_4K) if leaf else 0),
            ("G", G if leaf else 0),
            ("NX", 0 if self.mode is Mode.LEGACY else NX),
        ]
        shown = [name for name, bit in names if self.value & bit]
        if self.pkey:
            shown.append(f"PK={self.pkey}")
        if self.encrypted:
            shown.append("C")
        return " ".join(shown)


@lru_cache(maxsize=4096)  # a copy element by element reads the same entries again and again
def entry_flags(value: int, level: int, mode: Mode, c_bit: int | None = None) -> str:
    """The bits of an entry by name, e.g. ``"P RW US A D"``."""
    return PageTableEntry(value, level, mode, c_bit).flags


def make_entry(
    mode: Mode,
    level: int,
    address: int,
    *,
    large: bool = False,
    writable: bool = True,
    user: bool = False,
    nx: bool = False,
    pkey: int = 0,
    accessed: bool = False,
    dirty: bool = False,
    global_: bool = False,
    pwt: bool = False,
    pcd: bool = False,
    pat: bool = False,
    c_bit: int | None = None,
) -> int:
    """A present entry, as raw bits.

    Args:
        mode: the paging mode.
        level: 5 to 1; a leaf is level 1, or ``large``.
        address: guest-physical address of the next table or the page.
        large: map a superpage: 4 MiB (32-bit), 2 MiB (level 2) or 1 GiB (level 3).
        writable: R/W.
        user: U/S.
        nx: NX.
        pkey: protection key, leaves of 4- and 5-level paging only.
        accessed: A.
        dirty: D, leaves only.
        global_: G, leaves only.
        pwt: PWT.
        pcd: PCD.
        pat: PAT, leaves only.
        c_bit: set the encryption bit at this position.

    Raises:
        MachineError: the mode's entry cannot say that.
    """
    probe = PageTableEntry(PS if large else 0, level, mode)
    leaf = probe.leaf
    pae_top = mode is Mode.PAE and level == 3
    wide = mode in (Mode.LEVEL4, Mode.LEVEL5)
    checks = (
        (1 <= level <= mode.levels, f"level {level}"),
        (not large or probe.large, f"a superpage at level {level}"),
        (not nx or (mode is not Mode.LEGACY and not pae_top), "NX"),
        (not pkey or (wide and leaf and 0 < pkey < 16), f"protection key {pkey}"),
        (leaf or not (dirty or global_ or pat), "D, G or PAT where it maps no page"),
        (c_bit is None or mode is not Mode.LEGACY, "an encryption bit"),
        (address & ~_address_field(mode, probe) == 0, f"address {address:#x}"),
    )
    for possible, what in checks:
        if not possible:
            raise MachineError(f"a level-{level} entry of {mode.name} paging cannot hold {what}")
    value = P | _fold(address, mode, large=large)
    wanted = (
        (RW, writable and not pae_top),
        (US, user and not pae_top),
        (PWT, pwt),
        (PCD, pcd),
        (A, accessed and not pae_top),
        (D, dirty),
        (PS, large),
        (PAT_LARGE if large else PAT_4K, pat),
        (G, global_),
        (NX, nx),
        (1 << (c_bit or 0), c_bit is not None),
    )
    for bit, on in wanted:
        value |= bit if on else 0
    return value | pkey << PKEY_SHIFT


def _address_field(mode: Mode, entry: PageTableEntry) -> int:
    """Addresses that an entry can hold."""
    if mode is Mode.LEGACY:
        return 0xFF_FFC0_0000 if entry.large else 0xFFFF_F000
    return ADDRESS_MASK & -(1 << entry.page_shift) if entry.large else ADDRESS_MASK


def _fold(address: int, mode: Mode, *, large: bool) -> int:
    if mode is Mode.LEGACY and large:
        return (address & 0xFFC0_0000) | (address >> 32 & 0xFF) << 13
    return address


def split_large(entry: PageTableEntry) -> list[int]:
    """A superpage's entry as the entries of a table that maps the same memory, one size smaller.

    Raises:
        MachineError: a 32-bit 4 MiB page past 4 GiB, which no 4 KiB entry can reach.
    """
    start = entry.address.value
    if entry.mode is Mode.LEGACY:
        if start >> 32:
            raise MachineError(f"the 4 MiB page at {start:#x} cannot be split: it is past 4 GiB")
        rest = entry.value & 0x1FFF
    else:
        encryption = 0 if entry.c_bit is None else 1 << entry.c_bit
        rest = entry.value & ~(ADDRESS_MASK & -(1 << entry.page_shift) & ~encryption)
    if entry.level == 2:  # PAT moves from bit 12 to bit 7, which is no longer PS
        rest = rest & ~(PS | PAT_LARGE) | (PAT_4K if rest & PAT_LARGE else 0)
    below = PageTableEntry(0, entry.level - 1, entry.mode)
    span = 1 << below.page_shift
    count = 1 << (entry.page_shift - below.page_shift)
    return [rest | start + place * span for place in range(count)]
