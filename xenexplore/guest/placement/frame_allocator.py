"""The guest's free frames: runs of consecutive ones, and scattered ones, by seed.

Numbers here are the guest's own: guest frames, and in a PV guest
pseudo-physical frames (PFNs).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from xenexplore.errors import MachineError

__all__ = ["FrameAllocator"]

_MIX = 0x9E37_79B9_7F4A_7C15


class FrameAllocator:
    """Hands out frames of RAM, each once.

    Free RAM is used from both ends: runs of consecutive frames are taken in
    order from the bottom; scattered frames follow a stride through the upper
    half, so that two taken one after the other are never neighbours.  The stride
    and the first frame come from the seed alone.

    Args:
        ram: (first, past-the-end) frame numbers of each run of RAM, ascending.
        reserved: the same for what is in use from the start.
        seed: decides which scattered frames are taken.
    """

    __slots__ = ("_free", "_next_run", "_next_scattered", "_stride", "_taken", "_upper")

    def __init__(
        self, ram: Iterable[tuple[int, int]], reserved: Iterable[tuple[int, int]], seed: int
    ) -> None:
        self._free = _subtract(list(ram), sorted(reserved))
        total = sum(end - start for start, end in self._free)
        half = _skip(self._free, total // 2)
        self._upper = half
        self._taken: set[int] = set()
        self._next_run = self._free[0][0]
        size = sum(end - start for start, end in half)
        draw = (seed + 1) * _MIX & ((1 << 64) - 1)
        stride = size // 3 + draw % (size // 3)
        while math.gcd(stride, size) != 1:
            stride += 1
        self._stride = stride
        self._next_scattered = (draw >> 20) % size

    def take_run(self, count: int, align: int = 1) -> int:
        """First of ``count`` consecutive free frames, a multiple of ``align``.

        Raises:
            MachineError: no such run is left.
        """
        for start, end in self._free:
            first = max(start, self._next_run)
            while (first := -(-first // align) * align) + count <= end:
                clash = next((f for f in range(first, first + count) if f in self._taken), None)
                if clash is None:
                    self._taken.update(range(first, first + count))
                    if align == 1:
                        self._next_run = first + count
                    return first
                first = clash + 1
        raise MachineError(f"the guest has no {count} consecutive free frames left")

    def take_scattered(self, count: int) -> tuple[int, ...]:
        """``count`` free frames, no two of them consecutive.

        Raises:
            MachineError: fewer are left.
        """
        found: list[int] = []
        size = sum(end - start for start, end in self._upper)
        for _ in range(size):
            if len(found) == count:
                break
            frame = _nth(self._upper, self._next_scattered)
            self._next_scattered = (self._next_scattered + self._stride) % size
            if frame in self._taken or (found and frame == found[-1] + 1):
                continue
            self._taken.add(frame)
            found.append(frame)
        if len(found) < count:
            raise MachineError(f"the guest has no {count} free frames left")
        return tuple(found)

    def take(self, frame: int) -> None:
        """Mark one frame as used, if it is not already."""
        self._taken.add(frame)


def _subtract(
    ranges: list[tuple[int, int]], reserved: list[tuple[int, int]]
) -> list[tuple[int, int]]:
    left = []
    for start, end in ranges:
        for low, high in reserved:
            if high <= start or low >= end:
                continue
            if start < low:
                left.append((start, low))
            start = max(start, high)
        if start < end:
            left.append((start, end))
    return left


def _skip(ranges: list[tuple[int, int]], count: int) -> list[tuple[int, int]]:
    left = []
    for start, end in ranges:
        passed = min(count, end - start)
        count -= passed
        if start + passed < end:
            left.append((start + passed, end))
    return left


def _nth(ranges: list[tuple[int, int]], index: int) -> int:
    for start, end in ranges:
        if index < end - start:
            return start + index
        index -= end - start
    raise AssertionError("an index past the free frames")
