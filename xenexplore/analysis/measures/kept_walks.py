"""Walks remembered by a cache: how many pieces they would serve, and how many with a stale frame.

The cache is that of :mod:`xenexplore.options.hap_cache`: direct-mapped by page, a read's walk
not for writes.  A recording that holds frames says what a kept walk cannot: whether the
guest's tables still led to the same frame when the walk was used again.  The rules are
written down a second time here, piece by piece; tests hold them to the design's own replay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xenexplore.analysis.measures.locality import pieces_of
from xenexplore.analysis.workload.tables import NO_FRAME, Workload
from xenexplore.steps import Direction
from xenexplore.tlb.walk_cache import VTLB_ENTRIES

__all__ = ["KeptWalks", "kept_walks"]


@dataclass(frozen=True, slots=True)
class KeptWalks:
    """One domain's pieces (accesses cut at 4 KiB pages) under a cache of walks.

    Attributes:
        pieces: how many.
        served: those that a kept walk would serve.
        checked: of these, those whose frame is recorded, for both walks.
        stale: of these, those whose frame had changed: Xen would have used the wrong one.
    """

    pieces: int
    served: int
    checked: int
    stale: int


def kept_walks(
    workload: Workload, domain: int, *, until_switch: bool, entries: int = VTLB_ENTRIES
) -> KeptWalks:
    """Walks that one cache per vCPU would serve.

    Args:
        workload: the recorded accesses.
        domain: index of the domain.
        until_switch: walks are kept until Xen switches a vCPU of the domain in or out, as its
            updates of areas outside hypercalls show; else dropped after each hypercall.
        entries: slots of a cache.
    """
    accesses = workload.accesses
    page, row = pieces_of(workload, workload.inside(domain))
    outside = np.cumsum((accesses.domain == domain) & ~accesses.inside)
    life = (outside if until_switch else accesses.call)[row]
    writes = accesses.way[row] != tuple(Direction).index(Direction.FROM)
    # Of an access over several pages only the first frame is kept.
    first = np.ones(len(row), bool)
    first[1:] = row[1:] != row[:-1]
    frames = np.where(first, accesses.gfn[row], np.uint64(NO_FRAME))
    vcpu = workload.calls.vcpu[accesses.call[row]]
    held: dict[tuple[int, int], tuple[int, int, bool, int]] = {}
    served = checked = stale = 0
    columns = (vcpu, page, writes, life, frames)
    for cpu, at, write, alive, frame in zip(*(column.tolist() for column in columns), strict=True):
        slot = (cpu, at % entries)
        known = held.get(slot)
        if known is None or known[:2] != (at, alive) or (write and not known[2]):
            held[slot] = (at, alive, write, frame)
            continue
        served += 1
        if NO_FRAME not in (frame, known[3]):
            checked += 1
            stale += frame != known[3]
    return KeptWalks(len(page), served, checked, stale)
