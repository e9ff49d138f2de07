"""What ``replay``, ``report`` and ``sweep`` share: which recording, which page sizes, progress."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TextIO

from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.synthetic import Assumptions, synthetic
from xenexplore.analysis.workload.tables import Workload, read_workload
from xenexplore.cli.printing import RECORDING_SIZE, add_max_size, shows_progress
from xenexplore.errors import InputError
from xenexplore.guest.layout.symbols import SymbolTable, read_kallsyms
from xenexplore.recording.format.stream import BUILT_INS, built_in_path

__all__ = ["ORDERS", "add_workload_arguments", "progress_on", "read_it", "shape_of", "symbols_of"]

ORDERS = {"4K": 0, "2M": 9, "1G": 18}


def add_workload_arguments(parser: argparse.ArgumentParser) -> None:
    """The recording and the page sizes to assume."""
    parser.add_argument(
        "recording", metavar="RECORDING",
        help=f"a recording (.jsonl or .zst), a built-in ({', '.join(BUILT_INS)}), or "
        "synthetic[:NAME=NUMBER...]: made, not recorded",
    )  # fmt: skip
    parser.add_argument(
        "--symbols", metavar="KALLSYMS",
        help="the guest kernel's /proc/kallsyms; built-in recordings have their own",
    )  # fmt: skip
    parser.add_argument(
        "--p2m", choices=tuple(ORDERS), default="4K",
        help="page size of the P2M; not recorded, so assumed (default: 4K)",
    )  # fmt: skip
    add_max_size(parser, RECORDING_SIZE)


def symbols_of(recording: str, symbols: str | None, limit: int | None = None) -> SymbolTable | None:
    """A guest kernel's symbols: as given, or those that come with the built-in recordings."""
    if symbols:
        return read_kallsyms(symbols, limit=limit)
    if recording in BUILT_INS and not Path(recording).exists():
        return read_kallsyms(built_in_path("kallsyms.dom0"))
    return None


def _made(text: str) -> Workload:
    """``synthetic:vcpus=256:tasks=1000``: a synthetic workload under these assumptions."""
    kinds: dict[str, type[Any]] = {item.name: type(item.default) for item in fields(Assumptions)}
    values: dict[str, Any] = {}
    for setting in text.split(":")[1:]:
        name, _, number = setting.partition("=")
        if name not in kinds:
            near = difflib.get_close_matches(name, kinds, n=1)
            raise InputError(text, repr(name), expected=f"one of {', '.join(kinds)}",
                             got="no such assumption",
                             hint=f"did you mean {near[0]!r}?" if near else "")  # fmt: skip
        try:
            values[name] = kinds[name](number)
        except ValueError:
            what = "a whole number" if kinds[name] is int else "a number"
            raise InputError(text, name, expected=what, got=repr(number)) from None
    return synthetic(Assumptions(**values))


def read_it(args: argparse.Namespace) -> Workload:
    """The recording as a workload, read in chunks; or a synthetic one."""
    if args.recording.split(":")[0] == "synthetic" and not Path(args.recording).exists():
        return _made(args.recording)
    symbols = symbols_of(args.recording, args.symbols, args.max_size)
    return read_workload(args.recording, symbols, limit=args.max_size)


def shape_of(args: argparse.Namespace) -> PageSizes:
    """The page sizes to assume."""
    return PageSizes(p2m_order=ORDERS[args.p2m])


def progress_on(stream: TextIO) -> Callable[[int, int, str], None] | None:
    """A progress bar, on a terminal."""
    if not shows_progress(stream):
        return None

    def show(done: int, total: int, what: str) -> None:
        bar = "#" * (30 * done // max(total, 1))
        stream.write(f"\r[{bar:30}] {done}/{total} {what[:30]:30}")
        if done == total:
            stream.write("\r" + " " * 72 + "\r")
        stream.flush()

    return show
