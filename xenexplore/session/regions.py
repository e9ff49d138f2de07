"""A kernel's linear address space as a list that shows itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from xenexplore.addr import Gva
from xenexplore.display import Pictured
from xenexplore.guest.layout.regions import Layout, Region, RegionKind
from xenexplore.guest.spec import no_such

__all__ = ["Regions"]


class Regions(Sequence[Region], Pictured):
    """Regions in order of address, holes among them.

    ``regions["vmalloc"]`` is a region by name (tab lists the names), ``regions.find(va)``
    the one that holds an address.

    >>> import xenexplore as xe
    >>> xe.Guest("linux").regions["directmap"].kind.value
    'directmap'
    """

    __slots__ = ("_layout",)

    def __init__(self, layout: Layout) -> None:
        self._layout = layout

    @property
    def layout(self) -> str:
        """Name of the kernel's layout."""
        return self._layout.name

    @property
    def names(self) -> tuple[str, ...]:
        """Names of regions that are no holes."""
        return tuple(dict.fromkeys(r.name for r in self if r.kind is not RegionKind.HOLE))

    @overload
    def __getitem__(self, key: int | str) -> Region: ...
    @overload
    def __getitem__(self, key: slice) -> Sequence[Region]: ...
    def __getitem__(self, key: int | str | slice) -> Region | Sequence[Region]:
        """A region by name (the largest piece of several), or by its index."""
        if not isinstance(key, str):
            return self._layout.regions[key]
        found = [region for region in self if region.name == key]
        if not found:
            raise no_such("region", key, self.names)
        return max(found, key=lambda region: region.size)

    def __len__(self) -> int:
        return len(self._layout.regions)

    def _ipython_key_completions_(self) -> list[str]:
        return list(self.names)

    def find(self, address: Gva | int) -> Region:
        """The innermost region that holds a linear address."""
        return self._layout.find(address if isinstance(address, Gva) else Gva(address))

    def __repr__(self) -> str:
        return f"<Regions of {self.layout}: {len(self.names)} regions, {len(self)} with holes>"
