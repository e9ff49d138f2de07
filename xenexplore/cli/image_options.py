"""Common options of ``walk`` and ``map``: image, vCPU, page tables."""

from __future__ import annotations

import argparse

from xenexplore.cli.printing import add_max_size, add_printing
from xenexplore.errors import AddressError, ImageError
from xenexplore.memory.image_contents import GuestOs
from xenexplore.paging.image_target import ImageTarget, open_target
from xenexplore.paging.plan import Mode

__all__ = ["add_image_arguments", "error_json", "target_of"]

MODES = {"32": Mode.LEGACY, "pae": Mode.PAE, "4": Mode.LEVEL4, "5": Mode.LEVEL5}


def add_image_arguments(parser: argparse.ArgumentParser) -> None:
    """IMAGE and the options that select what to walk in it."""
    parser.add_argument(
        "image",
        metavar="IMAGE",
        help="an ELF core (QEMU, VirtualBox, kdump's vmcore, kcore), xl dump-core, LiME, AVML,"
        " kdump-compressed, makedumpfile -F, Windows crash dump, VMware .vmss/.vmsn with .vmem,"
        " page-table pages, or raw memory (--raw); may be .zst",
    )
    add_printing(parser, "one object per line")
    add_max_size(parser, "half of this machine's memory; it does not apply to plain files")
    parser.add_argument(
        "--cr3", metavar="GPA", help="address of the top-level page table (default: the vCPU's CR3)"
    )
    parser.add_argument(
        "--vcpu", metavar="N", type=int, help="vCPU whose registers are used (default: 0)"
    )
    parser.add_argument("--raw", action="store_true", help="the file is raw memory, from address 0")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="reject incomplete input; by default the rest is printed, with exit status 1",
    )
    told = parser.add_argument_group(
        "values that the image may lack",
        "If neither the image nor an option gives a value, a default is assumed and printed.",
    )
    told.add_argument(
        "--registers",
        metavar="FILE",
        help="output of QEMU's 'info registers' or of 'xenctx -a' (default: info_registers.txt"
        " beside the image)",
    )
    told.add_argument("--mode", choices=MODES, help="the paging mode: 32-bit, PAE, 4 or 5 levels")
    told.add_argument(
        "--la57",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="5-level paging or not: like --mode 5 or 4, but rejected if the image states the mode",
    )
    told.add_argument(
        "--c-bit", metavar="BIT", type=int, choices=range(32, 52),
        help="position of the memory encryption bit in entries and CR3 (AMD SME, SEV)",
    )  # fmt: skip
    told.add_argument(
        "--pkru", metavar="HEX", help="PKRU register: access rights of protection keys"
    )
    told.add_argument(
        "--os", choices=[os.value for os in GuestOs],
        help="the guest's operating system: used to decode entries that are not present",
    )  # fmt: skip
    told.add_argument(
        "--maxphyaddr",
        metavar="BITS",
        type=int,
        choices=range(32, 53),
        help="physical address bits of the CPU; higher ones are reserved (default: 52)",
    )


def target_of(args: argparse.Namespace) -> ImageTarget:
    """Open the image that the arguments name; errors as of :func:`open_target`."""
    return open_target(
        args.image, cr3=args.cr3, vcpu=args.vcpu, raw=args.raw, registers=args.registers,
        mode=MODES[args.mode] if args.mode else None, la57=args.la57, c_bit=args.c_bit,
        pkru=args.pkru, os=GuestOs(args.os) if args.os else None, maxphyaddr=args.maxphyaddr,
        strict=args.strict, limit=args.max_size,
    )  # fmt: skip


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
