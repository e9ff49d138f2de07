"""``xenexplore hypercall``: the catalogue, one entry or a filtered list."""

from __future__ import annotations

import argparse

from xenexplore.cli.printing import add_printing, print_record, print_text
from xenexplore.errors import CatalogueError, InputError
from xenexplore.hypercalls.callers import CALLERS
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, families
from xenexplore.hypercalls.catalogue.search import find
from xenexplore.hypercalls.outline.diff import diff
from xenexplore.hypercalls.outline.diff_json import diff_json
from xenexplore.hypercalls.outline.entry_facts import facts_of
from xenexplore.hypercalls.outline.entry_json import entry_json
from xenexplore.hypercalls.releases import DEFAULT, RELEASES
from xenexplore.render.text.catalogue_diff import diff_text
from xenexplore.render.text.hypercall import entry_text, list_text

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "words", metavar="NAME", nargs="*", help="e.g. memory_op populate_physmap, or evtchn send"
    )
    parser.add_argument("--list", action="store_true", help="every hypercall and sub-op")
    add_printing(parser, "one object per line")
    parser.add_argument(
        "--xen", metavar="VERSION", default=DEFAULT,
        help=f"catalogue of this Xen release: {', '.join(RELEASES)} (default: {DEFAULT})",
    )  # fmt: skip
    parser.add_argument(
        "--diff", metavar=("OLD", "NEW"), nargs=2,
        help="differences between two releases",
    )  # fmt: skip
    parser.add_argument("--guest", choices=CALLERS, help="show what applies to this kind of guest")
    only = parser.add_argument_group("filters, with --list")
    only.add_argument(
        "--nested-handles",
        action="store_true",
        help="only calls with a handle inside the argument's struct",
    )
    only.add_argument(
        "--can-exceed-page",
        action="store_true",
        help="only calls with a buffer that can exceed 4096 bytes",
    )
    only.add_argument(
        "--unbounded", action="store_true", help="only calls that can pass any number of bytes"
    )


def run(args: argparse.Namespace) -> int:
    """Print one entry, or the list."""
    if args.list and args.words:
        raise InputError(
            "command line", "--list", expected="filters only", got=repr(" ".join(args.words)),
            hint="without --list, a name selects one entry",
        )  # fmt: skip
    caller = CALLERS[args.guest] if args.guest else None
    if args.diff:
        return _diff(args)
    if args.list or not args.words:
        entries = [entry for entry in _everything(args.xen) if _wanted(entry, args)]
        if args.json:
            for entry in entries:
                print_record("hypercall", entry_json(entry, caller))
        else:
            print_text(list_text(entries), args)
        return 0
    found = find(" ".join(args.words), xen=args.xen)
    if caller and caller.handlers not in found.guests:
        raise CatalogueError(f"{found.title} for {args.guest} guests")
    if args.json:
        print_record("hypercall", entry_json(found, caller))
    else:
        print_text(entry_text(found, caller), args)
    return 0


def _diff(args: argparse.Namespace) -> int:
    """Print what differs between two releases."""
    given = args.words or args.list or args.guest or args.xen != DEFAULT
    if given or args.nested_handles or args.can_exceed_page or args.unbounded:
        raise InputError(
            "command line", "--diff", expected="only two versions of Xen", got="more",
            hint="a name, --list, --guest, --xen and filters select from one version",
        )  # fmt: skip
    found = diff(*args.diff)
    if args.json:
        print_record("hypercall-diff", diff_json(found))
    else:
        print_text(diff_text(found), args)
    return 0


def _everything(xen: str) -> list[Family | SubOp]:
    """Sub-ops; and the hypercalls that have none."""
    found: list[Family | SubOp] = []
    for one in families(xen):
        found += one.ops.values() or [one]
    return found


def _wanted(entry: Family | SubOp, args: argparse.Namespace) -> bool:
    if args.guest and CALLERS[args.guest].handlers not in entry.guests:
        return False
    if not (args.nested_handles or args.can_exceed_page or args.unbounded):
        return True
    facts = facts_of(entry)
    return (
        (facts.nested or not args.nested_handles)
        and (facts.exceeds_page or not args.can_exceed_page)
        and (facts.unbounded or not args.unbounded)
    )
