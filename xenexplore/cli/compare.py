"""``xenexplore compare``: one scenario under each of its options, side by side."""

from __future__ import annotations

import argparse
import sys

from xenexplore.cli.printing import TEXT_SIZE, add_max_size, add_printing
from xenexplore.cli.run import load_line
from xenexplore.cli.scenario import SCENARIO_HELP
from xenexplore.scenario.library.builtin import find_scenario
from xenexplore.scenario.run.runner import compare

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("scenario", metavar="SCENARIO", help=SCENARIO_HELP)
    parser.add_argument(
        "--option", metavar="LABEL", action="append",
        help="a label of the scenario or an option's name, and again for each more; default: "
        "the scenario's own, or all",
    )  # fmt: skip
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
    from xenexplore.render.text.run.comparison import comparison_text

    sys.stdout.write(comparison_text(comparison, unicode=args.unicode))
    return 0


def _code(args: argparse.Namespace) -> str:
    imported, loaded = load_line(args.scenario)
    lines = [imported, "from xenexplore.scenario.run.runner import compare", ""]
    chosen = "" if args.option is None else f", {args.option!r}"
    lines.append(f"comparison = compare({loaded}{chosen})")
    shown = "comparison.to_json().decode()"
    if not args.json:
        lines.insert(0, "from xenexplore.render.text.run.comparison import comparison_text")
        unicode = ", unicode=True" if args.unicode else ""
        shown = f"comparison_text(comparison{unicode})"
    return "\n".join([*lines, f'print({shown}, end="")']) + "\n"
