"""What ``replay``, ``report`` and ``sweep`` share: which recording, which page sizes, progress."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from xenexplore.analysis.shape import Shape
from xenexplore.analysis.workload import Workload, read_workload
from xenexplore.guest.symbols import SymbolTable, read_kallsyms
from xenexplore.recording.stream import BUILT_INS, built_in_path

__all__ = ["ORDERS", "add_workload_arguments", "progress_on", "read_it", "shape_of", "symbols_of"]

ORDERS = {"4K": 0, "2M": 9, "1G": 18}


def add_workload_arguments(parser: argparse.ArgumentParser) -> None:
    """The recording and the page sizes to assume."""
    parser.add_argument(
        "recording", metavar="RECORDING",
        help=f"a recording (.jsonl or .zst), or a built-in: {', '.join(BUILT_INS)}",
    )  # fmt: skip
    parser.add_argument(
        "--symbols", metavar="KALLSYMS",
        help="the guest kernel's /proc/kallsyms; built-in recordings have their own",
    )  # fmt: skip
    parser.add_argument(
        "--p2m", choices=tuple(ORDERS), default="4K",
        help="page size of the P2M; not recorded, so assumed (default: 4K)",
    )  # fmt: skip


def symbols_of(recording: str, symbols: str | None) -> SymbolTable | None:
    """A guest kernel's symbols: as given, or those that come with the built-in recordings."""
    if symbols:
        return read_kallsyms(symbols)
    if recording in BUILT_INS and not Path(recording).exists():
        return read_kallsyms(built_in_path("kallsyms.dom0"))
    return None


def read_it(args: argparse.Namespace) -> Workload:
    """The recording as a workload, read in chunks."""
    return read_workload(args.recording, symbols_of(args.recording, args.symbols))


def shape_of(args: argparse.Namespace) -> Shape:
    """The page sizes to assume."""
    return Shape(p2m_order=ORDERS[args.p2m])


def progress_on(stream: TextIO) -> Callable[[int, int, str], None] | None:
    """A progress bar, if somebody is looking."""
    if not stream.isatty():
        return None

    def show(done: int, total: int, what: str) -> None:
        bar = "#" * (30 * done // max(total, 1))
        stream.write(f"\r[{bar:30}] {done}/{total} {what[:30]:30}")
        if done == total:
            stream.write("\r" + " " * 72 + "\r")
        stream.flush()

    return show
