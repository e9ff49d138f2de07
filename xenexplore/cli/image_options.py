"""What ``walk`` and ``map`` share: which image, which vCPU, which page tables."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from xenexplore.addr import Gpa, parse_address
from xenexplore.cli.printing import add_max_size, add_printing
from xenexplore.errors import AddressError, ImageError
from xenexplore.memory.image import Image, Kind, Space, open_image
from xenexplore.memory.image_contents import GuestOs
from xenexplore.memory.image_registers import Registers
from xenexplore.paging.image_state import ImageState, Told, image_state
from xenexplore.paging.plan import Mode
from xenexplore.paging.state import PagingState
from xenexplore.paging.xen_tables import hold_machine_frames
from xenexplore.render.text.image import MODE_NAMES

__all__ = ["Target", "add_image_arguments", "error_json", "missing_table", "open_target"]

MODES = {"32": Mode.LEGACY, "pae": Mode.PAE, "4": Mode.LEVEL4, "5": Mode.LEVEL5}
_CR3_BITS = 64


@dataclass(frozen=True, slots=True)
class Target:
    """An opened image and the state to walk its page tables with.

    Attributes:
        image: the image.
        known: the state, and what of it is assumed.
        vcpu: number of the vCPU whose registers they are; None if the image has none.
        space: which address space the frames in the tables are of.
        os: whose entries these are, or None if nobody said.
    """

    image: Image
    known: ImageState
    vcpu: int | None
    space: Space
    os: GuestOs | None

    @property
    def state(self) -> PagingState:
        """Registers of the chosen vCPU, or those assumed."""
        return self.known.state


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """IMAGE and the options that say what in it to walk."""
    parser.add_argument(
        "image",
        metavar="IMAGE",
        help="an ELF core (QEMU, VirtualBox, kdump's vmcore, kcore), xl dump-core, LiME, AVML,"
        " kdump-compressed, makedumpfile -F, Windows crash dump, VMware .vmss/.vmsn with .vmem,"
        " page-table pages, or raw memory (--raw); may be .zst",
    )
    add_printing(parser, "one object a line")
    add_max_size(parser, "half of this machine's memory; plain files are not held to it")
    parser.add_argument("--cr3", metavar="GPA", help="walk these page tables (default: the vCPU's)")
    parser.add_argument("--vcpu", metavar="N", type=int, help="whose registers (default: 0)")
    parser.add_argument("--raw", action="store_true", help="the file is raw memory, from address 0")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="refuse what is incomplete; by default the rest is printed, with exit status 1",
    )
    told = parser.add_argument_group(
        "what the image does not say", "Where nothing says it, a default is assumed and printed."
    )
    told.add_argument(
        "--registers",
        metavar="FILE",
        help="what QEMU's 'info registers' printed (default: info_registers.txt beside the image)",
    )
    told.add_argument("--mode", choices=MODES, help="the paging mode: 32-bit, PAE, 4 or 5 levels")
    told.add_argument(
        "--la57",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="5-level paging or not: --mode 5 or 4, refused where the image says it",
    )
    told.add_argument(
        "--c-bit", metavar="BIT", type=int, choices=range(32, 52),
        help="position of the memory encryption bit in entries and CR3 (AMD SME, SEV)",
    )  # fmt: skip
    told.add_argument("--pkru", metavar="HEX", help="PKRU: rights of protection keys")
    told.add_argument(
        "--os", choices=[os.value for os in GuestOs],
        help="whose kernel: what it keeps in entries that are not present",
    )  # fmt: skip
    told.add_argument(
        "--maxphyaddr",
        metavar="BITS",
        type=int,
        choices=range(32, 53),
        help="physical address bits of the CPU; higher ones are reserved (default: 52)",
    )


def open_target(args: argparse.Namespace) -> Target:
    """Open the image that the arguments name.

    Raises:
        ImageError: it cannot be read, has no such vCPU, lacks registers that
            were not given, knows what ``--la57`` was to say, or is incomplete
            and ``--strict`` was given.
        AddressError: ``--cr3`` or ``--pkru`` is no such number.
    """
    kind = Kind.RAW if args.raw else None
    image = open_image(args.image, kind, registers=args.registers, limit=args.max_size)
    if args.strict and image.gaps:
        raise image.gaps[0]
    registers = _registers(image, args)
    mode = MODES[args.mode] if args.mode else None
    if args.la57 is not None:
        mode = Mode.LEVEL5 if args.la57 else Mode.LEVEL4
    told = Told(
        cr3=None if args.cr3 is None else _cr3(args.cr3),
        mode=mode,
        c_bit=args.c_bit,
        pkru=None if args.pkru is None else _pkru(args.pkru),
        maxphyaddr=args.maxphyaddr,
    )
    known = image_state(image, registers, told)
    machine = image.space is Space.MACHINE or hold_machine_frames(image, known.state)
    os = GuestOs(args.os) if args.os else image.clues.os if image.clues else None
    # A vCPU with paging off has no say in tables that the caller names.
    number = registers.index if registers is not None and known.keys_known else None
    space = Space.MACHINE if machine else Space.GUEST
    return Target(image, known, number, space, os)


def _registers(image: Image, args: argparse.Namespace) -> Registers | None:
    """The vCPU that was asked for, or the first; None if the image has none."""
    if not image.vcpus and args.vcpu is None:
        return None
    registers = image.vcpu(args.vcpu or 0)
    if args.la57 is not None:
        mode = image_state(image, registers, Told()).state.mode
        raise ImageError(
            image.name,
            "--la57" if args.la57 else "--no-la57",
            expected="to be told only what the image cannot tell",
            got=f"registers of vCPU {registers.index} that say: {MODE_NAMES[mode]}",
            hint="--mode overrides them",
        )
    return registers


def _cr3(text: str) -> int:
    """CR3 as it is loaded: an address, and flags below and above it."""
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


def _pkru(text: str) -> int:
    try:
        value = int(text.lower().removeprefix("0x"), 16)
    except ValueError:
        value = -1
    if not 0 <= value < 1 << 32:
        raise AddressError(text, "PKRU", "a number of 32 bits, in hex")
    return value


def missing_table(
    image: Image, level: int, entry_at: int | None, table: int, space: Space = Space.GUEST
) -> ImageError:
    """The error for page tables that lead out of the image."""
    word = space.value
    return ImageError(
        image.name,
        "CR3" if entry_at is None else f"level-{level} entry at {word} {entry_at:#x}",
        expected="a page table inside the image's memory",
        got=f"{word} {table:#x}",
        hint="wrong --cr3, damaged page tables, an incomplete image, or encryption (--c-bit)",
    )


def error_json(error: ImageError | AddressError) -> dict[str, object]:
    """An error as JSON: its message, and its fields where it has any."""
    record: dict[str, object] = {"message": str(error)}
    if isinstance(error, ImageError):
        record |= {
            "source": error.source,
            "place": error.place,
            "expected": error.expected,
            "got": error.got,
            "hint": error.hint,
        }
    else:
        record |= {"expected": error.expected, "got": str(error.value)}
    return record
