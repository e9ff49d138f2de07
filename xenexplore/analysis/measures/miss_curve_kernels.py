"""The loops of the miss-ratio curves, compiled by numba when first used."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["fifo_misses", "number_keys", "reuse_histogram"]

# Slots of the timeline of last uses, as a multiple of the number of keys:
# when it is full it is packed, so that memory follows the keys and not the trace.
_ROOM = 4


def number_keys(
    keys: NDArray[np.uint64] | NDArray[np.int64],
) -> tuple[NDArray[np.int64], int]:
    """Keys as numbers in order of first use, and how many there are."""
    codes, count = _kernels()[2](np.ascontiguousarray(keys).view(np.uint64))
    return codes, int(count)


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
def _kernels() -> tuple[Callable[..., Any], ...]:
    import numba

    try:
        compiled = numba.njit(cache=True, nogil=True)
        return compiled(_reuse), compiled(_fifo), compiled(_number)
    except RuntimeError:
        # "no locator available": neither the package nor the home is writable.
        compiled = numba.njit(nogil=True)
        return compiled(_reuse), compiled(_fifo), compiled(_number)


def _reuse(trace, keys, room):  # type: ignore[no-untyped-def]
    """A Fenwick tree over the timeline counts which moments are a last use."""
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


def _number(keys):  # type: ignore[no-untyped-def]
    """An open-addressing hash table that doubles when half full; Fibonacci hashing."""
    bits = 12
    slots = np.full(1 << bits, -1, np.int64)
    known = np.empty(1 << (bits - 1), np.uint64)
    codes = np.empty(len(keys), np.int64)
    count = 0
    for row in range(len(keys)):
        key = keys[row]
        at = np.int64((key * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits))
        while slots[at] >= 0 and known[slots[at]] != key:
            at = (at + 1) & ((1 << bits) - 1)
        if slots[at] >= 0:
            codes[row] = slots[at]
            continue
        codes[row] = count
        slots[at] = count
        known[count] = key
        count += 1
        if count == len(known):
            bits += 1
            slots = np.full(1 << bits, -1, np.int64)
            more = np.empty(1 << (bits - 1), np.uint64)
            more[:count] = known
            known = more
            for code in range(count):
                again = (known[code] * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - bits)
                at = np.int64(again)
                while slots[at] >= 0:
                    at = (at + 1) & ((1 << bits) - 1)
                slots[at] = code
    return codes, count
