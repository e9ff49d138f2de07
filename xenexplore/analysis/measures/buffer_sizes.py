"""Sizes of buffers: page crossings, flat addresses and lists, bounce pages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xenexplore.addr import PAGE_SIZE
from xenexplore.analysis.workload.call_buffers import buffers_of
from xenexplore.analysis.workload.tables import Workload
from xenexplore.hypervisor.lists import capacity

__all__ = ["LEVELS", "Sizes", "sizes"]

LEVELS = ("within a page", "one-level list", "two-level list", "more")


@dataclass(frozen=True, slots=True)
class Sizes:
    """One domain's buffers (touching accesses of a hypercall merged).

    Attributes:
        buffers: how many; ``largest``: bytes of the largest.
        crossing: those that touch more than one page.
        crossing_linear: of these, in a region that is linear (contiguous for sure).
        levels: buffers by what carries them, as :data:`LEVELS`: flat without a
            look at their frames, a gfn-array of one page (511 pages and an
            offset), two levels.
        calls: hypercalls with buffers.
        call_bytes: largest sum of a call's buffers, each rounded up to 8 bytes.
        over_page: calls that need a page or more: what a bounce page refuses.
        percentiles: bytes per call at 50, 99 and 99.9%.
    """

    buffers: int
    largest: int
    crossing: int
    crossing_linear: int
    levels: tuple[int, ...]
    calls: int
    call_bytes: int
    over_page: int
    percentiles: tuple[int, int, int]


def sizes(workload: Workload, domain: int) -> Sizes:
    """Sizes of a domain's hypercall buffers."""
    found = buffers_of(workload, workload.inside(domain))
    if not len(found):
        return Sizes(0, 0, 0, 0, (0, 0, 0, 0), 0, 0, 0, (0, 0, 0))
    crosses = found.pages() > 1
    linear = np.array([region.linear for region in workload.regions], np.bool_)[found.region]
    span = found.size + (found.address & np.uint64(PAGE_SIZE - 1)).astype(np.int64)
    limits = [PAGE_SIZE, capacity("gfn-array", 1), capacity("gfn-array", 2)]
    levels = np.bincount(np.searchsorted(limits, span), minlength=4)
    calls, group = np.unique(found.call, return_inverse=True)
    room = np.bincount(group.reshape(-1), weights=(found.size + 7) & ~7).astype(np.int64)
    at = np.percentile(room, [50, 99, 99.9], method="inverted_cdf").astype(int)
    return Sizes(
        buffers=len(found),
        largest=int(found.size.max()),
        crossing=int(crosses.sum()),
        crossing_linear=int((crosses & linear).sum()),
        levels=tuple(levels.tolist()),
        calls=len(calls),
        call_bytes=int(room.max()),
        over_page=int((room >= PAGE_SIZE).sum()),
        percentiles=(int(at[0]), int(at[1]), int(at[2])),
    )
