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
from xenexplore.analysis.workload.region_ranges import in_range
from xenexplore.analysis.workload.tables import Workload
from xenexplore.guest.layout.linux_layout import KERNEL_STACK
from xenexplore.guest.layout.regions import RegionKind

__all__ = ["SHARES", "UNITS", "EntriesNeeded", "entries_needed"]

SHARES = (Fraction(9, 10), Fraction(99, 100), Fraction(999, 1000), Fraction(1))
UNITS = ("pages", "regions and pages", "regions and whole stacks")

_STACK_PIECES = KERNEL_STACK >> PAGE_SHIFT


@dataclass(frozen=True, slots=True)
class EntriesNeeded:
    """Entries for each of :data:`SHARES`.

    Attributes:
        unit: ``"pages"``: single pages only.  ``"regions and pages"``: the
            directmap, the kernel image and a hardirq stack may be one entry each.
            ``"regions and whole stacks"``: those, and tasks' vmalloc'ed stacks as
            four entries each (their frames need not follow each other); nothing
            in user space.
        needed: entries for each share; None: not reachable.
        reach: the share that all of them serve together, 0 to 1.
    """

    unit: str
    needed: tuple[int | None, ...]
    reach: float


def entries_needed(workload: Workload, domain: int) -> tuple[EntriesNeeded, ...]:
    """The fewest entries that serve each share of a domain's accesses, for each unit.

    An access is identified by its first byte's page.
    """
    rows = workload.inside(domain)
    page = workload.accesses.page()[rows]
    region = np.full(len(rows), -1, np.int64)
    region[in_range(workload, domain, rows, "directmap")] = 0
    region[in_range(workload, domain, rows, "kernel image")] = 1
    stack = workload.accesses.stack[rows]
    irq = workload.kind_mask(rows, RegionKind.IRQ_STACK)
    region[irq] = 2 + np.unique(stack[irq], return_inverse=True)[1]
    stack = np.where(region < 0, stack, np.uint64(0))
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
    """The least number of entries for each share, exactly.

    Of things that cost alike the most used come first; so it is only a choice
    of how many of each price.
    """
    served: dict[int, list[int]] = {}
    for keys, price in parts:
        served.setdefault(price, []).extend(np.unique(keys, return_counts=True)[1].tolist())
    reached = {
        price: np.concatenate([[0], np.cumsum(sorted(counts, reverse=True))]).astype(np.int64)
        for price, counts in served.items()
    }
    most = sum(int(sums[-1]) for sums in reached.values())
    needed = tuple(_cheapest(reached, math.ceil(share * total)) for share in SHARES)
    return needed, most / total if total else 0.0


def _cheapest(reached: dict[int, NDArray[np.int64]], wanted: int) -> int | None:
    """Fewest entries that serve ``wanted`` accesses; ``reached``: sums by price and number."""
    (price, sums), *others = sorted(reached.items())
    if not others:
        at = int(np.searchsorted(sums, wanted))
        return price * at if at < len(sums) else None
    rest = dict(others)
    found = (
        (price * number, _cheapest(rest, wanted - int(sum_)))
        for number, sum_ in enumerate(sums.tolist())
    )
    return min((cost + more for cost, more in found if more is not None), default=None)
