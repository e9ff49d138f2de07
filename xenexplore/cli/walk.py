"""``xenexplore walk``: where a linear address lies, and every table on the way."""

from __future__ import annotations

import argparse

from xenexplore.cli.image_options import add_image_arguments, target_of
from xenexplore.cli.printing import print_record, print_text
from xenexplore.paging.access import Access
from xenexplore.paging.permissions import walk_permissions
from xenexplore.paging.walk_record import Walk

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
    target = target_of(args)
    access = None
    if args.read or args.write or args.fetch or args.user:
        access = Access(write=args.write, fetch=args.fetch, user=args.user)
    walks = [target.walk(text, access) for text in args.addresses]
    if args.json:
        for one in walks:
            print_record(walk_json(one))
        return 0
    print_text(target.text(), args)
    print_text(f"Access: {access or 'none, only the translation'}\n", args)
    for one in walks:
        print_text(f"\n{one.text()}", args)
    return 0


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
