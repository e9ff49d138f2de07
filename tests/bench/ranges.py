"""Which registered range serves an address: our static table beside ncls and bisect.

Run from ``tests/``::

    python -m bench.ranges [LOOKUPS]        # default: 1,000,000

256 disjoint ranges, half of the addresses inside one.  Answers are compared.
"""

from __future__ import annotations

import bisect
import sys
import time
from collections.abc import Callable

import numpy as np

from xenexplore.addr import Gpa, Gva
from xenexplore.analysis.replay.static_table import StaticTable
from xenexplore.tlb import TlbEntry

RANGES = 256
ROUNDS = 5
_SPACING, _SIZE = 1 << 16, 1 << 15


def best(work: Callable[[], object]) -> float:
    """Shortest CPU time of a few rounds."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def main(lookups: int) -> int:
    """Measure, compare, print."""
    from ncls import NCLS

    starts = np.arange(RANGES, dtype=np.int64) * _SPACING + (1 << 40)
    wanted = np.random.default_rng(2).integers(1 << 40, (1 << 40) + RANGES * _SPACING, lookups)
    table = StaticTable(
        [TlbEntry(Gva(int(s)), Gpa(0), _SIZE, True) for s in starts], search="sorted"
    )
    addresses = wanted.astype(np.uint64)
    found, _ = table.find(addresses)
    tree = NCLS(starts, starts + _SIZE, np.arange(RANGES, dtype=np.int64))
    ids = np.arange(lookups, dtype=np.int64)
    rows, hits = tree.first_overlap_both(wanted, wanted + 1, ids)
    theirs = np.full(lookups, -1, np.int64)
    theirs[rows] = hits
    assert np.array_equal(found, theirs), "the two disagree"
    plain, few = starts.tolist(), wanted[: lookups // 10].tolist()
    one = best(lambda: [bisect.bisect_right(plain, va) - 1 for va in few]) * 10
    ours = best(lambda: table.find(addresses))
    peer = best(lambda: tree.first_overlap_both(wanted, wanted + 1, ids))
    for name, seconds in (("ours (with compares)", ours), ("ncls", peer), ("bisect", one)):
        print(f"{name:22} {lookups / seconds / 1e6:6.1f} M/s")
    print(f"ratio to ncls: {peer / ours:.2f}x (ours also gives the compares of a bisection)")
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
