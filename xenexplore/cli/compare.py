"""``xenexplore compare``: one scenario under each of its options, side by side."""

from __future__ import annotations

import argparse
import sys

from xenexplore.cli.printing import TEXT_SIZE, add_max_size, add_option, add_printing
from xenexplore.cli.run import load_line, option_words
from xenexplore.cli.scenario import SCENARIO_HELP
from xenexplore.mail.source import find_scenario
from xenexplore.scenario.run.runner import compare

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("scenario", metavar="SCENARIO", help=SCENARIO_HELP)
    add_option(parser, "the scenario's own, or all", several=True)
    parser.add_argument("--legend", action="store_true", help="text: say what its columns mean")
    add_printing(parser, "one option a line")
    add_max_size(parser, TEXT_SIZE)
    parser.add_argument("--code", action="store_true", help="print the Python that does the same")


def run(args: argparse.Namespace) -> int:
    """Compare the scenario's options and print the table."""
    if args.code:
        if args.scenario != "-":
            compare(
                find_scenario(args.scenario, limit=args.max_size), args.option
            )  # what is wrong is refused here, too
        sys.stdout.write(_code(args))
        return 0
    comparison = compare(find_scenario(args.scenario, limit=args.max_size), args.option)
    if args.json:
        sys.stdout.write(comparison.to_json().decode())
        return 0
    sys.stdout.write(comparison.text(unicode=args.unicode, legend=args.legend))
    return 0


def _code(args: argparse.Namespace) -> str:
    compared = f"xe.compare({load_line(args.scenario)}{option_words(args.option)})"
    if args.json:
        shown = "to_json().decode()"
    else:
        unicode = ["unicode=True"] if args.unicode else []
        shown = f"text({', '.join([*unicode, *(['legend=True'] if args.legend else [])])})"
    return (
        f'import xenexplore as xe\n\ncomparison = {compared}\nprint(comparison.{shown}, end="")\n'
    )
