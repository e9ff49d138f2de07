"""``xenexplore run``: one scenario under one option, step by step."""

from __future__ import annotations

import argparse
import sys

from xenexplore.cli.printing import TEXT_SIZE, add_max_size, add_printing
from xenexplore.cli.scenario import SCENARIO_HELP
from xenexplore.errors import InputError
from xenexplore.scenario.library.builtin import builtin_names, find_scenario
from xenexplore.scenario.run.runner import run as run_scenario
from xenexplore.scenario.run.trace import Trace

__all__ = ["add_arguments", "load_line", "run"]

VIEWS = ("path", "map", "registered")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("scenario", metavar="SCENARIO", help=SCENARIO_HELP)
    parser.add_argument(
        "--option", metavar="LABEL",
        help="a label of the scenario or an option's name; default: the scenario's first",
    )  # fmt: skip
    parser.add_argument("--step", metavar="N", type=int, help="only that step, from 0")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument(
        "--view", choices=VIEWS, default="path",
        help="text: the path, the address-space map, or the registered buffers",
    )  # fmt: skip
    parser.add_argument("--all", action="store_true", help="text: fold nothing away")
    add_printing(parser, "the path, as --format json does")
    add_max_size(parser, TEXT_SIZE)
    parser.add_argument("--code", action="store_true", help="print the Python that does the same")


def run(args: argparse.Namespace) -> int:
    """Run the scenario and print its trace, or a part of it."""
    if args.json:
        args.format = "json"
    if args.code:
        if args.scenario != "-":
            find_scenario(
                args.scenario, limit=args.max_size
            )  # what is malformed is refused here, too
        sys.stdout.write(_code(args))
        return 0
    trace = run_scenario(find_scenario(args.scenario, limit=args.max_size), args.option)
    if args.step is not None and not 0 <= args.step < len(trace.steps):
        raise InputError(
            args.scenario, "--step", expected=f"0 to {len(trace.steps) - 1}", got=str(args.step)
        )
    if args.format == "json":
        _write_json(trace, args.step)
    else:
        sys.stdout.write(_text(trace, args))
    return 0


def _write_json(trace: Trace, step: int | None) -> None:
    """The whole trace, or the one line of it that is a step."""
    document = trace.to_json()
    if step is not None:
        lines = document[document.index(b'"steps":[\n') :].splitlines()[1:]
        document = lines[step].rstrip(b",") + b"\n"
    sys.stdout.write(document.decode())


def _text(trace: Trace, args: argparse.Namespace) -> str:
    if args.view == "map":
        from xenexplore.render.text.run.address_map import map_text

        return map_text(trace, args.step, unicode=args.unicode)
    if args.view == "registered":
        from xenexplore.render.text.run.registered import registered_text

        return registered_text(trace, args.step, unicode=args.unicode)
    if args.step is not None:
        from xenexplore.render.text.run.step import step_text

        return step_text(trace, args.step, unicode=args.unicode)
    from xenexplore.render.text.run.trace import trace_text

    return trace_text(trace, unicode=args.unicode, folded=not args.all)


def load_line(word: str) -> tuple[str, str]:
    """An import and an expression that load a scenario."""
    if word in builtin_names():
        return (
            "from xenexplore.scenario.library.builtin import load_builtin",
            f"load_builtin({word!r})",
        )
    return "from xenexplore.scenario.text.loader import load_scenario", f"load_scenario({word!r})"


def _code(args: argparse.Namespace) -> str:
    imported, loaded = load_line(args.scenario)
    call = f"run({loaded}{'' if args.option is None else f', {args.option!r}'})"
    lines = [imported, "from xenexplore.scenario.run.runner import run", "", f"trace = {call}"]
    unicode = ", unicode=True" if args.unicode else ""
    if args.format == "json":
        shown = "trace.to_json().decode()"
    elif args.view == "map":
        lines.insert(0, "from xenexplore.render.text.run.address_map import map_text")
        shown = f"map_text(trace, {args.step}{unicode})"
    elif args.view == "registered":
        lines.insert(0, "from xenexplore.render.text.run.registered import registered_text")
        shown = f"registered_text(trace, {args.step}{unicode})"
    elif args.step is not None:
        lines.insert(0, "from xenexplore.render.text.run.step import step_text")
        shown = f"step_text(trace, {args.step}{unicode})"
    else:
        lines.insert(0, "from xenexplore.render.text.run.trace import trace_text")
        folded = ", folded=False" if args.all else ""
        shown = f"trace_text(trace{unicode}{folded})"
    return "\n".join([*lines, f'print({shown}, end="")']) + "\n"
