"""The manual page, made from the parsers: ``python -m xenexplore.cli.man > xenexplore.1``."""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Iterator
from typing import Final

from xenexplore import __version__
from xenexplore.cli.leaves import leaf_parsers
from xenexplore.cli.main import COMMANDS, build_parser

__all__ = ["man_page"]

_DATE: Final = "2026-11-29"
_EXAMPLES: Final = (
    ("comparison of the options, for a mail", "xenexplore compare evtchn-send-from-stack"),
    ("step by step, as text", "xenexplore run wrong-vcpu --option software-tlb"),
    ("a scenario from a mail", "xenexplore run - < mail.toml"),
    ("translate an address", "xenexplore walk guest.core ffffffff81000000"),
)
_STATUS: Final = (
    ("0", "Success. A guest's page fault is a result, not an error."),
    (
        "1",
        (
            "A requested check failed, part of the input could not be read, or the recorded run did"
            " not finish (a recording ended with Ctrl-C is a success)."
        ),
    ),
    ("2", "Bad input or bad usage: one line on standard error."),
    ("128+N", "Ended by signal N."),
)
_ENVIRONMENT: Final = (
    ("NO_COLOR", "No progress bars if standard output is not a terminal."),
    ("TERM", "No progress bars if it is dumb or unset."),
    ("BROWSER", "The browser that xenexplore lab opens."),
)


def _escaped(text: str) -> str:
    """Text that roff prints as it is: ASCII minus signs, and no requests."""
    plain = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{plain}" if plain[:1] in (".", "'") else plain


def _prose(text: str) -> Iterator[str]:
    """Lines of a paragraph; a hyphen in prose may be broken after."""
    for line in textwrap.wrap(text, 72, break_on_hyphens=False, break_long_words=False):
        yield _escaped(line)


def man_page() -> str:
    """The page, byte for byte the same on every Python."""
    parser = build_parser()
    lines = [
        f'.TH XENEXPLORE 1 {_DATE} "xenexplore {__version__}" "User Commands"',
        ".SH NAME",
        "xenexplore \\- step through Xen's hypercall\\-buffer designs",
        ".SH SYNOPSIS",
        ".B xenexplore",
        ".I COMMAND",
        ".RI [ ARGUMENT ]...",
        ".SH DESCRIPTION",
        *_prose(
            f"{parser.description} Text is printed at 72 columns in ASCII; --unicode uses box"
            " characters, --json prints JSON for other tools."
        ),
        ".SH OPTIONS",
    ]
    lines += _arguments(parser)
    lines.append(".SH COMMANDS")
    for name, _, summary in COMMANDS:
        lines += [f".SS {_escaped(name)}", *_prose(summary)]
        for leaf in _leaves_of(parser, name):
            lines += _command(leaf)
    lines += _tail()
    return "\n".join(lines) + "\n"


def _leaves_of(parser: argparse.ArgumentParser, name: str) -> Iterator[argparse.ArgumentParser]:
    return (leaf for leaf in leaf_parsers(parser) if leaf.prog.split()[1] == name)


def _command(leaf: argparse.ArgumentParser) -> Iterator[str]:
    """A command's usage, and its arguments."""
    positional = [a for a in leaf._actions if not a.option_strings]
    needed = [a for a in leaf._actions if a.option_strings and a.required]
    words = " ".join(
        [*map(_shown, positional), *(f"{a.option_strings[0]} {_value(a)}" for a in needed)]
    )
    yield ".PP"
    yield f".B {_escaped(leaf.prog)}"
    yield f"[options] {_escaped(words)}".rstrip()
    yield from _arguments(leaf)


def _shown(action: argparse.Action) -> str:
    name = _value(action)
    return {"+": f"{name}...", "*": f"[{name}...]", "?": f"[{name}]"}.get(str(action.nargs), name)


def _value(action: argparse.Action) -> str:
    """Placeholder of an argument's value; nothing if it takes none."""
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, tuple):
        return " ".join(action.metavar)
    if action.metavar is not None:
        return action.metavar
    if action.choices is not None:
        return "{" + ",".join(str(choice) for choice in action.choices) + "}"
    return action.dest.upper()


def _arguments(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction) or action.help is argparse.SUPPRESS:
            continue
        yield ".TP"
        if action.option_strings:
            names = ", ".join(f"\\fB{_escaped(name)}\\fR" for name in action.option_strings)
            value = _escaped(_shown(action))
            yield f"{names} \\fI{value}\\fR" if value else names
        else:
            yield f"\\fI{_escaped(_shown(action))}\\fR"
        said = (action.help or "").replace("%%", "%")
        if action.choices is not None and action.metavar is None and not said:
            said = f"default: {action.default}"
        yield from _prose(f"{said}.") if said else ("\\&",)


def _tail() -> Iterator[str]:
    for title, entries in (("EXIT STATUS", _STATUS), ("ENVIRONMENT", _ENVIRONMENT)):
        yield f".SH {title}"
        for name, said in entries:
            yield from (".TP", f".B {_escaped(name)}", *_prose(said))
    yield ".SH FILES"
    yield from (".TP", ".I \\(ti/xenexplore\\-notebooks")
    yield from _prose("Your copy of the notebooks, unless --dir names another folder.")
    yield ".SH EXAMPLES"
    for said, command in _EXAMPLES:
        yield from (".TP", *_prose(f"{said[0].upper()}{said[1:]}:"), f".B {_escaped(command)}")


if __name__ == "__main__":
    sys.stdout.write(man_page())
