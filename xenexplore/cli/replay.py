"""``xenexplore replay``: every recorded access under each design."""

from __future__ import annotations

import argparse
import sys

from xenexplore.analysis.findings_json import replayed_json, stepped_json
from xenexplore.analysis.replay.design import DESIGNS, design
from xenexplore.analysis.replay.replayed import Replayed
from xenexplore.analysis.replay.replays import replay_designs
from xenexplore.cli.printing import add_design, add_option, add_printing, print_record, print_text
from xenexplore.cli.workload_options import add_workload_arguments, progress_on, read_it, shape_of

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``replay``."""
    add_workload_arguments(parser)
    add_option(parser, f"all of {', '.join(what.label for what in DESIGNS)}", several=True)
    add_design(parser, "alone, or beside each --option")
    parser.add_argument(
        "-n", metavar="N", type=int, default=400,
        help="sample size for a design without a replay model (default: 400)",
    )  # fmt: skip
    parser.add_argument(
        "--seed", metavar="SEED", type=int, default=0, help="seed of the sample (default: 0)"
    )
    parser.add_argument(
        "--all", action="store_true", help="replay each hypercall step by step (minutes)"
    )
    add_printing(parser, "one object per line, for each design and domain")


def run(args: argparse.Namespace) -> int:
    """Read, replay, print."""
    texts = [*(args.option or ()), *args.design]
    chosen = tuple(design(text) for text in texts) or DESIGNS
    replays = replay_designs(
        read_it(args), chosen, shape=shape_of(args), progress=progress_on(sys.stderr),
        n=args.n, seed=args.seed, all=args.all,
    )  # fmt: skip
    if not args.json:
        print_text(replays.text(), args)
        return 0
    for one in replays:
        name = replays.workload.domains[one.domain].name
        print_record(
            "replay",
            replayed_json(one, name) if isinstance(one, Replayed) else stepped_json(one, name),
        )
    return 0
