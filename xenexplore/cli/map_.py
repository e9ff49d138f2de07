"""``xenexplore map``: a whole address space as runs of equal pages with equal rights."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from xenexplore.cli.image_options import (
    Target,
    add_image_arguments,
    error_json,
    missing_table,
    open_target,
)
from xenexplore.cli.printing import print_text
from xenexplore.errors import ImageError
from xenexplore.memory.image import Space
from xenexplore.paging.batch.page_runs import Join, PageRun, PageRuns, find_page_runs
from xenexplore.paging.batch.table_arrays import read_tables
from xenexplore.paging.hidden import Hidden, hidden_parts
from xenexplore.render.text.image import image_header
from xenexplore.render.text.runs import hidden_text, runs_text
from xenexplore.render.text.table import paragraph

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

    Returns:
        0, or 1 where tables or parts of the image are missing.

    Raises:
        ImageError: CR3 leads out of the image; with ``--strict``, any table does.
        MachineError: paging is off, or the runs are too many to list.
    """
    target = open_target(args)
    tables = read_tables(target.image, target.state)
    if tables.missing and (args.strict or not tables.has_root):
        raise missing_table(target.image, *tables.missing[0], target.space)
    damage = target.image.damage
    if damage and args.strict:
        raise damage[0]
    runs = find_page_runs(tables, Join.PHYSICAL if args.physical else Join.RIGHTS)
    hidden = hidden_parts(tables)
    if args.json:
        sys.stdout.writelines(_json(target, runs, hidden, args))
    else:
        for text in _text(target, runs, hidden, args):
            print_text(text, args)
    return 1 if hidden or damage or target.image.gaps else 0


def _errors(target: Target, hidden: tuple[Hidden, ...]) -> Iterator[tuple[ImageError, Hidden]]:
    """Each missing table's error, and what it hides."""
    for part in hidden:
        yield missing_table(target.image, *part.missing, target.space), part


def _json(
    target: Target,
    runs: PageRuns,
    hidden: tuple[Hidden, ...],
    args: argparse.Namespace,
) -> Iterator[str]:
    """An object for each run, then one for each thing that is missing."""
    for one in runs:
        yield json.dumps(run_json(one, physical=args.physical, space=target.space)) + "\n"
    for error, part in _errors(target, hidden):
        record = {"first": f"{part.first:#x}", "size": part.size, "error": error_json(error)}
        yield json.dumps(record) + "\n"
    for error in (*target.image.gaps, *target.image.damage):
        yield json.dumps({"error": error_json(error)}) + "\n"


def _text(
    target: Target,
    runs: PageRuns,
    hidden: tuple[Hidden, ...],
    args: argparse.Namespace,
) -> Iterator[str]:
    """The image, the runs, and what is missing."""
    yield image_header(target.image, target.known, target.vcpu) + "\n"
    space = target.space.value
    yield from runs_text(runs, physical=args.physical, fold=not args.all, space=space)
    yield from hidden_text(list(_errors(target, hidden)))
    for error in target.image.damage:
        yield "\n".join(paragraph(f"Damage: {error}", 0, 2)) + "\n"


def run_json(one: PageRun, *, physical: bool, space: Space = Space.GUEST) -> dict[str, object]:
    """A run as JSON: addresses as hex strings, ``end`` exclusive."""
    record: dict[str, object] = {
        "start": f"{one.start:#x}",
        "end": f"{one.end:#x}",
        "page_size": one.page_size,
        "permissions": one.permissions,
        "protection_key": one.key,
    }
    if physical:
        record[space.value] = f"{one.gpa:#x}"
    return record
