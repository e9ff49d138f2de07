"""Common parts of ``replay``, ``report`` and ``sweep``: recording, page sizes, progress."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TextIO

from xenexplore.analysis.workload.find_workload import find_workload
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import Workload
from xenexplore.cli.printing import RECORDING_SIZE, add_max_size, shows_progress
from xenexplore.memory.p2m import P2M_ORDERS
from xenexplore.recording.format.stream import BUILT_INS

__all__ = ["add_workload_arguments", "progress_on", "read_it", "shape_of"]


def add_workload_arguments(parser: argparse.ArgumentParser, *, optional: bool = False) -> None:
    """The recording and the page sizes to assume."""
    parser.add_argument(
        "recording", metavar="RECORDING", nargs="?" if optional else None,
        help=f"a recording (.jsonl or .zst), a built-in ({', '.join(BUILT_INS)}), or "
        "synthetic[:NAME=NUMBER...]: generated, not recorded",
    )  # fmt: skip
    parser.add_argument(
        "--symbols", metavar="KALLSYMS",
        help="the guest kernel's /proc/kallsyms; most built-in recordings have their own",
    )  # fmt: skip
    parser.add_argument(
        "--p2m", choices=tuple(P2M_ORDERS), default="4K",
        help="page size of the P2M; not recorded, so assumed (default: 4K)",
    )  # fmt: skip
    add_max_size(parser, RECORDING_SIZE)


def read_it(args: argparse.Namespace) -> Workload:
    """The recording as a workload, read in chunks; or a synthetic one."""
    return find_workload(args.recording, args.symbols, limit=args.max_size)


def shape_of(args: argparse.Namespace) -> PageSizes:
    """The page sizes to assume."""
    return PageSizes(p2m_order=P2M_ORDERS[args.p2m])


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
