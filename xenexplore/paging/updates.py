"""Writing the Accessed and Dirty bits that a walk sets into the guest's tables."""

from __future__ import annotations

from typing import Protocol, cast

from xenexplore.addr import PAGE_MASK
from xenexplore.paging.state import Manner
from xenexplore.paging.walk_record import Walk
from xenexplore.steps import PteUpdate

__all__ = ["FrameMemory", "PlainMemory", "apply_updates"]


class PlainMemory(Protocol):
    """Guest-physical memory without a P2M that can be written."""

    def read(self, gpa: int, size: int, /) -> bytes | None:
        """Bytes at a guest-physical address."""
        ...

    def write(self, gpa: int, data: bytes, /) -> bool:
        """Store bytes at a guest-physical address."""
        ...


class FrameMemory(Protocol):
    """Machine frames, as Xen maps them during a walk."""

    def read_frame(self, mfn: int, offset: int, size: int, /) -> bytes | None:
        """Bytes of a machine frame."""
        ...

    def write_frame(self, mfn: int, offset: int, data: bytes, /) -> bool:
        """Store bytes in a machine frame."""
        ...


def apply_updates(walk: Walk, memory: PlainMemory | FrameMemory) -> int:
    """Set the bits in memory; returns how many entries were written.

    Xen exchanges an entry only if it still holds what the walk read, and
    writes through its own mapping of the frame, whatever the P2M type of the
    table's page (so also into a ``p2m_ram_ro`` page).  A CPU ORs the bits in.

    Source: set_ad_bits(), xen/arch/x86/mm/guest_walk.c.

    Args:
        walk: the walk; its ``lookups`` name the machine frames of the tables if it has any.
        memory: what the walk was made through.
    """
    frames = {
        level.number: found.mfn
        for level, found in zip(walk.levels, walk.lookups, strict=False)
        if found.mfn is not None
    }
    return sum(_apply(update, frames.get(update.level), walk, memory) for update in walk.updates)


def _apply(
    update: PteUpdate, mfn: int | None, walk: Walk, memory: PlainMemory | FrameMemory
) -> bool:
    size = walk.state.plan.entry_size
    gpa = update.entry_at.value
    held = _read(memory, mfn, gpa, size)
    if held is None:
        return False
    now = int.from_bytes(held, "little")
    if walk.manner is Manner.XEN and now != update.before:
        return False
    wanted = now | update.before ^ update.after
    if wanted == now:
        return False
    data = wanted.to_bytes(size, "little")
    if mfn is None:
        return cast("PlainMemory", memory).write(gpa, data)
    return cast("FrameMemory", memory).write_frame(mfn, gpa & PAGE_MASK, data)


def _read(memory: PlainMemory | FrameMemory, mfn: int | None, gpa: int, size: int) -> bytes | None:
    if mfn is None:
        return cast("PlainMemory", memory).read(gpa, size)
    return cast("FrameMemory", memory).read_frame(mfn, gpa & PAGE_MASK, size)
