"""Cost of a lookup in one host and guest: page sizes of the P2M and of the guest's tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from xenexplore.analysis.workload.tables import RegionName
from xenexplore.errors import MachineError
from xenexplore.guest.layout.regions import RegionKind

__all__ = ["LINUX_LEAVES", "PageSizes"]

LINUX_LEAVES: Mapping[RegionKind, int] = MappingProxyType(
    {
        RegionKind.DIRECTMAP: 9,
        RegionKind.PERCPU: 9,
        RegionKind.IMAGE: 9,
        RegionKind.IDENTITY: 9,
        RegionKind.STACK: 9,
        RegionKind.VMEMMAP: 9,
    }
)
"""log2 of the frames that a leaf maps; regions not named have 4 KiB leaves.

The parts of the directmap and image that Linux maps by 4 KiB (the first 2 MiB,
section borders) are not told apart here.
"""

_TABLES = {0: 4, 9: 3, 18: 2}


@dataclass(frozen=True, slots=True)
class PageSizes:
    """Page sizes that determine the cost of a walk. The recordings do not contain them.

    Attributes:
        p2m_order: log2 of the frames that one P2M entry maps: 0, 9 or 18.
        leaves: log2 of the frames that the guest's leaf maps, by kind of region.
        levels: of the guest's tables: 4, or 5 under LA57.

    Source of the counts: hvm_translate_get_page(), hap_p2m_ga_to_gfn() and
    guest_walk_tables() (Xen 4.17): a lookup in the P2M for CR3's frame, for each lower
    table, for the final frame when the walk checks it and again when it is mapped.
    """

    p2m_order: int = 0
    leaves: Mapping[RegionKind, int] = field(default_factory=lambda: LINUX_LEAVES)
    levels: int = 4

    def __post_init__(self) -> None:
        if self.p2m_order not in _TABLES:
            raise MachineError(f"P2M order {self.p2m_order!r}: expected 0, 9 or 18")
        wrong = [order for order in self.leaves.values() if order not in _TABLES]
        if wrong:
            raise MachineError(f"leaf order {wrong[0]!r}: expected 0, 9 or 18")

    @property
    def entry_reads(self) -> int:
        """P2M entries read by one P2M lookup."""
        return _TABLES[self.p2m_order]

    def pte_reads(self, regions: tuple[RegionName, ...]) -> NDArray[np.int64]:
        """Guest entries that a walk reads, for each region."""
        more = self.levels - 4
        return np.array(
            [_TABLES[self.leaves.get(region.kind, 0)] + more for region in regions], np.int64
        )
