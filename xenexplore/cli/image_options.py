"""What ``walk`` and ``map`` share: which image, which vCPU, which page tables."""

from __future__ import annotations

import argparse

from xenexplore.cli.printing import add_max_size, add_printing
from xenexplore.paging.image_state import IMAGE_MAXPHYADDR
from xenexplore.paging.image_target import ImageTarget, open_target

__all__ = ["add_image_arguments", "target_of"]


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


def target_of(args: argparse.Namespace) -> ImageTarget:
    """Open the image that the arguments name; errors as of :func:`open_target`."""
    return open_target(
        args.image, cr3=args.cr3, vcpu=args.vcpu, raw=args.raw, la57=args.la57,
        maxphyaddr=args.maxphyaddr, limit=args.max_size,
    )  # fmt: skip
