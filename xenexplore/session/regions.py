"""A kernel's linear address space as a list that shows itself."""

from __future__ import annotations

from collections.abc import Iterable

from xenexplore.addr import Gva
from xenexplore.display import Shown
from xenexplore.guest.layout.regions import Region, RegionKind
from xenexplore.guest.spec import no_such

__all__ = ["Regions"]


class Regions(tuple[Region, ...], Shown):
    """Regions in order of address, holes among them.

    ``regions["vmalloc"]`` is a region by name (tab lists the names), ``regions.find(va)``
    the one that holds an address.

    >>> import xenexplore as xe
    >>> xe.Guest("linux").regions["directmap"].kind.value
    'directmap'
    """

    layout: str

    def __new__(cls, layout: str, regions: Iterable[Region]) -> Regions:
        made = super().__new__(cls, regions)
        made.layout = layout
        return made

    @property
    def names(self) -> tuple[str, ...]:
        """Names of regions that are no holes."""
        return tuple(dict.fromkeys(r.name for r in self if r.kind is not RegionKind.HOLE))

    def __getitem__(self, key: object) -> Region:  # type: ignore[override]
        """A region by name (the largest piece of several), or by its index."""
        if not isinstance(key, str):
            return super().__getitem__(key)  # type: ignore[index, return-value]
        found = [region for region in self if region.name == key]
        if not found:
            raise no_such("region", key, self.names)
        return max(found, key=lambda region: region.size)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.names)

    def find(self, address: Gva | int) -> Region:
        """The region that holds a linear address."""
        va = address if isinstance(address, Gva) else Gva(address)
        return next(region for region in self if va in region)

    def __repr__(self) -> str:
        return f"<Regions of {self.layout}: {', '.join(self.names)}>"
