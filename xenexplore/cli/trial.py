"""``xenexplore trial``: a design in every built-in scenario and in random machines."""

from __future__ import annotations

import argparse
import sys

from xenexplore.cli.printing import add_printing, print_text
from xenexplore.scenario.trial.trial import trial

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "design", metavar="DESIGN",
        help="FILE.py:CLASS, or a design's name or number, with parameters after a colon",
    )  # fmt: skip
    parser.add_argument(
        "-n", metavar="N", type=int, default=110, help="number of random machines (default: 110)"
    )
    parser.add_argument(
        "--seed",
        metavar="SEED",
        type=int,
        default=0,
        help="seed of the random machines (default: 0)",
    )
    add_printing(parser, "rulings, and each fault as a scenario")


def run(args: argparse.Namespace) -> int:
    """Try the design; exit status 1 if it has an undeclared fault."""
    tried = trial(args.design, n=args.n, seed=args.seed)
    if args.json:
        sys.stdout.write(tried.to_json().decode())
    else:
        print_text(tried.text(), args)
    return int(bool(tried.failed))
