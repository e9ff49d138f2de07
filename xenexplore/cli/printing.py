"""Common options of every command that prints: ``--json``, ``--unicode``, the output's encoding."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TextIO

from xenexplore.cli.diagnostics import tell
from xenexplore.cli.documents import as_line
from xenexplore.errors import InputError
from xenexplore.render.text.box import in_boxes

__all__ = [
    "RECORDING_SIZE",
    "TEXT_SIZE",
    "add_design",
    "add_max_size",
    "add_option",
    "add_printing",
    "prepare_output",
    "print_record",
    "print_text",
    "shows_progress",
    "takes_no_document",
    "writing",
]

#: The default limits of ``--max-size``, as help texts spell them.
TEXT_SIZE: Final = "4M"
RECORDING_SIZE: Final = "4G"
# Every kind of character that --unicode brings in: lines, arrows, marks.
_DRAWN: Final = "\u2500\u2502\u251c\u2514\u2574\u2192\u25b6\u2026"
_SIZE: Final = re.compile(r"([0-9]{1,15})([KMGT]?)(?:i?B)?", re.IGNORECASE)
_SHIFT: Final = {"": 0, "K": 10, "M": 20, "G": 30, "T": 40}


def add_printing(parser: argparse.ArgumentParser, record: str) -> None:
    """``--json`` and ``--unicode``; ``record`` describes the JSON."""
    parser.add_argument("--json", action="store_true", help=f"print JSON: {record}")
    parser.add_argument(
        "--unicode", action="store_true", help="use box characters for lines and frames"
    )


def add_option(parser: argparse.ArgumentParser, default: str, *, several: bool = False) -> None:
    """``--option``: the design, with the same syntax everywhere.

    Args:
        parser: of a command.
        default: what is taken without it.
        several: whether it may be repeated.
    """
    again = "; may be repeated" if several else ""
    parser.add_argument(
        "--option", metavar="DESIGN", action="append" if several else "store",
        help="an option's name or number, optionally with parameters: "
        "'software-tlb: register=directmap+stack, entries=8'; a design of your own, as "
        "FILE.py:CLASS; or a label "
        f"(of the scenario, or as replay prints it){again}; default: {default}",
    )  # fmt: skip


def add_design(parser: argparse.ArgumentParser, what: str) -> None:
    """``--design``: the user's designs; may be repeated.

    Args:
        parser: of a command.
        what: its effect in the command.
    """
    parser.add_argument(
        "--design", metavar="FILE.py:CLASS", action="append", default=[],
        help=f"a design of your own, with parameters after another colon: {what}; "
        "may be repeated",
    )  # fmt: skip


def _size(text: str) -> int:
    match = _SIZE.fullmatch(text)
    if match is None or not int(match[1]):
        raise argparse.ArgumentTypeError(f"expected a size such as 500M or 8G, got {text!r}")
    return int(match[1]) << _SHIFT[match[2].upper()]


def add_max_size(parser: argparse.ArgumentParser, default: str) -> None:
    """``--max-size``: the maximum size of a file that is read."""
    parser.add_argument(
        "--max-size", metavar="SIZE", type=_size,
        help=f"limit on a file's decompressed size, e.g. 8G (default: {default})",
    )  # fmt: skip


def print_text(text: str, args: argparse.Namespace) -> None:
    """Write a text that is made in ASCII."""
    sys.stdout.write(in_boxes(text) if args.unicode else text)


def print_record(document: str, record: Mapping[str, Any]) -> None:
    """Write one JSON document of :data:`~xenexplore.cli.documents.DOCUMENTS` on its own line."""
    sys.stdout.write(as_line(document, record))


def takes_no_document(args: argparse.Namespace) -> None:
    """Reject ``--json`` if the output is already a document.

    Raises:
        InputError: it was given with ``-o -``.
    """
    if args.json and args.output == "-":
        raise InputError(
            "command line", "--json", expected="a file name after -o", got="-",
            hint="with -o - the document itself is printed",
        )  # fmt: skip


def _is_document(args: argparse.Namespace) -> bool:
    """Whether tools read the output, which then is UTF-8 whatever the terminal is."""
    return (
        any(getattr(args, name, False) for name in ("json", "code"))
        or getattr(args, "format", "") == "json"
        or getattr(args, "output", "") == "-"
        or (args.command, getattr(args, "action", "")) in _WRITES_SCENARIOS
        or args.command == "sweep"
    )


_WRITES_SCENARIOS: Final = {("scenario", "show"), ("scenario", "from-recording")}


def prepare_output(args: argparse.Namespace) -> None:
    """Make standard output take what the command will write.

    JSON, SVG, HTML, CSV, Python and scenarios are UTF-8.  A text for people is
    in the terminal's encoding: without box characters if that has none, which
    is said on standard error, and with escapes for other characters it lacks.
    """
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is None:
        return  # not a stream of bytes: a test's, a notebook's
    if _is_document(args):
        reconfigure(encoding="utf-8", errors="strict")
        return
    if getattr(args, "unicode", False) and not _encodes(sys.stdout, _DRAWN):
        args.unicode = False
        tell(
            f"xenexplore: standard output is {sys.stdout.encoding}, which has no box characters:"
            " --unicode is ignored (set LC_ALL=C.UTF-8 or PYTHONIOENCODING=utf-8)"
        )
    reconfigure(errors="backslashreplace")


def _encodes(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding)
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def writing(path: object) -> Iterator[None]:
    """Add the file to an error that lacks it: a full disk is noticed only on writing.

    Raises:
        OSError: the error, with the file's name.
    """
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, error.filename or str(path)) from None


def shows_progress(stream: TextIO) -> bool:
    """Whether a progress bar may be drawn: on a terminal that can move its cursor.

    Not with ``NO_COLOR`` while the output itself goes elsewhere: then no one
    reads along, and what is on the terminal may be a log.
    """
    if not stream.isatty() or os.environ.get("TERM", "dumb") in ("", "dumb"):
        return False
    return not os.environ.get("NO_COLOR") or sys.stdout.isatty()
