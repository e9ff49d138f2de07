"""What ``walk`` and ``map`` share: which image, which vCPU, which page tables."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from xenexplore.addr import Gpa, parse_address
from xenexplore.cli.printing import add_max_size, add_printing
from xenexplore.errors import ImageError
from xenexplore.memory.image import Image, Kind, open_image
from xenexplore.paging.image_state import IMAGE_MAXPHYADDR, state_from_registers
from xenexplore.paging.state import PagingState
from xenexplore.render.text.image import MODE_NAMES

__all__ = ["Target", "add_image_arguments", "missing_table", "open_target"]


@dataclass(frozen=True, slots=True)
class Target:
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


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """IMAGE and the options that say what in it to walk."""
    parser.add_argument(
        "image",
        metavar="IMAGE",
        help="an ELF core (QEMU: dump-guest-memory), page-table pages, or raw memory; may be .zst",
    )
    add_printing(parser, "one object a line")
    add_max_size(parser, "half of this machine's memory; plain files are not held to it")
    parser.add_argument("--cr3", metavar="GPA", help="walk these page tables (default: the vCPU's)")
    parser.add_argument("--vcpu", metavar="N", type=int, help="whose registers (default: 0)")
    parser.add_argument("--raw", action="store_true", help="the file is raw memory; give --cr3")
    parser.add_argument(
        "--la57",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="5-level paging or not, where the image cannot tell (default: not)",
    )
    parser.add_argument(
        "--maxphyaddr",
        metavar="BITS",
        type=int,
        choices=range(32, 53),
        default=IMAGE_MAXPHYADDR,
        help="physical address bits of the CPU; higher ones are reserved (default: 52)",
    )


def open_target(args: argparse.Namespace) -> Target:
    """Open the image that the arguments name.

    Raises:
        ImageError: it cannot be read, has no such vCPU, lacks registers that
            were not given, or knows what ``--la57`` was to say.
        AddressError: ``--cr3`` is no guest-physical address.
    """
    image = open_image(args.image, Kind.RAW if args.raw else None, limit=args.max_size)
    cr3 = None if args.cr3 is None else parse_address(args.cr3, Gpa).value
    if not image.vcpus and args.vcpu is None:
        return _without_registers(image, args, cr3)
    number = args.vcpu or 0
    state = state_from_registers(image.vcpu(number), cr3=cr3, maxphyaddr=args.maxphyaddr)
    if args.la57 is not None:
        raise ImageError(
            image.name,
            "--la57" if args.la57 else "--no-la57",
            expected="to be told only what the image cannot tell",
            got=f"registers of vCPU {number} that say: {MODE_NAMES[state.mode]}",
        )
    return Target(image, state, number, "")


def _without_registers(image: Image, args: argparse.Namespace, cr3: int | None) -> Target:
    """Only memory: CR3 must be given, the rest is what 64-bit kernels have."""
    if cr3 is None:
        raise ImageError(
            image.name,
            "registers",
            expected="CR3",
            got="only memory",
            hint="give it with --cr3",
        )
    state = PagingState.long_mode(cr3, la57=bool(args.la57), maxphyaddr=args.maxphyaddr)
    assumed = "64-bit, NX on" if args.la57 is not None else "64-bit, NX on, no LA57"
    return Target(image, state, None, assumed)


def missing_table(image: Image, level: int, entry_at: int | None, table: int) -> ImageError:
    """The error for page tables that lead out of the image."""
    return ImageError(
        image.name,
        "CR3" if entry_at is None else f"level-{level} entry at gpa {entry_at:#x}",
        expected="a page table inside the image's memory",
        got=f"gpa {table:#x}",
        hint="wrong --cr3, damaged page tables, or an incomplete image",
    )
