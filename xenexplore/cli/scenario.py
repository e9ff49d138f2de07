"""``xenexplore scenario``: list, show, check; the review matrix; make one from a recording."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from xenexplore.scenario.library.builtin import (
    builtin_names,
    builtin_text,
    find_scenario,
    load_builtin,
)
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.runner import check, options_of

__all__ = ["SCENARIO_HELP", "add_arguments", "run"]

SCENARIO_HELP = "a scenario's file, a built-in's name (see scenario list), or - for standard input"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every ``scenario`` command."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = commands.add_parser("list", help="the built-in scenarios")
    listing.add_argument("--json", action="store_true", help="one object a line")
    show = commands.add_parser("show", help="a scenario's text")
    show.add_argument("scenario", metavar="SCENARIO", help=SCENARIO_HELP)
    show.add_argument(
        "--canonical", action="store_true", help="as the writer puts it, without comments"
    )
    checking = commands.add_parser(
        "check", help="run every expectation; exit status 1 if any does not hold"
    )
    checking.add_argument(
        "scenarios", metavar="SCENARIO", nargs="*", help=f"{SCENARIO_HELP}; default: all built-ins"
    )
    checking.add_argument("--json", action="store_true", help="one object a line")
    cells = commands.add_parser(
        "matrix", help="options against the thread's questions: what ran, or why not"
    )
    cells.add_argument("--json", action="store_true", help="one cell a line")
    made = commands.add_parser("from-recording", help="a recorded hypercall as a scenario's text")
    made.add_argument("file", metavar="FILE", help="a recording, or a built-in one's name")
    made.add_argument("number", metavar="N", type=int, help="the hypercall's sequence number")
    made.add_argument(
        "--domain", metavar="DOM",
        help="count N within one domain, from 0 (dom0, dom1, ...), instead of the sequence number",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Run one of the ``scenario`` commands."""
    return {
        "list": _list,
        "show": _show,
        "check": _check,
        "matrix": _matrix,
        "from-recording": _from_recording,
    }[args.action](args)


def _list(args: argparse.Namespace) -> int:
    scenarios = [load_builtin(name) for name in builtin_names()]
    if args.json:
        for scenario in scenarios:
            print(json.dumps(_summary(scenario), ensure_ascii=False))
        return 0
    from xenexplore.render.text.scenarios import scenarios_text

    sys.stdout.write(scenarios_text([scenario.about for scenario in scenarios]))
    return 0


def _summary(scenario: Scenario) -> dict[str, object]:
    about = scenario.about
    return {
        "name": about.name,
        "title": about.title,
        "question": list(about.question),
        "asked": about.asked,
        "ours": about.ours,
        "options": [option.label for option in options_of(scenario)],
        "expectations": len(scenario.expects),
    }


def _show(args: argparse.Namespace) -> int:
    from xenexplore.scenario.text.writer import write_scenario

    scenario = find_scenario(args.scenario)
    if args.canonical or args.scenario == "-":
        sys.stdout.write(write_scenario(scenario))
    elif args.scenario in builtin_names():
        sys.stdout.write(builtin_text(args.scenario))
    else:
        sys.stdout.write(Path(args.scenario).read_text(encoding="utf-8"))
    return 0


def _check(args: argparse.Namespace) -> int:
    from xenexplore.render.text.scenarios import check_text

    status = 0
    for word in args.scenarios or builtin_names():
        scenario = find_scenario(word)
        failed = check(scenario)
        status = max(status, int(bool(failed)))
        name, count = scenario.about.name, len(scenario.expects)
        if args.json:
            record = {"name": name, "expectations": count, "failed": list(failed)}
            print(json.dumps(record, ensure_ascii=False))
        else:
            sys.stdout.write(check_text(name, count, failed))
    return status


def _matrix(args: argparse.Namespace) -> int:
    from xenexplore.render.text.matrix import matrix_text
    from xenexplore.scenario.run.matrix import matrix

    questions = matrix()
    if not args.json:
        sys.stdout.write(matrix_text(questions))
        return 0
    for question in questions:
        for cell in question.as_json():
            print(json.dumps(cell, ensure_ascii=False))
    return 0


def _from_recording(args: argparse.Namespace) -> int:
    from xenexplore.cli.recording import report_damage
    from xenexplore.recording.conversion.to_scenario import find_row, to_scenario
    from xenexplore.recording.format.reader import read_recording
    from xenexplore.scenario.text.writer import write_scenario

    recording = read_recording(args.file, strict=False)
    row = find_row(recording, args.number, domain=args.domain)
    text = write_scenario(to_scenario(recording, row))
    status = report_damage(recording)
    sys.stdout.write(text)
    return status
