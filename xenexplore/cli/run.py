"""``xenexplore run``: one scenario under one option, step by step."""

from __future__ import annotations

import argparse
import sys

from xenexplore.cli.printing import TEXT_SIZE, add_max_size, add_option, add_printing
from xenexplore.cli.scenario import SCENARIO_HELP
from xenexplore.errors import InputError
from xenexplore.mail.source import find_scenario
from xenexplore.render.text.run.views import TEXT_VIEWS
from xenexplore.scenario.run.runner import run as run_scenario

__all__ = ["add_arguments", "load_line", "option_words", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("scenario", metavar="SCENARIO", help=SCENARIO_HELP)
    add_option(parser, "the scenario's first option")
    parser.add_argument(
        "--design", metavar="FILE.py:CLASS",
        help="a design of your own in place of --option, with parameters after another colon",
    )  # fmt: skip
    parser.add_argument("--step", metavar="N", type=int, help="only this step, counted from 0")
    parser.add_argument(
        "--format", choices=("text", "json"), default="text", help="output format (default: text)"
    )
    parser.add_argument(
        "--view", choices=TEXT_VIEWS, default="path",
        help="text: steps along the path (default), address-space map, or registered buffers",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="text: fold no steps")
    parser.add_argument("--legend", action="store_true", help="text: explain the terms")
    add_printing(parser, "the trace, as --format json")
    add_max_size(parser, TEXT_SIZE)
    parser.add_argument("--code", action="store_true", help="print the equivalent Python")


def run(args: argparse.Namespace) -> int:
    """Run the scenario and print its trace, or a part of it."""
    if args.json:
        args.format = "json"
    if args.design is not None:
        if args.option is not None:
            raise InputError("command line", "--design", expected="no --option beside it",
                             got=repr(args.option))  # fmt: skip
        args.option = args.design
    if args.code:
        if args.scenario != "-":
            scenario = find_scenario(args.scenario, limit=args.max_size)
            run_scenario(scenario, args.option)  # what is wrong is refused here, too
        sys.stdout.write(_code(args))
        return 0
    trace = run_scenario(find_scenario(args.scenario, limit=args.max_size), args.option)
    if args.step is not None and not 0 <= args.step < len(trace.steps):
        raise InputError(
            args.scenario, "--step", expected=f"0 to {len(trace.steps) - 1}", got=str(args.step)
        )
    if args.format == "json":
        sys.stdout.write(trace.to_json(args.step).decode())
    else:
        sys.stdout.write(
            trace.text(
                args.step,
                view=args.view,
                unicode=args.unicode,
                folded=not args.all,
                legend=args.legend,
            )
        )
    return 0


def load_line(word: str) -> str:
    """An expression that loads a scenario as the command line does."""
    return f"xe.load({word!r})"


def option_words(option: str | list[str] | None) -> str:
    """A further argument that names an option or several, or nothing."""
    return "" if option is None else f", {option!r}"


def _code(args: argparse.Namespace) -> str:
    run = f"xe.run({load_line(args.scenario)}{option_words(args.option)})"
    step = [] if args.step is None else [str(args.step)]
    if args.format == "json":
        shown = f"to_json({', '.join(step)}).decode()"
    else:
        view = [] if args.view == "path" else [f"view={args.view!r}"]
        unicode = ["unicode=True"] if args.unicode else []
        whole = ["folded=False"] if args.all else []
        legend = ["legend=True"] if args.legend else []
        shown = f"text({', '.join([*step, *view, *unicode, *whole, *legend])})"
    return f'import xenexplore as xe\n\ntrace = {run}\nprint(trace.{shown}, end="")\n'
