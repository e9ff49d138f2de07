"""``xenexplore replay``: every recorded access under each design."""

from __future__ import annotations

import argparse
import json
import sys

from xenexplore.analysis.findings_json import replayed_json
from xenexplore.analysis.replay.design import DESIGNS, Design, design
from xenexplore.analysis.replay.engine import replay
from xenexplore.cli.workload_options import add_workload_arguments, progress_on, read_it, shape_of
from xenexplore.render.text.recorded.replay import replay_text

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``replay``."""
    add_workload_arguments(parser)
    known = ", ".join(what.label for what in DESIGNS)
    parser.add_argument(
        "--option", action="append", metavar="DESIGN",
        help=f"one of {known}; or an option with parameters: "
        "software-tlb:register=directmap+stacks:entries=8 (default: all; may be repeated)",
    )  # fmt: skip
    parser.add_argument(
        "--json", action="store_true", help="print one JSON object per line: design and domain"
    )


def run(args: argparse.Namespace) -> int:
    """Read, replay, print."""
    chosen: tuple[Design, ...] = tuple(design(text) for text in args.option or ()) or DESIGNS
    workload, shape = read_it(args), shape_of(args)
    progress = progress_on(sys.stderr)
    replays = []
    for index, what in enumerate(chosen):
        if progress is not None:
            progress(index, len(chosen), what.label)
        replays += [replay(workload, what, domain.index, shape) for domain in workload.domains]
    if progress is not None:
        progress(len(chosen), len(chosen), "")
    if not args.json:
        sys.stdout.write(replay_text(workload, replays))
        return 0
    for one in replays:
        name = workload.domains[one.domain].name
        sys.stdout.write(json.dumps(replayed_json(one, name)) + "\n")
    return 0
