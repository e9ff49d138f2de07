"""A memory image with the page tables to examine: the registers used, and the assumptions."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath
from typing import Final

from xenexplore.addr import Gpa, Gva, is_canonical, parse_address
from xenexplore.display import Shown
from xenexplore.errors import AddressError, ImageError
from xenexplore.memory.image import Image, ImageSpace, Kind, Registers, open_image
from xenexplore.memory.image_contents import GuestOs
from xenexplore.paging.access import Access, WalkEnd
from xenexplore.paging.image_state import ImageState, Told, image_state, rights_aside
from xenexplore.paging.plan import Mode
from xenexplore.paging.state import Manner, PagingState
from xenexplore.paging.tags import untagged
from xenexplore.paging.walk import walk
from xenexplore.paging.walk_record import Walk
from xenexplore.paging.xen_tables import hold_machine_frames

__all__ = ["MODE_NAMES", "ImageTarget", "open_target"]

MODE_NAMES: Final = {
    Mode.NONE: "paging off",
    Mode.LEGACY: "32-bit paging",
    Mode.PAE: "PAE paging",
    Mode.LEVEL4: "4-level paging",
    Mode.LEVEL5: "5-level paging",
}
_CR3_BITS: Final = 64


@dataclass(frozen=True, slots=True)
class ImageTarget(Shown):
    """An opened image and the state to walk its page tables with.

    Attributes:
        image: the image.
        known: the state, and the assumed parts of it.
        vcpu: number of the vCPU whose registers they are; None if the image has none.
        space: the address space of the frames in the tables.
        os: the operating system whose entries these are, or None if unknown.
    """

    image: Image
    known: ImageState
    vcpu: int | None
    space: ImageSpace
    os: GuestOs | None

    def __repr__(self) -> str:
        whose = "no registers" if self.vcpu is None else f"vCPU {self.vcpu}"
        return f"<ImageTarget {self.image.name}: {whose}, CR3 {self.state.cr3:#x}>"

    @property
    def state(self) -> PagingState:
        """Registers of the chosen vCPU, or those assumed."""
        return self.known.state

    def walk(self, address: int | str | Gva, access: Access | None = None) -> Walk:
        """Walk one linear address, as the CPU would.

        Args:
            address: linear address: a number, or text in hex.
            access: rights are checked as for it; None: only the translation is looked for.

        Raises:
            AddressError: not a linear address of this paging mode.
            ImageError: the page tables lead out of the image.
        """
        one, missing = self.partial_walk(address, access)
        if missing is not None:
            raise missing
        return one

    def partial_walk(
        self, address: int | str | Gva, access: Access | None = None
    ) -> tuple[Walk, ImageError | None]:
        """A walk as far as the image contains its tables, and the error where it does not.

        Args:
            address: linear address: a number, or text in hex.
            access: rights are checked as for it; None: only the translation is looked for.

        Raises:
            AddressError: not a linear address of this paging mode.
        """
        linear = self._linear(address, access)
        state = rights_aside(self.state) if access is None else self.state
        one = walk(self.image, state, linear, access or Access(), Manner.CPU)
        if one.end is not WalkEnd.NO_TABLE:
            return one, None
        plan = self.state.plan
        if not one.entries:
            return one, self.missing_table(0, None, self.state.cr3 & plan.top_mask)
        last = one.levels[-1]
        points_to = last.entry & plan.address_mask
        return one, self.missing_table(last.number, last.entry_at.value, points_to)

    def missing_table(self, level: int, entry_at: int | None, table: int) -> ImageError:
        """The error for page tables that lead out of the image.

        Args:
            level: number of the level whose entry leads out.
            entry_at: physical address of that entry; None: CR3 itself leads out.
            table: physical address of the table that is missing.
        """
        word = self.space.value
        return ImageError(
            self.image.name,
            "CR3" if entry_at is None else f"level-{level} entry at {word} {entry_at:#x}",
            expected="a page table inside the image's memory",
            got=f"{word} {table:#x}",
            hint="wrong --cr3, damaged page tables, an incomplete image, or encryption (--c-bit)",
        )

    def _linear(self, address: int | str | Gva, access: Access | None) -> int:
        """The linear address, without a tag where LAM is on (no fetch has one)."""
        given = parse_address(address, Gva) if isinstance(address, str) else address
        linear = given if isinstance(given, int) else given.value
        shown = address if isinstance(address, str) else linear
        if linear < 0 or linear >> 64:
            raise AddressError(shown, "linear", "0 to 2**64 - 1")
        if access is None or not access.fetch:
            linear = untagged(self.state, linear)
        bits = self.state.mode.linear_bits
        if bits == 32 and linear >> 32:
            raise AddressError(shown, "linear", "at most 32 bits in this paging mode")
        if bits > 32 and not is_canonical(linear, bits):
            expected = f"a canonical one (bits 63:{bits} equal to bit {bits - 1})"
            raise AddressError(shown, "linear", expected)
        return linear


def open_target(
    file: str | PathLike[str],
    *,
    cr3: int | str | Gpa | None = None,
    vcpu: int | None = None,
    raw: bool = False,
    registers: str | PathLike[str] | None = None,
    mode: Mode | None = None,
    la57: bool | None = None,
    c_bit: int | None = None,
    pkru: int | str | None = None,
    os: GuestOs | None = None,
    maxphyaddr: int | None = None,
    strict: bool = False,
    limit: int | None = None,
) -> ImageTarget:
    """Open a memory image: a dump or core of a known format, page-table pages, raw memory.

    Facts that neither the image nor the caller gives are assumed, and listed in ``known.assumed``.

    Args:
        file: the image; may be compressed with zstd.
        cr3: physical address of other page tables than the vCPU's own: a number, or hex.
        vcpu: whose registers; default: 0.
        raw: the file is raw memory, from address 0.
        registers: file with the output of QEMU's ``info registers`` or of ``xenctx -a``; default:
            ``info_registers.txt`` beside the image.
        mode: the paging mode, overriding the image.
        la57: 5-level paging or not, if the image does not say.
        c_bit: position of the memory encryption bit in entries and CR3 (AMD SME, SEV).
        pkru: PKRU, rights of protection keys: a number, or hex.
        os: the kernel's operating system, for the contents of entries that are not present.
        maxphyaddr: physical address bits of the CPU, 32 to 52; higher ones are reserved.
        strict: reject an image that cannot be read completely.
        limit: maximum decompressed size of a file, in bytes; default: half of this machine's
            memory.

    Raises:
        ImageError: it cannot be read, has no such vCPU, lacks registers that were not given, states
            the mode itself although ``la57`` is given, or is incomplete under ``strict``.
        AddressError: ``cr3`` or ``pkru`` is out of range.
        OSError: the file cannot be read.
    """
    beside = None if registers is None else fspath(registers)
    image = open_image(fspath(file), Kind.RAW if raw else None, registers=beside, limit=limit)
    if strict and image.gaps:
        raise image.gaps[0]
    chosen = _chosen(image, vcpu, la57=la57)
    if la57 is not None:
        mode = Mode.LEVEL5 if la57 else Mode.LEVEL4
    told = Told(cr3=_cr3(cr3), mode=mode, c_bit=c_bit, pkru=_pkru(pkru), maxphyaddr=maxphyaddr)
    known = image_state(image, chosen, told)
    machine = image.space is ImageSpace.MACHINE or hold_machine_frames(image, known.state)
    if os is None and image.clues is not None:
        os = image.clues.os
    # A vCPU with paging off has no say in tables that the caller names.
    number = chosen.index if chosen is not None and known.keys_known else None
    return ImageTarget(
        image, known, number, ImageSpace.MACHINE if machine else ImageSpace.GUEST, os
    )


def _chosen(image: Image, vcpu: int | None, *, la57: bool | None) -> Registers | None:
    """The vCPU that was asked for, or the first; None if the image has none."""
    if not image.vcpus and vcpu is None:
        return None
    registers = image.vcpu(vcpu or 0)
    if la57 is not None:
        mode = image_state(image, registers, Told()).state.mode
        raise ImageError(
            image.name,
            "--la57" if la57 else "--no-la57",
            expected="only values that the image does not state",
            got=f"registers of vCPU {registers.index} that give: {MODE_NAMES[mode]}",
            hint="--mode overrides them",
        )
    return registers


def _cr3(given: int | str | Gpa | None) -> int | None:
    """CR3 as it is loaded: an address, and flags below and above it."""
    if given is None:
        return None
    if isinstance(given, str):
        return _cr3_text(given)
    if isinstance(given, int):
        return given if 0 <= given < 1 << _CR3_BITS else Gpa(given).value
    return given.value


def _cr3_text(text: str) -> int:
    try:
        return parse_address(text, Gpa).value
    except AddressError as error:
        digits = text.strip().lower().removeprefix("0x").replace("_", "")
        if not digits.isalnum() or len(digits) > _CR3_BITS // 4:
            raise
        try:
            return int(digits, 16)  # PCID's no-flush bit, LAM: bits 61 to 63
        except ValueError:
            raise error from None


def _pkru(given: int | str | None) -> int | None:
    if given is None:
        return None
    try:
        value = int(given.lower().removeprefix("0x"), 16) if isinstance(given, str) else given
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32:
        raise AddressError(given, "PKRU", "a number of 32 bits, in hex")
    return value
