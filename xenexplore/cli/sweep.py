"""``xenexplore sweep``: a grid of parameters over recordings, resumable, as CSV or Parquet."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from xenexplore.analysis.sweep import Grid, SweepRow, read_rows, sweep, table_text, write_parquet
from xenexplore.api.worker_pool import pool_of
from xenexplore.cli.printing import (
    RECORDING_SIZE,
    add_max_size,
    add_printing,
    print_record,
    writing,
)
from xenexplore.cli.workload_options import progress_on
from xenexplore.errors import InputError
from xenexplore.memory.p2m import P2M_ORDERS

__all__ = ["add_arguments", "run"]

_GRID = Grid()
# Entries of one table: one for every page of 4 GiB.
_MOST = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of ``sweep``."""
    parser.add_argument(
        "recordings", metavar="RECORDING", nargs="+", help="recordings, as for report"
    )
    parser.add_argument(
        "--register", nargs="+", default=list(_GRID.register), metavar="WORDS",
        help="what to register, e.g. directmap+kernel-image+stack; on-miss: pages as they miss",
    )  # fmt: skip
    parser.add_argument(
        "--entries", nargs="+", metavar="N", type=int, default=list(_GRID.entries),
        help="numbers of slots in a table",
    )  # fmt: skip
    parser.add_argument(
        "--policy", nargs="+", choices=_GRID.policies, default=list(_GRID.policies),
        help="what a full table does (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--scope", nargs="+", choices=_GRID.scopes, default=list(_GRID.scopes),
        help="one table per vCPU, or per domain (default: both)",
    )  # fmt: skip
    parser.add_argument(
        "--p2m", nargs="+", choices=tuple(P2M_ORDERS), default=list(P2M_ORDERS),
        help="page size of the P2M (default: all)",
    )  # fmt: skip
    parser.add_argument(
        "--workers", type=int, default=None, help="number of processes (default: one per CPU)"
    )
    add_printing(parser, "one row per line, or with --output the file written")
    add_max_size(parser, RECORDING_SIZE)
    parser.add_argument(
        "--output", metavar="FILE",
        help="write the table to this file, .csv (resumed if it exists) or .parquet, instead",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Measure every point, resuming from the output if it holds some already."""
    for name in ("entries", "workers"):
        values = getattr(args, name)
        if values is not None and any(n < 1 for n in (values if name == "entries" else [values])):
            raise InputError("command line", f"--{name}", expected="1 or more", got=str(values))
    if max(args.entries) > _MOST:
        raise InputError(
            "command line", "--entries", expected=f"at most {_MOST}", got=str(max(args.entries))
        )
    grid = Grid(
        register=tuple(args.register), entries=tuple(args.entries), policies=tuple(args.policy),
        scopes=tuple(args.scope), p2m_orders=tuple(P2M_ORDERS[word] for word in args.p2m),
    )  # fmt: skip
    output = Path(args.output) if args.output else None
    resumable = output is not None and output.suffix != ".parquet"
    known = read_rows(output) if output is not None and resumable and output.exists() else {}
    progress = progress_on(sys.stderr)

    def finished(row: SweepRow, done: int, total: int) -> None:
        if output is not None and resumable:
            with writing(output), output.open("a", encoding="utf-8", newline="") as table:
                table.write(table_text([row], head=False))
        if progress is not None:
            progress(done, total, f"{row.register} {row.entries}")

    if output is not None and resumable:
        # What is known, without a line that was cut short; new rows are appended.
        with writing(output):
            output.write_text(table_text(known.values()), "utf-8", newline="")
    points = list(grid.points(args.recordings, args.max_size))
    with pool_of(args.workers) as pool:
        rows = sweep(points, pool, known=known, finished=finished, limit=args.max_size)
    if output is None:
        if args.json:
            for row in rows:
                print_record("sweep-row", asdict(row))
        else:
            sys.stdout.write(table_text(rows))
        return 0
    with writing(output):
        if resumable:
            output.write_text(table_text(rows), "utf-8", newline="")
        else:
            write_parquet(rows, output)
    if args.json:
        print_record("file", {"file": str(output), "rows": len(rows)})
    return 0
