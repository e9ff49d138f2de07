"""Repeats: how many walks a cache of the last translations would save within one hypercall.

What may be remembered is a translation of a linear address, for the kind of access
that was checked.  ``hvm_copy_to_guest_linear()`` walks with ``PFEC_write_access``
(xen/arch/x86/hvm/hvm.c), so that ``guest_walk_tables()`` tests RW and CR0.WP and sets Dirty
(xen/arch/x86/mm/guest_walk.c): a read's walk cannot serve a write, a write's serves both.
The P2M's answer may not be remembered at all: ``XENMEM_add_to_physmap_batch`` and others
change the P2M between two copies of one call (xen/common/memory.c).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT
from xenexplore.analysis.workload.tables import Workload
from xenexplore.steps import Direction

__all__ = ["Locality", "locality", "pieces_of"]


@dataclass(frozen=True, slots=True)
class Locality:
    """One domain's pieces (accesses cut at 4 KiB pages; each is walked today).

    Attributes:
        pieces: how many; ``calls``: hypercalls that make any.
        saved: pieces that one remembered walk, forgotten after each call, would serve:
            on the page of the last walk, in the same hypercall, and a read if that
            walk was one.
        saved_by_all: the same with every walk of the hypercall remembered: the most that
            such a cache of any size would serve.
        most: most pieces of one hypercall; ``most_pages``: most distinct pages.
    """

    pieces: int
    calls: int
    saved: int
    saved_by_all: int
    most: int
    most_pages: int


def pieces_of(
    workload: Workload, rows: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Page number of each piece of the accesses, in order, and the row it came from."""
    accesses = workload.accesses
    counts = accesses.pages()[rows]
    row = np.repeat(rows, counts)
    ends = np.cumsum(counts)
    step = np.arange(len(row)) - np.repeat(ends - counts, counts)
    page = (accesses.address[row] >> np.uint64(PAGE_SHIFT)) + step.astype(np.uint64)
    return page, row


def _walks(writes: NDArray[np.bool_], group: NDArray[np.int64]) -> int:
    """Walks that are left where pieces of one group share a remembered translation.

    The first of a group walks; so does its first write, unless it came first.
    """
    place = np.arange(len(group))
    first = np.full(int(group.max()) + 1, len(group))
    np.minimum.at(first, group, place)
    write = np.full_like(first, len(group))
    np.minimum.at(write, group[writes], place[writes])
    walked = first < len(group)
    return int(walked.sum() + (walked & (write < len(group)) & (write != first)).sum())


def locality(workload: Workload, domain: int) -> Locality:
    """Repeats of pages within single hypercalls.

    The cache is sound if the guest cannot change its tables while its
    hypercall runs, or may not expect that to matter; other vCPUs can.
    """
    page, row = pieces_of(workload, workload.inside(domain))
    call = workload.accesses.call[row]
    if not len(page):
        return Locality(0, 0, 0, 0, 0, 0)
    writes = workload.accesses.way[row] != tuple(Direction).index(Direction.FROM)
    fresh = np.ones(len(page), bool)
    fresh[1:] = (page[1:] != page[:-1]) | (call[1:] != call[:-1])
    pairs, index = np.unique(np.stack([call.astype(np.uint64), page]), axis=1, return_inverse=True)
    per_call = np.unique(call, return_counts=True)[1]
    pages = np.unique(pairs[0], return_counts=True)[1]
    return Locality(
        pieces=len(page),
        calls=len(per_call),
        saved=len(page) - _walks(writes, np.cumsum(fresh)),
        saved_by_all=len(page) - _walks(writes, index.reshape(-1)),
        most=int(per_call.max()),
        most_pages=int(pages.max()),
    )
