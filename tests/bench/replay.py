"""Replay of a recording under every design, and of ten million synthetic accesses.

Run from ``tests/``::

    python -m bench.replay [RECORDING] [SYNTHETIC_CALLS]
    python -m bench.replay --large FILE         # a large recording, read in chunks

Peak memory is the process's own.
"""

from __future__ import annotations

import resource
import sys
import time

from xenexplore.analysis.measures.locality import pieces_of
from xenexplore.analysis.measures.miss_curve import miss_curve
from xenexplore.analysis.replay.design import DESIGNS
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.replay.replays import replay_designs
from xenexplore.analysis.workload.synthetic import Assumptions, synthetic
from xenexplore.analysis.workload.tables import read_workload


def memory() -> str:
    """Peak of this process so far."""
    return f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB"


def timed(name: str, start: float, count: int) -> None:
    """One line."""
    seconds = time.process_time() - start
    print(f"{name}: {seconds:.2f} s of CPU, {count / seconds / 1e6:.2f} M accesses/s, {memory()}")


def recorded(name: str) -> None:
    """Read, then replay every design for every domain."""
    start = time.process_time()
    load = read_workload(name)
    timed(f"{name}: read", start, len(load.accesses))
    start = time.process_time()
    done = replay_designs(load, DESIGNS)
    timed(f"{name}: {len(done)} replays", start, sum(len(one.verdicts) for one in done))


def made(calls: int) -> None:
    """256 vCPUs, 100,000 tasks; every design, and the miss-ratio curve per vCPU."""
    start = time.process_time()
    load = synthetic(Assumptions(calls=calls))
    count = len(load.accesses)
    timed(f"synthetic, {count:,} accesses: made", start, count)
    for what in DESIGNS:
        if what.label in ("software-tlb", "gfn-lists"):
            continue  # a table of as many entries as there are stacks: no such guest
        start = time.process_time()
        replay(load, what, 0)
        timed(f"  {what.label}", start, count)
    start = time.process_time()
    page, row = pieces_of(load, load.inside(0))
    miss_curve(page, load.calls.vcpu[load.accesses.call[row]], scope="vcpu")
    timed("  miss-ratio curve, LRU, a table per vCPU", start, count)
    start = time.process_time()
    miss_curve(page)
    timed("  miss-ratio curve, LRU, one table", start, count)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--large"]:
        recorded(sys.argv[2])
    else:
        recorded(sys.argv[1] if len(sys.argv) > 1 else "pvh")
        made(int(sys.argv[2]) if len(sys.argv) > 2 else 800_000)
