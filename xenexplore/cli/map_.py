"""``xenexplore map``: a whole address space as runs of equal pages with equal rights."""

from __future__ import annotations

import argparse
import json
import sys

from xenexplore.cli.image_options import add_image_arguments, target_of
from xenexplore.cli.printing import print_text
from xenexplore.paging.batch.address_space import map_target
from xenexplore.paging.batch.page_runs import PageRun
from xenexplore.render.text.runs import runs_text

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_image_arguments(parser)
    parser.add_argument(
        "--physical",
        action="store_true",
        help="join only pages that also follow each other in memory, and say where they lie",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="print every run; by default runs that repeat at equal distances become one line",
    )


def run(args: argparse.Namespace) -> int:
    """Print the runs of the address space.

    Raises:
        ImageError: the page tables lead out of the image.
        MachineError: paging is off, or the runs are too many to list.
    """
    space = map_target(target_of(args), physical=args.physical)
    if args.json:
        lines = (json.dumps(run_json(one, physical=args.physical)) + "\n" for one in space)
        sys.stdout.writelines(lines)
        return 0
    print_text(f"{space.target.text()}\n", args)
    for line in runs_text(space.runs, physical=args.physical, fold=not args.all):
        print_text(line, args)
    return 0


def run_json(one: PageRun, *, physical: bool) -> dict[str, object]:
    """A run as JSON: addresses as hex strings, ``end`` exclusive."""
    record: dict[str, object] = {
        "start": f"{one.start:#x}",
        "end": f"{one.end:#x}",
        "page_size": one.page_size,
        "permissions": one.permissions,
        "protection_key": one.key,
    }
    if physical:
        record["gpa"] = f"{one.gpa:#x}"
    return record
