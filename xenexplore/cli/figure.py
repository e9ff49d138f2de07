"""``xenexplore figure``: a view of a scenario as SVG, PNG or PDF."""

from __future__ import annotations

import argparse
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
from xenexplore.render.drawing.theme import THEMES
from xenexplore.render.svg.figure_file import KINDS, figure_bytes, kind_of
from xenexplore.render.svg.views import VIEWS
from xenexplore.scenario.run.runner import compare
from xenexplore.scenario.run.runner import run as run_scenario

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("scenario", metavar="SCENARIO", help=SCENARIO_HELP)
    add_option(parser, "the scenario's first option")
    parser.add_argument(
        "--step", metavar="N", type=int,
        help="step number, from 0; default: where the first copy goes wrong, or otherwise ends",
    )  # fmt: skip
    parser.add_argument(
        "--view", choices=VIEWS, default="stepper", help="what to draw (default: stepper)"
    )
    parser.add_argument(
        "--theme", choices=tuple(THEMES), default="light", help="colours (default: light)"
    )
    parser.add_argument(
        "-o", "--output", metavar="FILE", required=True,
        help=f"output file, named *.{', *.'.join(KINDS)}; - for SVG on standard output",
    )  # fmt: skip
    add_printing(parser, "the files written")
    add_max_size(parser, TEXT_SIZE)
    parser.add_argument("--code", action="store_true", help="print the equivalent Python")


def run(args: argparse.Namespace) -> int:
    """Run the scenario and write the figure."""
    takes_no_document(args)
    kind = "svg" if args.output == "-" else kind_of(args.output)
    for given, name in ((args.option, "--option"), (args.step, "--step")):
        if args.view == "comparison" and given is not None:
            raise InputError(
                args.scenario, name, expected="no such argument with --view comparison",
                got=str(given), hint="a comparison shows every option, to its end",
            )  # fmt: skip
    scenario = find_scenario(args.scenario, limit=args.max_size)
    if args.code:
        sys.stdout.write(_code(args))
        return 0
    if args.view == "comparison":
        data = figure_bytes(compare(scenario), kind, view=args.view, theme=args.theme)
    else:
        trace = run_scenario(scenario, args.option)
        if args.step is not None and not 0 <= args.step < len(trace.steps):
            raise InputError(
                args.scenario, "--step", expected=f"0 to {len(trace.steps) - 1}", got=str(args.step)
            )
        data = figure_bytes(trace, kind, step=args.step, view=args.view, theme=args.theme)
    if args.output == "-":
        sys.stdout.write(data.decode())
    else:
        with writing(args.output), open(args.output, "wb") as file:
            file.write(data)
        if args.json:
            print_record(
                "file", {"file": args.output, "kind": kind, "view": args.view, "bytes": len(data)}
            )
    return 0


def _code(args: argparse.Namespace) -> str:
    verb = "compare" if args.view == "comparison" else "run"
    shown = f"xe.{verb}({load_line(args.scenario)}{option_words(args.option)})"
    how = [] if args.step is None else [f"step={args.step}"]
    how += [] if args.view == "comparison" else [f"view={args.view!r}"]
    how += [f"theme={args.theme!r}"]
    if args.output == "-":
        line = f'print({shown}.svg({", ".join(how)}), end="")'
    else:
        line = f"xe.save_figure({', '.join([shown, repr(args.output), *how])})"
    return f"import xenexplore as xe\n\n{line}\n"
