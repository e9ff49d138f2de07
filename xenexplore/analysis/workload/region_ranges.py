"""Accesses that a registration over a whole region serves."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xenexplore.analysis.workload.tables import Workload
from xenexplore.guest.layout.regions import RegionKind

__all__ = ["GROUPS", "in_range"]

GROUPS: tuple[tuple[str, tuple[RegionKind, ...]], ...] = (
    ("vmalloc (task stacks)", (RegionKind.VMALLOC,)),
    ("vmalloc'ed data, no stack", (RegionKind.VMALLOC_DATA,)),
    ("hardirq stack (vmap'ed percpu)", (RegionKind.IRQ_STACK,)),
    ("init_task's stack (image)", (RegionKind.STACK,)),
    ("kernel image, other", (RegionKind.IMAGE,)),
    ("directmap", (RegionKind.DIRECTMAP,)),
    ("percpu", (RegionKind.PERCPU,)),
    ("user (privcmd)", (RegionKind.USER,)),
    ("identity map, early boot", (RegionKind.IDENTITY,)),
)
"""Regions that the thread mentions."""


def in_range(
    workload: Workload, domain: int, rows: NDArray[np.int64], name: str
) -> NDArray[np.bool_]:
    """Accesses in a region, or in the parts cut out of it (percpu, init_task's stack).

    Args:
        workload: the accesses.
        domain: whose.
        rows: which of them.
        name: ``"directmap"`` or ``"kernel image"``.
    """
    early = workload.kind_mask(rows, RegionKind.IDENTITY)
    layout = workload.spaces[domain].layout
    whole = np.array([name in (r.name, r.part_of) for r in layout.regions], np.bool_)
    found: NDArray[np.bool_] = whole[layout.classify(workload.accesses.address[rows])] & ~early
    return found
