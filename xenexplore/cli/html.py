"""``xenexplore html``: one offline file that steps through a scenario."""

from __future__ import annotations

import argparse
import os
import sys

from xenexplore.cli.printing import (
    TEXT_SIZE,
    add_max_size,
    add_option,
    add_printing,
    print_record,
    takes_no_document,
    writing,
)
from xenexplore.cli.run import load_line, option_words
from xenexplore.cli.scenario import SCENARIO_HELP
from xenexplore.errors import InputError
from xenexplore.mail.source import find_scenario
from xenexplore.render.web.page import save_html, trace_html
from xenexplore.scenario.run.runner import compare
from xenexplore.scenario.run.runner import run as run_scenario

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("scenario", metavar="SCENARIO", help=SCENARIO_HELP)
    add_option(parser, "the scenario's first option")
    parser.add_argument(
        "--compare", action="store_true", help="every option of the scenario, side by side"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True, help="output file; - for standard output"
    )
    add_printing(parser, "the files written")
    add_max_size(parser, TEXT_SIZE)
    parser.add_argument("--code", action="store_true", help="print the equivalent Python")


def run(args: argparse.Namespace) -> int:
    """Run the scenario and write its page."""
    takes_no_document(args)
    if args.compare and args.option is not None:
        raise InputError(
            args.scenario, "--option", expected="--compare or --option", got="both",
            hint="a comparison shows every option",
        )  # fmt: skip
    scenario = find_scenario(args.scenario, limit=args.max_size)
    if args.code:
        sys.stdout.write(_code(args))
        return 0
    shown = compare(scenario) if args.compare else run_scenario(scenario, args.option)
    if args.output == "-":
        sys.stdout.write(trace_html(shown))
    else:
        with writing(args.output):
            save_html(shown, args.output)
        if args.json:
            print_record("file", {"file": args.output, "bytes": os.path.getsize(args.output)})
    return 0


def _code(args: argparse.Namespace) -> str:
    verb = "compare" if args.compare else "run"
    shown = f"xe.{verb}({load_line(args.scenario)}{option_words(args.option)})"
    return f"import xenexplore as xe\n\nxe.save_html({shown}, {args.output!r})\n"
