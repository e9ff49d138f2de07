"""Repeats: how many walks a cache of the last translations would save within one hypercall."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT
from xenexplore.analysis.workload.tables import Workload

__all__ = ["Locality", "locality", "pieces_of"]


@dataclass(frozen=True, slots=True)
class Locality:
    """One domain's pieces (accesses cut at 4 KiB pages; each is walked today).

    Attributes:
        pieces: how many; ``calls``: hypercalls that make any.
        saved: pieces on the same page as the piece before, in the same
            hypercall: what one entry, forgotten after each call, would serve.
        saved_by_all: pieces on any page met before in the same hypercall:
            what such a cache of any size would serve at most.
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


def locality(workload: Workload, domain: int) -> Locality:
    """Repeats of pages within single hypercalls.

    The cache is sound if the guest cannot change its tables while its
    hypercall runs, or may not expect that to matter; other vCPUs can.
    """
    page, row = pieces_of(workload, workload.inside(domain))
    call = workload.accesses.call[row]
    if not len(page):
        return Locality(0, 0, 0, 0, 0, 0)
    same = (page[1:] == page[:-1]) & (call[1:] == call[:-1])
    pairs = np.unique(np.stack([call.astype(np.uint64), page]), axis=1)
    per_call = np.unique(call, return_counts=True)[1]
    pages = np.unique(pairs[0], return_counts=True)[1]
    return Locality(
        pieces=len(page),
        calls=len(per_call),
        saved=int(same.sum()),
        saved_by_all=len(page) - pairs.shape[1],
        most=int(per_call.max()),
        most_pages=int(pages.max()),
    )
