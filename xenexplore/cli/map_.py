"""``xenexplore map``: a whole address space as runs of pages of equal size and rights."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from xenexplore.cli.documents import as_line
from xenexplore.cli.image_options import add_image_arguments, error_json, target_of
from xenexplore.cli.printing import print_text
from xenexplore.memory.image import ImageSpace
from xenexplore.paging.batch.address_space import AddressSpace, map_target
from xenexplore.paging.batch.page_runs import PageRun
from xenexplore.paging.image_target import MODE_NAMES
from xenexplore.render.text.runs import address_space_lines

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    add_image_arguments(parser)
    parser.add_argument(
        "--physical",
        action="store_true",
        help="join only pages that are also physically contiguous, and show their addresses",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="print every run; by default runs that repeat at equal intervals share a line",
    )


def run(args: argparse.Namespace) -> int:
    """Print the runs of the address space.

    Returns:
        0, or 1 where tables or parts of the image are missing.

    Raises:
        ImageError: CR3 leads out of the image; with ``--strict``, any table does.
        MachineError: paging is off, or the runs are too many to list.
    """
    space = map_target(target_of(args), physical=args.physical, strict=args.strict)
    if args.json:
        sys.stdout.writelines(_json(space))
    else:
        for text in address_space_lines(space, fold=not args.all):
            print_text(text, args)
    return 0 if space.complete else 1


def _json(space: AddressSpace) -> Iterator[str]:
    """Owner of the page tables; an object for each run; one for each thing that is missing."""
    target = space.target
    yield as_line("address-space", space_json(space))
    keys = space.keys_in_question()
    for one in space:
        record = run_json(one, physical=space.physical, space=target.space)
        if one.user and one.key in keys:
            record["depends_on"] = {"pkru": {"key": one.key, "linux_default_denies": True}}
        yield as_line("page-run", record)
    for error, part in space.missing():
        record = {"first": f"{part.first:#x}", "size": part.size, "error": error_json(error)}
        yield as_line("page-run", record)
    for error in (*target.image.gaps, *space.damage):
        yield as_line("page-run", {"error": error_json(error)})


def space_json(space: AddressSpace) -> dict[str, object]:
    """Owner of the page tables, the registers, and what of them is assumed."""
    target, known = space.target, space.target.known
    return {
        "image": target.image.name,
        "vcpu": target.vcpu,
        "cr3": f"{target.state.cr3:#x}",
        "mode": MODE_NAMES[target.state.mode],
        "c_bit": target.state.c_bit,
        "pkru": f"{target.state.pkru:#x}" if known.pkru_known else None,
        "assumed": [assumption.value for assumption in known.assumed],
        "complete": space.complete,
    }


def run_json(
    one: PageRun, *, physical: bool, space: ImageSpace = ImageSpace.GUEST
) -> dict[str, object]:
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
