"""``xenexplore``: every command, and the one place where errors become exit statuses.

Exit status 0: answered (a guest's page fault is an answer).  1: a check that
was asked for does not hold.  2: bad input or bad usage, one line on standard
error, never a traceback.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from xenexplore import __version__
from xenexplore.errors import XenexploreError

__all__ = ["COMMANDS", "build_parser", "main"]

# Name, module under xenexplore.cli (with ``add_arguments(parser)`` and
# ``run(args) -> int``), one line of help.  A module is imported only when its
# command is the one asked for.
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("scenario", "scenario", "List, show and check scenarios; make one from a recorded call."),
    ("run", "run", "Run a scenario under one option, step by step."),
    ("compare", "compare", "A scenario under each of its options, side by side."),
    ("figure", "figure", "A view of a scenario as SVG, PNG or PDF."),
    ("html", "html", "One offline file that steps through a scenario in any browser."),
    ("options", "options", "The rival designs: what each is, takes and refuses."),
    ("walk", "walk", "Where linear addresses lie, with every page-table entry on the way."),
    ("map", "map_", "A whole address space as runs of equal pages with equal rights."),
    ("lab", "lab", "Open JupyterLab on the notebooks, in a copy of your own."),
    ("hypercall", "hypercall", "The catalogue: numbers, registers, structs, handles, copy plans."),
    ("recording", "recording", "What a recording of real hypercalls holds, and what explains it."),
    ("record", "record", "Boot a real Xen under an emulator and record its hypercalls."),
    ("replay", "replay", "Every recorded access under each design: verdicts and counts."),
    ("report", "report", "What a recording says about the designs, as one page for a mail."),
    ("sweep", "sweep", "A grid of entries, policies, scopes and page sizes, as a table."),
)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The argument parser; with ``only``, just that command's arguments are filled in."""
    parser = _Parser(
        prog="xenexplore",
        description="Step through Xen's hypercall-buffer designs on real recorded hypercalls.",
    )
    parser.add_argument("--version", action="version", version=f"xenexplore {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module, summary in COMMANDS:
        command = commands.add_parser(name, help=summary, description=summary)
        if only in (None, name):
            importlib.import_module(f"xenexplore.cli.{module}").add_arguments(command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    named = next((word for word in words if not word.startswith("-")), "")
    args = build_parser(named).parse_args(words)
    module = next(m for name, m, _ in COMMANDS if name == args.command)
    try:
        status: int = importlib.import_module(f"xenexplore.cli.{module}").run(args)
        sys.stdout.flush()
    except XenexploreError as error:
        print(f"xenexplore: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            # The reader (head, less) has seen enough; keep the interpreter
            # from complaining about it while it shuts down.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        where = f"{error.filename}: " if error.filename else ""
        print(f"xenexplore: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return status
