"""``xenexplore replay``: every recorded access under each design."""

from __future__ import annotations

import argparse
import sys

from xenexplore.analysis.findings_json import replayed_json
from xenexplore.analysis.replay.design import DESIGNS, design
from xenexplore.analysis.replay.engine import replay
from xenexplore.cli.printing import add_printing, print_record, print_text
from xenexplore.cli.workload_options import add_workload_arguments, progress_on, read_it, shape_of
from xenexplore.options.registry import REGISTERED
from xenexplore.render.text.recorded.replay import replay_text

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``replay``."""
    add_workload_arguments(parser)
    known = ", ".join(what.label for what in DESIGNS)
    parser.add_argument(
        "--option", action="append", metavar="DESIGN",
        help=f"one of {known}; or an option with parameters: "
        f"{REGISTERED.name}: register=directmap+stack, entries=8 (default: all; may be repeated)",
    )  # fmt: skip
    add_printing(parser, "one object a line, for each design and domain")


def run(args: argparse.Namespace) -> int:
    """Read, replay, print."""
    chosen = tuple(design(text) for text in args.option or ()) or DESIGNS
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
        print_text(replay_text(workload, replays), args)
        return 0
    for one in replays:
        name = workload.domains[one.domain].name
        print_record(replayed_json(one, name))
    return 0
