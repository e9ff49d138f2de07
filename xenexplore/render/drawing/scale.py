"""A scale that keeps the order of addresses and compresses the distances between them."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Block", "Extent", "Scale"]

_SMALL = 64 << 12
_MARK = 9.0  # pixels for what is marked, however small it is
_GAP = 9.0
_HEAD = 17.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """Addresses from ``low`` to before ``high``."""

    low: int
    high: int

    def overlaps(self, other: Extent) -> bool:
        """Whether the two have an address in common."""
        return self.low < other.high and other.low < self.high

    def pages(self) -> Extent:
        """The whole pages that contain it."""
        return Extent(low=self.low & ~0xFFF, high=-(-self.high >> 12) << 12)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A region drawn as a box, or a gap (a hole, regions left out) between boxes."""

    extent: Extent
    name: str = ""
    gap: bool = False


class Scale:
    """Pixels for addresses: high addresses on top, monotone, small things never lost.

    Args:
        blocks: adjoining, in order of address.
        marks: what must be seen: each gets at least a few pixels.
        top: of the drawing.
        bottom: of the drawing.
    """

    def __init__(
        self, blocks: Sequence[Block], marks: Iterable[Extent], top: float, bottom: float
    ) -> None:
        seen = list(marks)
        low, high = blocks[0].extent.low, blocks[-1].extent.high
        ends = {at for b in blocks for at in (b.extent.low, b.extent.high)}
        ends |= {at for m in seen for at in (m.low, m.high) if low <= at <= high}
        self.cuts = sorted(ends)
        small = [mark for mark in seen if mark.high - mark.low <= _SMALL]
        heights: list[tuple[float, bool]] = []
        place = 0
        for start, end in zip(self.cuts, self.cuts[1:], strict=False):
            while blocks[place].extent.high <= start:
                place += 1
            block, span = blocks[place], Extent(low=start, high=end)
            if any(mark.overlaps(span) for mark in small):
                heights.append((_MARK, True))
            elif block.gap:
                heights.append((_GAP, False))
            else:
                head = _HEAD if end == block.extent.high else 0.0
                pages = (end - start) / 4096
                heights.append((max(head, 5 + 0.5 * math.log2(pages + 1)), False))
        self.ys = [bottom]
        for height in _stretched(heights, bottom - top):
            self.ys.append(self.ys[-1] - height)

    def y(self, address: int) -> float:
        """The pixel row of an address; the nearest end for one outside."""
        if address <= self.cuts[0]:
            return self.ys[0]
        if address >= self.cuts[-1]:
            return self.ys[-1]
        at = bisect_right(self.cuts, address) - 1
        part = (address - self.cuts[at]) / (self.cuts[at + 1] - self.cuts[at])
        return self.ys[at] + (self.ys[at + 1] - self.ys[at]) * part

    def span(self, extent: Extent, least: float = 3.0) -> tuple[float, float]:
        """Top and height of an extent, at least ``least`` high."""
        low, high = self.y(extent.low), self.y(extent.high)
        if low - high >= least:
            return high, low - high
        return (low + high - least) / 2, least

    def middle(self, extent: Extent) -> float:
        """The pixel row in the middle of an extent."""
        return (self.y(extent.low) + self.y(extent.high)) / 2


def _stretched(heights: Sequence[tuple[float, bool]], room: float) -> list[float]:
    """Heights that fill the room; the fixed ones keep theirs as long as they take half of it."""
    fixed = sum(height for height, is_fixed in heights if is_fixed)
    shares = sum(height for height, is_fixed in heights if not is_fixed)
    squeeze = min(1.0, room * 0.6 / fixed) if fixed else 1.0
    if not shares:
        squeeze = room / fixed if fixed else 1.0
    factor = (room - fixed * squeeze) / shares if shares else 0.0
    return [height * (squeeze if is_fixed else factor) for height, is_fixed in heights]
