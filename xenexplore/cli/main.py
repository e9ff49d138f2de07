"""``xenexplore``: every command, and the one place where errors become exit statuses.

Exit status 0: answered (a guest's page fault is an answer).  1: a check that
was asked for does not hold.  2: bad input or bad usage, one line on standard
error, never a traceback.  128 + N: ended by signal N.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import io
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from xenexplore import __version__
from xenexplore.cli.diagnostics import forget, tell
from xenexplore.errors import XenexploreError

__all__ = ["COMMANDS", "build_parser", "main"]

# Name, module under xenexplore.cli (with ``add_arguments(parser)`` and
# ``run(args) -> int``), one line of help.  A module is imported only when its
# command is the one asked for.
COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("scenario", "scenario", "List, show and check scenarios; make one from a recorded call."),
    ("run", "run", "Run a scenario under one option, step by step."),
    ("compare", "compare", "A scenario under each of its options, side by side."),
    ("trial", "trial", "Test a design in every built-in scenario and in random machines."),
    ("figure", "figure", "A view of a scenario as SVG, PNG or PDF."),
    ("html", "html", "One offline file that steps through a scenario in any browser."),
    ("reply", "reply", "An answer to a scenario in a mail, ready to paste or send."),
    (
        "thread",
        "thread",
        "The scenarios of a mail thread: who posted each, and which claims still hold.",
    ),
    ("site", "site", "A static site: every scenario, stepped through in a browser."),
    ("options", "options", "The proposed designs: summary, parameters, unsupported guests."),
    ("walk", "walk", "Translate linear addresses, with every page-table entry on the way."),
    ("map", "map_", "A whole address space as runs of pages of equal size and rights."),
    ("lab", "lab", "Open JupyterLab on your own copy of the notebooks."),
    ("hypercall", "hypercall", "The catalogue: numbers, registers, structs, handles, copy plans."),
    ("recording", "recording", "Recordings of real hypercalls: contents, explanation, conversion."),
    ("record", "record", "Boot a real Xen under an emulator and record its hypercalls."),
    ("replay", "replay", "Every recorded access under each design: verdicts and counts."),
    ("report", "report", "Findings of a recording about the designs, as one page for a mail."),
    ("sweep", "sweep", "A grid of entries, policies, scopes and page sizes, as a table."),
)


_OF_WRITING = {errno.ENOSPC, errno.EIO, errno.EBADF, errno.EFBIG, errno.EDQUOT}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")

    def _parse_optional(self, arg_string: str) -> Any:
        """``-#2`` is the second scenario of a mail on standard input, and no option."""
        return None if arg_string.startswith("-#") else super()._parse_optional(arg_string)

    def _print_message(self, message: str, file: Any = None) -> None:
        """Unlike argparse's own, does not hide that nothing can be written."""
        (file or sys.stderr).write(message)


class _Closed(io.TextIOBase):
    """Stands in for a standard output that was closed before we were started."""

    def write(self, _text: str) -> int:
        raise OSError(errno.EBADF, "it is closed", "standard output")


class _Completion(argparse.Action):
    """Prints what a shell has to evaluate, and ends."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        _namespace: object,
        shell: object,
        _word: object = None,
    ) -> None:
        from argcomplete.shell_integration import shellcode

        print(shellcode(["xenexplore"], shell=str(shell)))
        parser.exit()


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The argument parser; with ``only``, just that command's arguments are filled in."""
    parser = _Parser(
        prog="xenexplore",
        description="Step through Xen's hypercall-buffer designs on real recorded hypercalls.",
    )
    parser.add_argument("--version", action="version", version=f"xenexplore {__version__}")
    parser.add_argument(
        "--completion", metavar="SHELL", choices=("bash", "zsh", "fish", "tcsh"),
        action=_Completion,
        help='shell completion, for bash: eval "$(xenexplore --completion bash)"',
    )  # fmt: skip
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, module, summary in COMMANDS:
        command = commands.add_parser(name, help=summary, description=summary)
        if only in (None, name):
            importlib.import_module(f"xenexplore.cli.{module}").add_arguments(command)
    return parser


def _answer(words: Sequence[str]) -> int:
    """Parse, import, run."""
    if "_ARGCOMPLETE" in os.environ:
        _complete()
    named = next((word for word in words if not word.startswith("-")), "")
    try:
        args = build_parser(named).parse_args(words)
    except SystemExit as end:  # --help, --version, bad usage
        return end.code if isinstance(end.code, int) else 2
    module = next(m for name, m, _ in COMMANDS if name == args.command)
    command = importlib.import_module(f"xenexplore.cli.{module}")
    from xenexplore.cli.printing import prepare_output

    prepare_output(args)
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        # While modules were imported, Ctrl-C ended the process at once (see __main__);
        # from here on it unwinds, and files are closed.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with warnings.catch_warnings():
        warnings.showwarning = _warned
        status: int = command.run(args)
    return status


def _warned(message: Warning | str, *_where: object, **_more: object) -> None:
    """A warning on one line of standard error, without a place in our source."""
    tell(f"xenexplore: warning: {message}")


def _complete() -> NoReturn:
    """Answer the shell that asks what may come next, and exit."""
    import argcomplete

    from xenexplore.cli.completion import attach

    words = os.environ.get("COMP_LINE", "").split()[1:]
    named = next((word for word in words if not word.startswith("-")), "")
    known = any(name == named for name, _, _ in COMMANDS)
    parser = build_parser(named if known else "")
    attach(parser)
    argcomplete.autocomplete(parser)
    sys.exit(0)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if sys.stdout is None:
        sys.stdout = _Closed()
    status = _told(lambda: _answer(words))
    flushed = _told(_flush)
    return status or flushed


def _flush() -> int:
    """Flush what the command printed; a failure is an error like any other."""
    sys.stdout.flush()
    return 0


def _told(answer: Callable[[], int]) -> int:
    """An answer's exit status; what went wrong becomes one line on standard error."""
    try:
        return answer()
    except XenexploreError as error:
        return _tell(str(error))
    except BrokenPipeError:
        # The reader (head, less) has seen enough.
        forget(sys.stdout)
        return 0
    except OSError as error:
        where = error.filename or ""
        if not where and error.errno in _OF_WRITING:
            # Files that a command writes are named (see writing()); what is left is this.
            where = "standard output"
            forget(sys.stdout)
        return _tell(f"{where}{': ' if where else ''}{error.strerror or error}")
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def _tell(message: str) -> int:
    tell(f"xenexplore: {message}")
    return 2
