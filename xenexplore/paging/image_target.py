"""A memory image with the page tables to look at: whose registers, and what was assumed."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath

from xenexplore.addr import Gpa, Gva, is_canonical, parse_address
from xenexplore.display import Shown
from xenexplore.errors import AddressError, ImageError
from xenexplore.memory.image import Image, Kind, open_image
from xenexplore.paging.access import Access, WalkEnd
from xenexplore.paging.image_state import IMAGE_MAXPHYADDR, rights_aside, state_from_registers
from xenexplore.paging.plan import Mode
from xenexplore.paging.state import Manner, PagingState
from xenexplore.paging.walk import walk
from xenexplore.paging.walk_record import Walk

__all__ = ["MODE_NAMES", "ImageTarget", "missing_table", "open_target"]

MODE_NAMES = {
    Mode.NONE: "paging off",
    Mode.LEGACY: "32-bit paging",
    Mode.PAE: "PAE paging",
    Mode.LEVEL4: "4-level paging",
    Mode.LEVEL5: "5-level paging",
}


@dataclass(frozen=True, slots=True)
class ImageTarget(Shown):
    """An opened image and the state to walk its page tables with.

    Attributes:
        image: the image.
        state: registers of the chosen vCPU, or those assumed.
        vcpu: its number; None if the image has no registers.
        assumed: what was not in the image but taken for granted, in words.
    """

    image: Image
    state: PagingState
    vcpu: int | None
    assumed: str

    def __repr__(self) -> str:
        whose = "no registers" if self.vcpu is None else f"vCPU {self.vcpu}"
        return f"<ImageTarget {self.image.name}: {whose}, CR3 {self.state.cr3:#x}>"

    def walk(self, address: int | str | Gva, access: Access | None = None) -> Walk:
        """Walk one linear address, as the CPU would.

        Args:
            address: linear address: a number, or text in hex.
            access: rights are checked as for it; None: only the translation is looked for.

        Raises:
            AddressError: not a linear address of this paging mode.
            ImageError: the page tables lead out of the image.
        """
        linear = self._linear(address)
        if access is None:
            one = walk(self.image, rights_aside(self.state), linear, manner=Manner.CPU)
        else:
            one = walk(self.image, self.state, linear, access, Manner.CPU)
        if one.end is WalkEnd.NO_TABLE:
            raise self._missing(one)
        return one

    def _linear(self, address: int | str | Gva) -> int:
        given = parse_address(address, Gva) if isinstance(address, str) else address
        linear = given if isinstance(given, int) else given.value
        shown = address if isinstance(address, str) else linear
        bits = self.state.mode.linear_bits
        if linear < 0 or linear >> 64:
            raise AddressError(shown, "linear", "0 to 2**64 - 1")
        if bits == 32 and linear >> 32:
            raise AddressError(shown, "linear", "at most 32 bits in this paging mode")
        if bits > 32 and not is_canonical(linear, bits):
            expected = f"a canonical one (bits 63:{bits} equal to bit {bits - 1})"
            raise AddressError(shown, "linear", expected)
        return linear

    def _missing(self, one: Walk) -> ImageError:
        plan = self.state.plan
        if not one.entries:
            return missing_table(self.image, 0, None, self.state.cr3 & plan.top_mask)
        last = one.levels[-1]
        points_to = last.entry & plan.address_mask
        return missing_table(self.image, last.number, last.entry_at.value, points_to)


def open_target(
    file: str | PathLike[str],
    *,
    cr3: int | str | Gpa | None = None,
    vcpu: int | None = None,
    raw: bool = False,
    la57: bool | None = None,
    maxphyaddr: int = IMAGE_MAXPHYADDR,
    limit: int | None = None,
) -> ImageTarget:
    """Open a memory image: an ELF core (QEMU: ``dump-guest-memory``), page-table pages, raw memory.

    Args:
        file: the image; may be compressed with zstd.
        cr3: guest-physical address of other page tables than the vCPU's own: a number, or hex.
        vcpu: whose registers; default: 0.
        raw: the file is raw memory; ``cr3`` must be given.
        la57: 5-level paging or not, where the image cannot tell; default: not.
        maxphyaddr: physical address bits of the CPU, 32 to 52; higher ones are reserved.
        limit: most bytes of a file's content, decompressed; default: half of this machine's
            memory.

    Raises:
        ImageError: it cannot be read, has no such vCPU, lacks registers that
            were not given, or knows what ``la57`` was to say.
        AddressError: ``cr3`` is no guest-physical address.
        OSError: the file cannot be read.
    """
    image = open_image(fspath(file), Kind.RAW if raw else None, limit=limit)
    table = _table(cr3)
    if not image.vcpus and vcpu is None:
        return _without_registers(image, table, la57=la57, maxphyaddr=maxphyaddr)
    number = vcpu or 0
    state = state_from_registers(image.vcpu(number), cr3=table, maxphyaddr=maxphyaddr)
    if la57 is not None:
        raise ImageError(
            image.name,
            "--la57" if la57 else "--no-la57",
            expected="to be told only what the image cannot tell",
            got=f"registers of vCPU {number} that say: {MODE_NAMES[state.mode]}",
        )
    return ImageTarget(image, state, number, "")


def _table(cr3: int | str | Gpa | None) -> int | None:
    if cr3 is None:
        return None
    given = parse_address(cr3, Gpa) if isinstance(cr3, str) else cr3
    return (Gpa(given) if isinstance(given, int) else given).value


def _without_registers(
    image: Image, cr3: int | None, *, la57: bool | None, maxphyaddr: int
) -> ImageTarget:
    """Only memory: CR3 must be given, the rest is what 64-bit kernels have."""
    if cr3 is None:
        raise ImageError(
            image.name,
            "registers",
            expected="CR3",
            got="only memory",
            hint="give it with --cr3",
        )
    state = PagingState.long_mode(cr3, la57=bool(la57), maxphyaddr=maxphyaddr)
    assumed = "64-bit, NX on" if la57 is not None else "64-bit, NX on, no LA57"
    return ImageTarget(image, state, None, assumed)


def missing_table(image: Image, level: int, entry_at: int | None, table: int) -> ImageError:
    """The error for page tables that lead out of the image."""
    return ImageError(
        image.name,
        "CR3" if entry_at is None else f"level-{level} entry at gpa {entry_at:#x}",
        expected="a page table inside the image's memory",
        got=f"gpa {table:#x}",
        hint="wrong --cr3, damaged page tables, or an incomplete image",
    )
