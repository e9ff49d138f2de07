"""The miss-ratio curve over every capacity, beside libcachesim at twenty capacities.

Run from ``tests/``::

    python -m bench.curve [REQUESTS]        # default: 1,000,000

One trace (Zipf 1.0 over 100,000 keys), one process, one run; the misses are
compared at all twenty capacities before any ratio is printed.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from xenexplore.analysis.measures.miss_curve import miss_curve

KEYS = 100_000
CAPACITIES = 20
ROUNDS = 3


def zipf(requests: int, seed: int = 1) -> np.ndarray:
    """Requests for keys by a Zipf law with s = 1."""
    random = np.random.default_rng(seed)
    weight = 1 / np.arange(1, KEYS + 1)
    return random.choice(KEYS, requests, p=weight / weight.sum()).astype(np.int64)


def peer(trace: np.ndarray, capacities: np.ndarray, folder: str) -> tuple[float, list[int]]:
    """Seconds of libcachesim (LRU, a request counts 1, from its reader), and its misses."""
    import libcachesim as lcs

    # Its binary format, which it reads fastest: time, key, size, next use.
    record = np.dtype([("t", "<u4"), ("key", "<u8"), ("size", "<u4"), ("next", "<i8")])
    rows = np.zeros(len(trace), record)
    rows["t"], rows["key"], rows["size"] = np.arange(len(trace)), trace + 1, 1
    path = Path(folder) / "trace.oracleGeneral"
    rows.tofile(path)
    seconds, misses = 0.0, []
    for capacity in capacities.tolist():
        reader = lcs.TraceReader(
            str(path),
            lcs.TraceType.ORACLE_GENERAL_TRACE,
            lcs.ReaderInitParam(ignore_obj_size=True),
        )
        cache = lcs.LRU(capacity)
        start = time.process_time()
        ratio, _ = cache.process_trace(reader)
        seconds += time.process_time() - start
        misses.append(round(ratio * len(trace)))
    return seconds, misses


def main(requests: int) -> int:
    """Measure, compare, print."""
    trace = zipf(requests)
    miss_curve(trace[:1000])  # compile
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        curve = miss_curve(trace)
        times.append(time.process_time() - start)
    ours = min(times)
    capacities = np.unique(np.geomspace(1, curve.keys, CAPACITIES).round().astype(np.int64))
    print(f"{requests:,} requests, {curve.keys:,} keys, every capacity: {ours:.3f} s of CPU, "
          f"{requests / ours / 1e6:.1f} M/s")  # fmt: skip
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB")
    with tempfile.TemporaryDirectory() as folder:
        seconds, misses = peer(trace, capacities, folder)
    wanted = curve.misses[capacities - 1].tolist()
    wrong = [(int(c), a, b) for c, a, b in zip(capacities, wanted, misses, strict=True) if a != b]
    print(f"libcachesim, LRU at {len(capacities)} capacities: {seconds:.3f} s of CPU; "
          f"misses that differ: {wrong or 'none'}")  # fmt: skip
    print(f"ratio: {seconds / ours:.0f}x")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000))
