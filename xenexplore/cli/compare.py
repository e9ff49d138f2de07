"""``xenexplore compare``: one scenario under each of its options, side by side."""

from __future__ import annotations

import argparse
import sys

from xenexplore.cli.printing import (
    TEXT_SIZE,
    add_design,
    add_max_size,
    add_option,
    add_printing,
)
from xenexplore.cli.run import load_line, option_words
from xenexplore.cli.scenario import SCENARIO_HELP
from xenexplore.mail.source import find_scenario
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.runner import compare, options_of

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("scenario", metavar="SCENARIO", help=SCENARIO_HELP)
    add_option(parser, "the scenario's own options, or all", several=True)
    parser.add_argument("--legend", action="store_true", help="text: explain the columns")
    add_design(parser, "an additional column")
    add_printing(parser, "one option per line")
    add_max_size(parser, TEXT_SIZE)
    parser.add_argument("--code", action="store_true", help="print the equivalent Python")


def run(args: argparse.Namespace) -> int:
    """Compare the scenario's options and print the table."""
    if args.code:
        chosen = args.option
        if args.scenario != "-" or args.design:
            scenario = find_scenario(args.scenario, limit=args.max_size)
            chosen = _columns(scenario, args)
            compare(scenario, chosen)  # what is wrong is refused here, too
        sys.stdout.write(_code(args, chosen))
        return 0
    scenario = find_scenario(args.scenario, limit=args.max_size)
    comparison = compare(scenario, _columns(scenario, args))
    if args.json:
        sys.stdout.write(comparison.to_json().decode())
        return 0
    sys.stdout.write(comparison.text(unicode=args.unicode, legend=args.legend))
    return 0


def _columns(scenario: Scenario, args: argparse.Namespace) -> list[str] | None:
    """Labels and texts of the columns; None: the scenario's own."""
    if not args.design:
        return args.option  # type: ignore[no-any-return]
    first = args.option or [option.label for option in options_of(scenario)]
    return [*first, *args.design]


def _code(args: argparse.Namespace, chosen: list[str] | None) -> str:
    compared = f"xe.compare({load_line(args.scenario)}{option_words(chosen)})"
    if args.json:
        shown = "to_json().decode()"
    else:
        unicode = ["unicode=True"] if args.unicode else []
        shown = f"text({', '.join([*unicode, *(['legend=True'] if args.legend else [])])})"
    return (
        f'import xenexplore as xe\n\ncomparison = {compared}\nprint(comparison.{shown}, end="")\n'
    )
