"""``xenexplore options``: the proposed designs: summary, parameters, unsupported guests."""

from __future__ import annotations

import argparse
import json
import sys

from xenexplore.cli.printing import add_printing
from xenexplore.hypervisor.abi import Abi
from xenexplore.options.registry import OPTIONS, option_class

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help="one option, by name or number (O7)"
    )
    add_printing(parser, "one object a line")


def run(args: argparse.Namespace) -> int:
    """Print every option, or one."""
    chosen = [option_class(args.name)] if args.name is not None else list(OPTIONS.values())
    if args.json:
        for option in chosen:
            print(json.dumps(_record(option), ensure_ascii=False))
        return 0
    from xenexplore.render.text.options import option_text, options_text

    unicode = args.unicode
    text = (
        option_text(chosen[0], unicode=unicode)
        if args.name is not None
        else options_text(unicode=unicode)
    )
    sys.stdout.write(text)
    return 0


def _record(option: type[Abi]) -> dict[str, object]:
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
