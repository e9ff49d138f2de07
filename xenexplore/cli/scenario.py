"""``xenexplore scenario``: list, show, check; the review matrix; make one from a recording."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from xenexplore.cli.printing import (
    RECORDING_SIZE,
    TEXT_SIZE,
    add_design,
    add_max_size,
    add_printing,
    print_record,
    print_text,
)
from xenexplore.mail.source import find_scenario, find_source
from xenexplore.scenario.library.builtin import builtin_names, load_builtin
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.runner import check, options_of

__all__ = ["SCENARIO_HELP", "add_arguments", "run"]

SCENARIO_HELP = (
    "a scenario file, a built-in scenario's name (see scenario list), or - for standard input; "
    "a mail or mbox may contain several: FILE#2 or FILE#NAME selects one"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every ``scenario`` command."""
    parser.add_argument(
        "--format",
        action=_PrintFormat,
        help="print the format, key by key, and exit; --format=json-schema: for editors",
    )
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = commands.add_parser("list", help="the built-in scenarios")
    add_printing(listing, "one object per line")
    show = commands.add_parser("show", help="a scenario's text")
    show.add_argument("scenario", metavar="SCENARIO", help=SCENARIO_HELP)
    show.add_argument(
        "--canonical", action="store_true", help="print the canonical form, without comments"
    )
    add_printing(show, "its description and its text")
    checking = commands.add_parser(
        "check", help="test every expectation; exit status 1 if one fails"
    )
    checking.add_argument(
        "scenarios", metavar="SCENARIO", nargs="*", help=f"{SCENARIO_HELP}; default: all built-ins"
    )
    add_printing(checking, "one object per line")
    cells = commands.add_parser(
        "matrix", help="the thread's questions by option: results, or the reason why there is none"
    )
    add_design(cells, "an additional column")
    add_printing(cells, "one cell per line")
    made = commands.add_parser("from-recording", help="a recorded hypercall as a scenario's text")
    made.add_argument(
        "file", metavar="FILE", help="a recording file, or a built-in recording's name"
    )
    made.add_argument("number", metavar="N", type=int, help="the hypercall's sequence number")
    made.add_argument(
        "--domain", metavar="DOM",
        help="count N within one domain, from 0 (dom0, dom1, ...), instead of the sequence number",
    )  # fmt: skip
    add_printing(made, "its description and its text")
    for command in (show, checking):
        add_max_size(command, TEXT_SIZE)
    add_max_size(made, RECORDING_SIZE)


class _PrintFormat(argparse.Action):
    """Prints the reference of the format and ends, as ``--help`` does."""

    def __init__(self, option_strings: Sequence[str], dest: str, help: str) -> None:  # noqa: A002
        super().__init__(
            option_strings, dest, nargs="?", choices=("text", "json-schema"), const="text",
            default=argparse.SUPPRESS, help=help,
        )  # fmt: skip

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: object,
        option_string: str | None = None,
    ) -> None:
        from xenexplore.render.text.scenario_format import format_text
        from xenexplore.scenario.text.schema import scenario_schema

        if values == "text":
            sys.stdout.writelines(format_text())
        else:
            print(json.dumps(scenario_schema(), indent=1, ensure_ascii=False))
        parser.exit()


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
            print_record("scenario", _summary(scenario))
        return 0
    from xenexplore.render.text.scenarios import scenarios_text

    print_text(scenarios_text([scenario.about for scenario in scenarios]), args)
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

    source = find_source(args.scenario, limit=args.max_size)
    scenario, text = source.scenario(), source.text  # what is malformed is refused
    if args.canonical or (args.scenario == "-" and source.posting is None):
        text = write_scenario(scenario)
    posting = source.posting
    posted: dict[str, object] = {} if posting is None else {"posting": posting.as_json()}
    _print_scenario(scenario, text, args, posted)
    return 0


def _print_scenario(
    scenario: Scenario, text: str, args: argparse.Namespace, posted: dict[str, object]
) -> None:
    if args.json:
        print_record("scenario", {**_summary(scenario), "text": text, **posted})
    else:
        sys.stdout.write(text)


def _check(args: argparse.Namespace) -> int:
    from xenexplore.render.text.scenarios import check_text

    status = 0
    for word in args.scenarios or builtin_names():
        scenario = find_scenario(word, limit=args.max_size)
        failed = check(scenario)
        status = max(status, int(bool(failed)))
        name, count = scenario.about.name, len(scenario.expects)
        if args.json:
            print_record("check", {"name": name, "expectations": count, "failed": list(failed)})
        else:
            print_text(check_text(name, count, failed), args)
    return status


def _matrix(args: argparse.Namespace) -> int:
    from xenexplore.options.registry import OPTIONS, variant
    from xenexplore.render.text.matrix import matrix_text
    from xenexplore.scenario.run.matrix import matrix

    own = [variant(text).design for text in args.design]
    questions = matrix(designs=[*OPTIONS.values(), *own])
    if not args.json:
        print_text(matrix_text(questions), args)
        return 0
    for question in questions:
        for cell in question.as_json():
            print_record("matrix-cell", cell)
    return 0


def _from_recording(args: argparse.Namespace) -> int:
    from xenexplore.cli.recording import report_damage
    from xenexplore.recording.conversion.to_scenario import find_row, to_scenario
    from xenexplore.recording.format.reader import read_recording
    from xenexplore.scenario.text.writer import write_scenario

    recording = read_recording(args.file, strict=False, limit=args.max_size)
    row = find_row(recording, args.number, domain=args.domain)
    scenario = to_scenario(recording, row)
    status = report_damage(recording)
    _print_scenario(scenario, write_scenario(scenario), args, {})
    return status
