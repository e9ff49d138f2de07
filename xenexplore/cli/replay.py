"""``xenexplore replay``: every recorded access under each design."""

from __future__ import annotations

import argparse
import sys

from xenexplore.analysis.findings_json import replayed_json
from xenexplore.analysis.replay.design import DESIGNS, design
from xenexplore.analysis.replay.replays import replay_designs
from xenexplore.cli.printing import add_option, add_printing, print_record, print_text
from xenexplore.cli.workload_options import add_workload_arguments, progress_on, read_it, shape_of

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``replay``."""
    add_workload_arguments(parser)
    add_option(parser, f"all of {', '.join(what.label for what in DESIGNS)}", several=True)
    add_printing(parser, "one object a line, for each design and domain")


def run(args: argparse.Namespace) -> int:
    """Read, replay, print."""
    chosen = tuple(design(text) for text in args.option or ()) or DESIGNS
    replays = replay_designs(
        read_it(args), chosen, shape=shape_of(args), progress=progress_on(sys.stderr)
    )
    if not args.json:
        print_text(replays.text(), args)
        return 0
    for one in replays:
        name = replays.workload.domains[one.domain].name
        print_record("replay", replayed_json(one, name))
    return 0
