"""How many registered buffers are needed to serve 90, 99, 99.9 or 100% of the accesses.

Known in hindsight: what serves most per entry comes first.  A guest must
register before the first use and cannot know, so a real one needs at least these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT
from xenexplore.analysis.places import in_range
from xenexplore.analysis.workload import Workload
from xenexplore.guest.linux import KERNEL_STACK

__all__ = ["SHARES", "UNITS", "EntriesNeeded", "entries_needed"]

SHARES = (Fraction(9, 10), Fraction(99, 100), Fraction(999, 1000), Fraction(1))
UNITS = ("pages", "regions and pages", "regions and whole stacks")

_STACK_PIECES = KERNEL_STACK >> PAGE_SHIFT


@dataclass(frozen=True, slots=True)
class EntriesNeeded:
    """Entries for each of :data:`SHARES`.

    Attributes:
        unit: ``"pages"``: single pages only.  ``"regions and pages"``: the
            directmap and the kernel image may be one entry each.  ``"regions and
            whole stacks"``: those two, and vmalloc'ed stacks as four entries each
            (their frames need not follow each other); nothing in user space.
        needed: entries for each share; None: not reachable.
        reach: the share that all of them serve together, 0 to 1.
    """

    unit: str
    needed: tuple[int | None, ...]
    reach: float


def entries_needed(workload: Workload, domain: int) -> tuple[EntriesNeeded, ...]:
    """The fewest entries that serve each share of a domain's accesses, for each unit.

    An access is told by its first byte's page.
    """
    rows = workload.inside(domain)
    page = workload.accesses.page()[rows]
    region = np.full(len(rows), -1, np.int64)
    region[in_range(workload, domain, rows, "directmap")] = 0
    region[in_range(workload, domain, rows, "kernel image")] = 1
    stack = np.where(region < 0, workload.accesses.stack[rows], np.uint64(0))
    one = np.ones(len(rows), np.bool_)
    found = (
        _fewest([(page[one], 1)], len(rows)),
        _fewest([(region[region >= 0], 1), (page[region < 0], 1)], len(rows)),
        _fewest([(region[region >= 0], 1), (stack[stack != 0], _STACK_PIECES)], len(rows)),
    )
    return tuple(
        EntriesNeeded(unit, needed, reach)
        for unit, (needed, reach) in zip(UNITS, found, strict=True)
    )


Keys = NDArray[np.int64] | NDArray[np.uint64]


def _fewest(parts: list[tuple[Keys, int]], total: int) -> tuple[tuple[int | None, ...], float]:
    """Most accesses per entry first; exact where all entries cost alike, else greedy."""
    served, cost = [], []
    for keys, price in parts:
        counts = np.unique(keys, return_counts=True)[1]
        served += counts.tolist()
        cost += [price] * len(counts)
    order = sorted(range(len(served)), key=lambda i: (-served[i] / cost[i], -served[i]))
    reached = np.cumsum([served[i] for i in order]) if order else np.zeros(0, np.int64)
    spent = np.cumsum([cost[i] for i in order]) if order else np.zeros(0, np.int64)
    needed: list[int | None] = []
    for share in SHARES:
        wanted = math.ceil(share * total)
        at = int(np.searchsorted(reached, wanted))
        needed.append(0 if not wanted else int(spent[at]) if at < len(spent) else None)
    reach = float(reached[-1]) / total if len(reached) and total else 0.0
    return tuple(needed), reach
