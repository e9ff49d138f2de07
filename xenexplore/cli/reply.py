"""``xenexplore reply``: an answer to a scenario in a mail, ready to paste or send."""

from __future__ import annotations

import argparse
import sys

from xenexplore.api.mail import reply
from xenexplore.cli.printing import (
    TEXT_SIZE,
    add_max_size,
    add_option,
    add_printing,
    print_record,
    print_text,
    writing,
)
from xenexplore.cli.scenario import SCENARIO_HELP
from xenexplore.errors import InputError
from xenexplore.mail.compose import Attachment, composed
from xenexplore.mail.reply import Reply
from xenexplore.mail.source import find_scenario

__all__ = ["add_arguments", "run"]

_KINDS = {"svg": "image/svg+xml", "png": "image/png"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("scenario", metavar="SCENARIO", help=SCENARIO_HELP)
    add_option(parser, "the option of --against")
    parser.add_argument(
        "--against", metavar="DESIGN",
        help="the option to compare with; default: the option whose outcome the mail reports, "
        "otherwise the scenario's first",
    )  # fmt: skip
    parser.add_argument(
        "--edited",
        metavar="FILE",
        help="your edited version of the scenario; the changes are shown",
    )
    parser.add_argument(
        "--site", metavar="URL", default="",
        help="address of a site made by xenexplore site: adds a link to the first step that "
        "differs; default: the environment's XENEXPLORE_SITE",
    )  # fmt: skip
    parser.add_argument(
        "--width", metavar="N", type=int, default=72,
        help="maximum width of lines that are not quoted, from 40 (default: 72)",
    )  # fmt: skip
    parser.add_argument(
        "--eml", action="store_true",
        help="a complete message, with In-Reply-To and References of the mail",
    )  # fmt: skip
    parser.add_argument(
        "--figure", choices=tuple(_KINDS), nargs="?", const="svg",
        help="a complete message with a figure of the answer's run attached; default: svg",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--output", metavar="FILE", default="-", help="output file; default: standard output"
    )
    add_printing(parser, "both outcomes, the first step that differs, and the headers")
    add_max_size(parser, TEXT_SIZE)


def run(args: argparse.Namespace) -> int:
    """Run both and write the answer."""
    if args.width < 40:
        raise InputError("command line", "--width", expected="40 or more", got=str(args.width))
    if args.option is None and args.edited is None:
        raise InputError(
            "command line", "", expected="--option or --edited", got="neither",
            hint="an answer runs the scenario under another design, or another scenario",
        )  # fmt: skip
    edited = find_scenario(args.edited, limit=args.max_size) if args.edited else None
    answer = reply(
        args.scenario,
        args.option,
        against=args.against,
        edited=edited,
        site=args.site,
        limit=args.max_size,
    )
    if args.json:
        print_record("reply", answer.as_json())
        return 0
    text = answer.text(width=args.width)
    if args.figure or args.eml:
        text = composed(answer.letter, text, _attached(answer, args.figure)).decode("ascii")
    if args.output == "-":
        if args.figure or args.eml:
            sys.stdout.write(text)
        else:
            print_text(text, args)
    else:
        with writing(args.output), open(args.output, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    return 0


def _attached(answer: Reply, kind: str | None) -> list[Attachment]:
    if kind is None:
        return []
    from xenexplore.render.svg.figure_file import figure_bytes

    data = figure_bytes(answer.after, kind)
    return [Attachment(f"{answer.after.about.name}.{kind}", _KINDS[kind], data)]
