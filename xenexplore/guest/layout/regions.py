"""A guest kernel's address space as named regions: the region of an address, and what backs it.

Any kernel's layout fits: a :class:`Layout` tiles the whole 64-bit linear
address space with :class:`Region` records, holes among them.  The modules
beside this one (:mod:`xenexplore.guest.layout.linux_layout`, ...) make layouts.
"""

from __future__ import annotations

import bisect
import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from xenexplore.addr import Gpa, Gva
from xenexplore.errors import MachineError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Layout", "Region", "RegionKind", "tile"]

_TOP = 1 << 64


class RegionKind(enum.Enum):
    """Kind of a region, as it matters to the place of hypercall buffers."""

    USER = "user"
    IDENTITY = "identity"  # early boot: linear address equals guest-physical
    HOLE = "hole"
    HYPERVISOR = "hypervisor"
    DIRECTMAP = "directmap"
    PERCPU = "percpu"
    VMALLOC = "vmalloc"  # tasks' stacks, as far as it is known
    VMALLOC_DATA = "vmalloc'ed data"  # proved to be no stack
    VMEMMAP = "vmemmap"
    IMAGE = "image"
    STACK = "stack"  # a kernel stack with a place of its own (init_task's)
    IRQ_STACK = "hardirq stack"  # a CPU's own, mapped a second time in vmalloc space
    MODULES = "modules"
    FIXMAP = "fixmap"
    CPU_ENTRY = "cpu_entry_area"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Region:
    """A run of linear addresses.

    Attributes:
        name: the kernel's own word for it, e.g. ``"vmalloc"`` or ``".data"``.
        start: first linear address.
        size: bytes.
        kind: what it is.
        physical: guest-physical address of ``start`` where the region is one
            linear mapping of memory; None where page tables decide page by page.
        part_of: name of the region that it was cut out of, or ``""``.
    """

    name: str
    start: Gva
    size: int
    kind: RegionKind
    physical: Gpa | None = None
    part_of: str = ""

    @property
    def end(self) -> int:
        """First linear address past the region (an int: it may be 2**64)."""
        return self.start.value + self.size

    def __contains__(self, address: object) -> bool:
        return isinstance(address, Gva) and self.start.value <= address.value < self.end

    def to_physical(self, address: Gva) -> Gpa | None:
        """Guest-physical address behind a linear address, where the region alone decides it."""
        if self.physical is None or address not in self:
            return None
        return self.physical + (address.value - self.start.value)

    def _part(self, start: int, end: int) -> Region:
        moved = start - self.start.value
        physical = self.physical + moved if self.physical is not None else None
        return replace(self, start=Gva(start), size=end - start, physical=physical)

    def __repr__(self) -> str:
        return f"<Region {self.name} {self.start.value:#x}-{self.end:#x}>"


@dataclass(frozen=True, slots=True)
class Layout:
    """All 2**64 linear addresses of one guest kernel, as regions in ascending order.

    Attributes:
        name: which kernel, e.g. ``"Linux, 4-level"``.
        regions: they touch, from 0 to 2**64; made by :func:`tile`.
        evidence: for each base that can move, where its value comes from:
            ``(what, how it is known)`` pairs.
    """

    name: str
    regions: tuple[Region, ...]
    evidence: tuple[tuple[str, str], ...] = ()
    _starts: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        at = 0
        for region in self.regions:
            if region.start.value != at or region.size <= 0:
                raise MachineError(
                    f"layout {self.name!r}: {region!r} does not follow {at:#x}: "
                    "expected regions that tile the address space (see tile())"
                )
            at = region.end
        if at != _TOP:
            raise MachineError(f"layout {self.name!r} ends at {at:#x}, expected 2**64")
        starts = tuple(region.start.value for region in self.regions)
        object.__setattr__(self, "_starts", starts)

    def classify(self, addresses: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Index into ``regions`` of each linear address (uint64, any shape)."""
        import numpy as np

        wanted = np.asarray(addresses, np.uint64)
        return np.searchsorted(np.array(self._starts, np.uint64), wanted, side="right") - 1

    def find(self, address: Gva) -> Region:
        """The innermost region that contains an address (holes are regions too)."""
        return self.regions[bisect.bisect_right(self._starts, address.value) - 1]

    def named(self, name: str) -> tuple[Region, ...]:
        """Every piece of a region (one that others were cut out of has several).

        Raises:
            MachineError: no region has that name.
        """
        found = tuple(region for region in self.regions if region.name == name)
        if not found:
            known = ", ".join(sorted({region.name for region in self.regions}))
            raise MachineError(f"no region {name!r} in {self.name}: expected one of {known}")
        return found

    def to_physical(self, address: Gva) -> Gpa | None:
        """Guest-physical address, where the layout alone decides it (directmap, image)."""
        return self.find(address).to_physical(address)


def tile(regions: Iterable[Region], fill: str = "unused hole") -> tuple[Region, ...]:
    """Lay regions over each other and fill what is left with holes.

    A later region is cut out of the earlier ones that it overlaps (a section
    out of the image, the percpu area out of the directmap) and says so in
    ``part_of``.  Empty regions vanish.
    """
    whole = Region(fill, Gva(0), _TOP, RegionKind.HOLE)
    tiles: list[Region] = [whole]
    for region in regions:
        if region.size > 0:
            tiles = _overlay(tiles, region)
    return tuple(tiles)


def _overlay(tiles: Sequence[Region], region: Region) -> list[Region]:
    result: list[Region] = []
    placed = False
    for under in tiles:
        low = max(under.start.value, region.start.value)
        high = min(under.end, region.end)
        if low >= high:
            result.append(under)
            continue
        if under.start.value < low:
            result.append(under._part(under.start.value, low))
        if not placed:
            inner = under.kind is not RegionKind.HOLE and under.name != region.name
            result.append(replace(region, part_of=region.part_of or (under.name if inner else "")))
            placed = True
        if high < under.end:
            result.append(under._part(high, under.end))
    return result
