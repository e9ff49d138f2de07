"""Hypercall buffers: the accesses of one hypercall, neighbouring array elements merged.

Merging serves the questions "where do buffers live" and "how long are they".
It is never used to explain a recorded access: :mod:`~xenexplore.recording.matching.matching`
looks at each access as it was recorded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT
from xenexplore.recording.format.column_set import Columns
from xenexplore.recording.format.columns import Recording

__all__ = ["BufferRuns", "find_buffers"]


@dataclass(frozen=True, slots=True)
class BufferRuns(Columns):
    """Runs of accesses in one direction at adjoining addresses: B rows.

    Attributes:
        address: uint64 (B,): linear address of the first byte.
        size: uint64 (B,): bytes.
        direction: uint8 (B,): index into ``DIRECTIONS``.
        call: int64 (B,): row of the hypercall.
        domain: int32 (B,): index into ``Recording.domains``; -1: unknown.
        first: int64 (B,): row of the first access.
        count: int64 (B,): how many accesses were merged.
    """

    address: NDArray[np.uint64]
    size: NDArray[np.uint64]
    direction: NDArray[np.uint8]
    call: NDArray[np.int64]
    domain: NDArray[np.int32]
    first: NDArray[np.int64]
    count: NDArray[np.int64]

    def first_page(self) -> NDArray[np.uint64]:
        """Page number of the first byte."""
        return self.address >> np.uint64(PAGE_SHIFT)

    def last_page(self) -> NDArray[np.uint64]:
        """Page number of the last byte (of the first, where there are none)."""
        length = np.maximum(self.size, np.uint64(1)) - np.uint64(1)
        return (self.address + length) >> np.uint64(PAGE_SHIFT)

    def crosses(self) -> NDArray[np.bool_]:
        """Whether it crosses a page boundary."""
        return np.not_equal(self.first_page(), self.last_page())

    def pages(self) -> NDArray[np.uint64]:
        """The distinct pages of all of them, ascending."""
        spans = (self.last_page() - self.first_page()).astype(np.int64) + 1
        start = np.repeat(self.first_page(), spans)
        ends = np.cumsum(spans)
        step = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - spans, spans)
        return np.unique(start + step.astype(np.uint64))


def find_buffers(recording: Recording) -> BufferRuns:
    """The buffers of every hypercall, in recorded order; accesses outside are left out.

    An access continues a buffer if the access just before it, in the same
    hypercall and direction, ended where it starts.
    """
    accesses = recording.accesses
    rows = np.flatnonzero(accesses.inside)
    inner = accesses.pick(rows)
    size = inner.size.astype(np.uint64)
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = (
        (inner.call[1:] != inner.call[:-1])
        | (inner.direction[1:] != inner.direction[:-1])
        | (inner.address[1:] != inner.address[:-1] + size[:-1])
    )
    starts = np.flatnonzero(begins)
    total = np.add.reduceat(size, starts) if len(starts) else size
    call = inner.call[starts]
    return BufferRuns(
        address=inner.address[starts],
        size=total,
        direction=inner.direction[starts],
        call=call,
        domain=recording.calls.domain[call],
        first=rows[starts],
        count=np.diff(np.append(starts, len(rows))),
    )
