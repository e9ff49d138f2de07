"""``xenexplore walk``: where a linear address lies, and every table on the way."""

from __future__ import annotations

import argparse

from xenexplore.addr import Gva, is_canonical, parse_address
from xenexplore.cli.image_options import Target, add_image_arguments, missing_table, open_target
from xenexplore.cli.printing import print_record, print_text
from xenexplore.errors import AddressError
from xenexplore.paging.access import Access, WalkEnd
from xenexplore.paging.image_state import rights_aside
from xenexplore.paging.permissions import walk_permissions
from xenexplore.paging.state import Manner
from xenexplore.paging.walk import walk
from xenexplore.paging.walk_record import Walk
from xenexplore.render.text.image import image_header
from xenexplore.render.text.walk import walk_text

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_image_arguments(parser)
    parser.add_argument("addresses", metavar="ADDRESS", nargs="+", help="linear address, in hex")
    what = parser.add_argument_group(
        "access",
        "With one of these, rights are checked as for that access, by the vCPU's CR0.WP, SMEP,"
        " SMAP and EFLAGS.AC; without, only the translation is looked for.",
    )
    kind = what.add_mutually_exclusive_group()
    kind.add_argument("--read", action="store_true", help="a read")
    kind.add_argument("--write", action="store_true", help="a write")
    kind.add_argument("--fetch", action="store_true", help="an instruction fetch")
    what.add_argument("--user", action="store_true", help="by user mode (default: supervisor)")


def run(args: argparse.Namespace) -> int:
    """Walk every address and print the walks.  A page fault is an answer."""
    target = open_target(args)
    access = None
    if args.read or args.write or args.fetch or args.user:
        access = Access(write=args.write, fetch=args.fetch, user=args.user)
    walks = [_walk(target, text, access) for text in args.addresses]
    if args.json:
        for one in walks:
            print_record(walk_json(one))
        return 0
    print_text(image_header(target.image, target.state, target.vcpu, target.assumed), args)
    print_text(f"Access: {access or 'none, only the translation'}\n", args)
    for one in walks:
        print_text(f"\n{walk_text(one)}", args)
    return 0


def _walk(target: Target, text: str, access: Access | None) -> Walk:
    """One walk.

    Raises:
        AddressError: not a linear address of this paging mode.
        ImageError: the page tables lead out of the image.
    """
    linear = parse_address(text, Gva).value
    mode = target.state.mode
    bits = mode.linear_bits
    if bits == 32 and linear >> 32:
        raise AddressError(text, "linear", "at most 32 bits in this paging mode")
    if bits > 32 and not is_canonical(linear, bits):
        raise AddressError(
            text, "linear", f"a canonical one (bits 63:{bits} equal to bit {bits - 1})"
        )
    if access is None:
        one = walk(target.image, rights_aside(target.state), linear, manner=Manner.CPU)
    else:
        one = walk(target.image, target.state, linear, access, Manner.CPU)
    if one.end is WalkEnd.NO_TABLE:
        plan = target.state.plan
        if not one.entries:
            raise missing_table(target.image, 0, None, target.state.cr3 & plan.top_mask)
        last = one.levels[-1]
        points_to = last.entry & plan.address_mask
        raise missing_table(target.image, last.number, last.entry_at.value, points_to)
    return one


def walk_json(one: Walk) -> dict[str, object]:
    """A walk as JSON: addresses and entries as hex strings."""
    return {
        "linear": one.linear.hex(),
        "gpa": None if one.gpa is None else one.gpa.hex(),
        "page_size": one.page_size,
        "permissions": walk_permissions(one),
        "error_code": one.error_code,
        "reason": None if one.ok else one.end.value,
        "failed_level": one.failed_level,
        "levels": [
            {
                "level": level.number,
                "table": level.table.hex(),
                "index": level.index,
                "entry_at": level.entry_at.hex(),
                "entry": f"{level.entry:#x}",
                "flags": level.flags,
            }
            for level in one.levels
        ],
    }
