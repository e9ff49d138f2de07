"""What is asked of the placer, and where a buffer then goes."""

from __future__ import annotations

from dataclasses import dataclass

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT

__all__ = ["Placement", "PlacementRequest", "touched"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementRequest:
    """What is asked of the placer, plain ints inside.

    Attributes:
        name: the buffer's name, for messages.
        kind: the kind of place.
        size: bytes.
        offset: wanted offset in the first page, or None.
        vcpu: whose stack or per-CPU area.
        process: whose page tables (user kinds), and whose stack.
        address: exact linear address, or None.
        pfns: exact frames (PV: PFNs), or None.
    """

    name: str
    kind: str
    size: int
    offset: int | None
    vcpu: int
    process: str
    address: int | None
    pfns: tuple[int, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a buffer goes.

    Attributes:
        va: linear address of its first byte.
        pfns: frame of each page that is to be mapped; empty where the address
            has been mapped all along.
        process: the process whose tables map it, or None for all.
        user: whether its pages are a user's.
    """

    va: int
    pfns: tuple[int, ...] = ()
    process: str | None = None
    user: bool = False


def touched(offset: int, size: int) -> int:
    """Pages that ``size`` bytes at an offset touch."""
    return (offset + size + PAGE_MASK) >> PAGE_SHIFT
