"""``xenexplore options``: the proposed designs: summary, parameters, unsupported guests."""

from __future__ import annotations

import argparse
import sys

from xenexplore.cli.printing import add_printing, print_record
from xenexplore.hypervisor.design import Design
from xenexplore.options.registry import list_options

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="one option, by name or number (O7)"
    )
    add_printing(parser, "one object per line")


def run(args: argparse.Namespace) -> int:
    """Print every option, or one."""
    chosen = list_options(*([] if args.name is None else [args.name]))
    if args.json:
        for option in chosen:
            print_record("design", _record(option))
        return 0
    sys.stdout.write(chosen.text(unicode=args.unicode))
    return 0


def _record(option: type[Design]) -> dict[str, object]:
    return {
        "ident": option.ident,
        "name": option.name,
        "title": option.title,
        "summary": option.summary,
        "asked": str(option.asked),
        "specified": option.specified,
        "parameters": [
            {
                "name": parameter.name,
                "default": parameter.default,
                "choices": list(parameter.choices),
                "help": parameter.help,
                "source": parameter.source,
            }
            for parameter in option.parameters
        ],
    }
