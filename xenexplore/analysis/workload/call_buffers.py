"""Buffers of each hypercall: what a guest would have to translate, copy or list.

Only Xen's accesses were recorded, not the handles.  Accesses of one hypercall
that touch or overlap count as one buffer, in whatever direction and order;
two buffers side by side on one stack therefore count as one, and what is
counted per buffer is a lower bound.  So are bytes copied: where accesses touch and do not
overlap, each side counts as copied only in the direction in which Xen itself copied it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE
from xenexplore.analysis.workload.tables import Workload
from xenexplore.recording.format.column_set import Columns

__all__ = ["BufferTable", "buffers_of"]


@dataclass(frozen=True, slots=True)
class BufferTable(Columns):
    """Buffers, ordered by hypercall and address: B rows.

    Attributes:
        address: uint64: first byte; ``size``: int64: bytes.
        call: int64: row of the hypercall; ``region``: int16: where it begins.
        reads, writes: bool: Xen reads, or writes, some of it.
        in_register: bool: its first byte's address is in an argument
            register, or it is the hypercall's only buffer; else a struct in
            memory must hold the handle.
        carried: int64: bytes that go in, and that come out, at least: accesses that
            overlap are of one buffer, which goes whole; those that only touch may
            be of two.
    """

    address: NDArray[np.uint64]
    size: NDArray[np.int64]
    call: NDArray[np.int64]
    region: NDArray[np.int16]
    reads: NDArray[np.bool_]
    writes: NDArray[np.bool_]
    in_register: NDArray[np.bool_]
    carried: NDArray[np.int64]

    def pages(self) -> NDArray[np.int64]:
        """Number of 4 KiB pages that each touches."""
        offset = (self.address & np.uint64(PAGE_SIZE - 1)).astype(np.int64)
        return (offset + self.size - 1 >> PAGE_SHIFT) + 1


def buffers_of(workload: Workload, rows: NDArray[np.int64]) -> BufferTable:
    """Buffers of the given accesses (ascending rows), all made inside hypercalls."""
    accesses = workload.accesses
    order, reach = _by_address(workload, rows)
    call, start = accesses.call[order], accesses.address[order]
    if not len(order):
        empty = np.zeros(0, np.int64)
        none = np.zeros(0, np.bool_)
        return BufferTable(start, empty, call, accesses.region[order], none, none, none, empty)
    fresh = np.ones(len(order), np.bool_)
    fresh[1:] = (call[1:] != call[:-1]) | (start[1:] > reach[:-1])
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(order)) - 1
    way, owner = accesses.way[order], call[first]
    only = np.ones(len(first), np.bool_)
    only[1:] &= owner[1:] != owner[:-1]
    only[:-1] &= owner[1:] != owner[:-1]
    return BufferTable(
        address=start[first],
        size=(reach[last] - start[first]).astype(np.int64),
        call=owner,
        region=accesses.region[order][first],
        reads=np.logical_or.reduceat(way == 0, first),
        writes=np.logical_or.reduceat(way != 0, first),
        in_register=np.logical_or.reduceat(accesses.in_register[order], first) | only,
        carried=_carried(start, reach, way, fresh),
    )


def _carried(
    start: NDArray[np.uint64], reach: NDArray[np.uint64], way: NDArray[np.uint8],
    fresh: NDArray[np.bool_],
) -> NDArray[np.int64]:  # fmt: skip
    """Bytes of each buffer, once for each direction, by stretches of overlapping accesses."""
    alone = fresh.copy()
    alone[1:] |= start[1:] >= reach[:-1]
    first = np.flatnonzero(alone)
    last = np.append(first[1:], len(start)) - 1
    ways = np.logical_or.reduceat(way == 0, first).astype(np.int64)
    ways += np.logical_or.reduceat(way != 0, first)
    size = (reach[last] - start[first]).astype(np.int64)
    return np.add.reduceat(size * ways, np.flatnonzero(fresh[first]))


def _by_address(
    workload: Workload, rows: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.uint64]]:
    """Rows ordered by address within each hypercall, and the furthest end so far in it.

    Most hypercalls ascend by themselves; only the others are sorted.
    """
    accesses = workload.accesses
    call, start = accesses.call[rows], accesses.address[rows]
    end = start + accesses.size[rows].astype(np.uint64)
    same = call[1:] == call[:-1]
    falls = np.flatnonzero(same & ((start[1:] < start[:-1]) | (end[1:] < end[:-1])))
    order, reach = rows.copy(), end
    if len(falls):
        at = np.flatnonzero(np.isin(call, call[falls]))
        inner = at[np.lexsort((start[at], call[at]))]
        order[at] = rows[inner]
        reach[at] = _reach(call[inner], end[inner])
    return order, reach


def _reach(call: NDArray[np.int64], end: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Running maximum of the ends that restarts in each hypercall."""
    group = np.unique(call, return_inverse=True)[1].reshape(-1).astype(np.int64)
    # Of the ends' ranks, lifted group by group: an end may be near 2**64.
    rank = np.argsort(np.argsort(end, kind="stable"), kind="stable")
    running = np.maximum.accumulate(rank + group * len(end)) - group * len(end)
    return np.sort(end, kind="stable")[running]
