"""Page operations of a guest's kernel: place, map, free, share."""

from __future__ import annotations

from typing import Protocol

from xenexplore.addr import Gfn, Gva
from xenexplore.guest.placement.buffers import PlacedBuffer
from xenexplore.guest.placement.placement import PlacementRequest
from xenexplore.memory import P2mType

__all__ = ["Pages"]


class Pages(Protocol):
    """The pages of one guest, built or found in a memory image.

    No buffer is remembered here: :class:`~xenexplore.guest.domain.Domain` has the names.
    """

    def place(
        self, request: PlacementRequest, frames: tuple[Gfn, ...] | None, *, writable: bool
    ) -> PlacedBuffer:
        """Find room for a buffer and map it; ``frames`` are the exact ones, if given."""
        ...

    def remap(self, buffer: PlacedBuffer, frames: tuple[Gfn, ...] | None) -> PlacedBuffer:
        """Map other frames at a buffer's address, free ones unless given."""
        ...

    def alloc_frames(self, count: int, *, contiguous: bool, align: int) -> tuple[Gfn, ...]:
        """Take free frames."""
        ...

    def validate_kernel_pages(self, va: Gva, frames: tuple[Gfn, ...]) -> None:
        """Reject what :meth:`map_kernel` cannot map."""
        ...

    def map_kernel(self, va: Gva, frames: tuple[Gfn, ...], *, writable: bool) -> None:
        """Map 4 KiB kernel pages in every address space."""
        ...

    def directmap_of(self, gfn: Gfn) -> Gva | None:
        """Address at which the kernel's directmap maps a frame, or None."""
        ...

    def set_encrypted(self, gfn: Gfn, encrypted: bool, *, keep: bool) -> None:
        """Flip a frame's state and the C-bit of every mapping of it."""
        ...

    def set_p2m_type(self, gfn: Gfn, kind: P2mType) -> None:
        """Change a frame's P2M type."""
        ...
