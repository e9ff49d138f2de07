"""The two loops of the miss-ratio curves, compiled by numba when first used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fifo_misses", "reuse_histogram"]

# Slots of the timeline of last uses, as a multiple of the number of keys:
# when it is full it is packed, so that memory follows the keys and not the trace.
_ROOM = 4


def reuse_histogram(trace: NDArray[np.int64], keys: int) -> NDArray[np.int64]:
    """int64 (keys,): how many accesses had exactly ``d`` other keys used since their last use.

    First uses are in no bin.

    Args:
        trace: key numbers, 0 to ``keys`` - 1.
        keys: how many there are.
    """
    if not len(trace):
        return np.zeros(keys, np.int64)
    found: NDArray[np.int64] = _kernels()[0](trace, keys, max(_ROOM * keys, 1024))
    return found


def fifo_misses(trace: NDArray[np.int64], keys: int, capacity: int) -> int:
    """Misses of a first-in, first-out table of ``capacity`` slots."""
    return int(_kernels()[1](trace, keys, capacity))


@cache
def _kernels() -> tuple[Callable[..., Any], Callable[..., Any]]:
    import numba

    try:
        compiled = numba.njit(cache=True, nogil=True)
        return compiled(_reuse), compiled(_fifo)
    except RuntimeError:
        # "no locator available": neither the package nor the home is writable.
        compiled = numba.njit(nogil=True)
        return compiled(_reuse), compiled(_fifo)


def _reuse(trace, keys, room):  # type: ignore[no-untyped-def]
    """A Fenwick tree over the timeline counts which moments are somebody's last use."""
    last = np.full(keys, -1, np.int64)
    owner = np.full(room, -1, np.int64)
    tree = np.zeros(room + 1, np.int64)
    found = np.zeros(keys, np.int64)
    live = 0
    now = 0
    for key in trace:
        before = last[key]
        if before == now - 1 and before >= 0:
            found[0] += 1
            continue
        if now == room:
            # Pack: last uses keep their order, gaps go.
            packed = 0
            for at in range(room):
                one = owner[at]
                if one >= 0 and last[one] == at:
                    last[one] = packed
                    owner[packed] = one
                    packed += 1
            for at in range(packed, room):
                owner[at] = -1
            for at in range(1, room + 1):
                tree[at] = 0
            for at in range(1, room + 1):
                if at <= packed:
                    tree[at] += 1
                up = at + (at & -at)
                if up <= room:
                    tree[up] += tree[at]
            now = packed
            before = last[key]
        if before >= 0:
            older = 0
            at = before + 1
            while at > 0:
                older += tree[at]
                at -= at & -at
            found[live - older] += 1
            at = before + 1
            while at <= room:
                tree[at] -= 1
                at += at & -at
            owner[before] = -1
        else:
            live += 1
        last[key] = now
        owner[now] = key
        at = now + 1
        while at <= room:
            tree[at] += 1
            at += at & -at
        now += 1
    return found


def _fifo(trace, keys, capacity):  # type: ignore[no-untyped-def]
    """A key is held until ``capacity`` insertions have followed its own."""
    inserted = np.full(keys, -1, np.int64)
    clock = 0
    for key in trace:
        at = inserted[key]
        if at < 0 or clock - at > capacity:
            inserted[key] = clock
            clock += 1
    return clock
