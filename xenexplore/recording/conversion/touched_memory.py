"""The memory that one recorded hypercall touched, as buffers with real addresses and frames."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, Gfn, Gva
from xenexplore.errors import RecordingError
from xenexplore.recording.format.columns import Recording

__all__ = ["TouchedMemory", "frames_of", "touched_memory", "walks_during"]


@dataclass(frozen=True, slots=True)
class TouchedMemory:
    """Bytes in adjoining pages that a hypercall's copies span.

    Attributes:
        start: linear address of the first byte.
        size: bytes up to the last one touched.
    """

    start: Gva
    size: int

    @property
    def pages(self) -> range:
        """Linear page numbers, ascending."""
        last = self.start.value + self.size - 1
        return range(self.start.value >> PAGE_SHIFT, (last >> PAGE_SHIFT) + 1)

    def __contains__(self, address: object) -> bool:
        at = address.value if isinstance(address, Gva) else address
        return isinstance(at, int) and self.start.value <= at < self.start.value + self.size


def touched_memory(copies: Iterable[tuple[str, int, int]]) -> tuple[TouchedMemory, ...]:
    """Join copies (direction, address, bytes) that share a page or are in adjoining ones."""
    spans = sorted((address, address + size) for _, address, size in copies if size)
    joined: list[list[int]] = []
    for start, end in spans:
        if joined and (start & ~PAGE_MASK) <= ((joined[-1][1] - 1) | PAGE_MASK) + 1:
            joined[-1][1] = max(joined[-1][1], end)
        else:
            joined.append([start, end])
    return tuple(TouchedMemory(Gva(start), end - start) for start, end in joined)


def walks_during(recording: Recording, row: int) -> tuple[tuple[int, int], ...]:
    """Xen's walks for the accesses inside a hypercall: (linear address, guest frame), in order.

    Walks for what Xen wrote after it, as runstate areas at a context switch,
    are not the hypercall's: they may even be another domain's.
    """
    walks, inside = recording.walks, recording.accesses.inside
    return tuple(
        (int(walks.address[at]), int(walks.gfn[at]))
        for at in np.flatnonzero((walks.call == row) & (walks.access >= 0))
        if inside[walks.access[at]]
    )


def frames_of(recording: Recording, row: int, cluster: TouchedMemory) -> tuple[Gfn, ...]:
    """The guest frames that Xen's own walks gave for a cluster's pages during a hypercall.

    Raises:
        RecordingError: a page of it was not walked (PV guests are not).
    """
    known = {address >> PAGE_SHIFT: gfn for address, gfn in walks_during(recording, row)}
    frames = []
    for page in cluster.pages:
        if page not in known:
            raise RecordingError(
                recording.source,
                f"hypercall {int(recording.calls.seq[row])}",
                expected=f"a walk of the page at {page * PAGE_SIZE:#x}",
                got="none",
            )
        frames.append(Gfn(known[page]))
    return tuple(frames)
