"""``xenexplore recording``: contents and explanation of a recording of real hypercalls."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xenexplore.analysis.workload.find_workload import find_symbols
from xenexplore.cli.diagnostics import tell
from xenexplore.cli.printing import (
    RECORDING_SIZE,
    add_max_size,
    add_printing,
    print_record,
    print_text,
)
from xenexplore.errors import InputError
from xenexplore.recording.format.columns import Recording
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.format.stream import BUILT_INS
from xenexplore.steps import Json

__all__ = ["add_arguments", "report_damage", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every ``recording`` command."""
    commands = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = commands.add_parser("list", help="the recordings in the package")
    add_printing(listing, "one object per line")
    info = commands.add_parser("info", help="counts, copies, sizes, walks, buffers by region")
    explain = commands.add_parser(
        "explain", help="compare every hypercall's copies with the catalogue's copy plan"
    )
    for command in (info, explain):
        command.add_argument(
            "file", metavar="FILE",
            help=f"a recording (.jsonl or .zst), - for standard input, or a built-in: "
            f"{', '.join(BUILT_INS)}",
        )  # fmt: skip
        add_printing(command, "one object")
        add_max_size(command, RECORDING_SIZE)
        command.add_argument(
            "--strict", action="store_true", help="treat a truncated or damaged file as an error"
        )
    convert = commands.add_parser(
        "convert",
        help="rewrite a version 1 recording as version 2, with a header that describes the machine",
    )
    convert.add_argument("file", metavar="FILE", help="the recording")
    add_printing(convert, "the file written")
    add_max_size(convert, RECORDING_SIZE)
    convert.add_argument("-o", "--out", metavar="FILE", required=True, help="output file")
    convert.add_argument(
        "--header", metavar="JSON", required=True,
        help="file with the header's members: arch, xen, guests, backends, workload, ... "
        "(xenexplore/recording/format/FORMAT.md)",
    )  # fmt: skip
    info.add_argument(
        "--symbols", metavar="KALLSYMS",
        help="the guest kernel's /proc/kallsyms; built-in recordings have their own",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Run one of the ``recording`` commands."""
    if args.action == "list":
        return _list(args)
    if args.action == "convert":
        from xenexplore.recording.conversion.convert import convert

        convert(args.file, args.out, _members(args.header), limit=args.max_size)
        written = {"file": args.out}
        _print("file", written if args.json else f"{args.out}: written\n", args)
        return 0
    recording = read_recording(args.file, strict=args.strict, limit=args.max_size)
    status = report_damage(recording)
    if args.action == "explain":
        from xenexplore.recording.matching.matching import match_recording
        from xenexplore.recording.matching.matching_json import matching_json
        from xenexplore.render.text.recorded.matching import matching_text

        verdicts = match_recording(recording)
        _print("matching", matching_json(verdicts) if args.json else matching_text(verdicts), args)
        return status
    from xenexplore.recording.contents.summary import summarise
    from xenexplore.recording.contents.summary_json import summary_json
    from xenexplore.render.text.recorded.recording import summary_text

    summary = summarise(recording, find_symbols(args.file, args.symbols, limit=args.max_size))
    _print("recording", summary_json(summary) if args.json else summary_text(summary), args)
    return status


def _list(args: argparse.Namespace) -> int:
    from xenexplore.recording.contents.library import shipped

    if args.json:
        from xenexplore.recording.contents.library_json import shipped_json

        for one in shipped():
            print_record("shipped-recording", shipped_json(one))
    else:
        from xenexplore.render.text.recorded.library import library_text

        print_text(library_text(shipped()), args)
    return 0


def _members(name: str) -> dict[str, Json]:
    """The header's members from a file."""
    try:
        found = json.loads(Path(name).read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(name, "", expected="a JSON object", got=str(error)) from None
    if not isinstance(found, dict):
        raise InputError(name, "", expected="a JSON object", got=type(found).__name__)
    return found


def _print(document: str, what: str | Mapping[str, Any], args: argparse.Namespace) -> None:
    if isinstance(what, str):
        print_text(what, args)
    else:
        print_record(document, what)


def report_damage(recording: Recording) -> int:
    """Report where reading stopped; a lost tail is tolerated, a wrong record is bad input."""
    damage = recording.damage
    if damage is None:
        return 0
    used = len(recording.calls)
    word = "warning" if damage.cut else "error"
    tell(
        f"xenexplore: {word}: {recording.source}: {damage}; "
        f"only the {used} hypercalls before it are used"
    )
    return 0 if damage.cut else 2
