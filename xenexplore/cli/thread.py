"""``xenexplore thread``: the scenarios of a mail thread, and whether their claims still hold."""

from __future__ import annotations

import argparse

from xenexplore.cli.printing import add_max_size, add_printing, print_record, print_text
from xenexplore.mail.source import read_mail
from xenexplore.mail.thread import thread_of
from xenexplore.render.text.mail.thread import thread_text

__all__ = ["add_arguments", "run"]

_SIZE = 64 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("mbox", metavar="MBOX", help="an mbox, a message, or - for standard input")
    add_printing(parser, "one scenario or difference per line")
    add_max_size(parser, "64M")


def run(args: argparse.Namespace) -> int:
    """Read the thread, run its scenarios, print the table."""
    thread = thread_of(read_mail(args.mbox, limit=args.max_size or _SIZE))
    if not args.json:
        print_text(thread_text(thread), args)
        return 0
    for entry in thread.entries:
        print_record("posting", entry.as_json())
    for one in thread.differences:
        print_record("version-difference", one.as_json())
    return 0
