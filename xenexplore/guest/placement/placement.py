"""Requests to the placer, and the resulting placements."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, Gfn, Gva, is_canonical
from xenexplore.errors import MachineError
from xenexplore.guest.spec import GuestSpec

__all__ = ["Placement", "PlacementRequest", "consecutive", "touched", "validate_buffer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementRequest:
    """Request to the placer, plain ints inside.

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
    """Place of a buffer.

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


def consecutive(frames: Sequence[Gfn]) -> bool:
    """Whether each frame is the next after the one before."""
    return all(after - frame == 1 for frame, after in itertools.pairwise(frames))


def touched(offset: int, size: int) -> int:
    """Pages that ``size`` bytes at an offset touch."""
    return (offset + size + PAGE_MASK) >> PAGE_SHIFT


def validate_buffer(
    guest: GuestSpec,
    name: str,
    size: int,
    offset: int | None,
    address: Gva | None,
    contents: bytes | None,
    *,
    private: bool,
) -> None:
    """Reject a buffer that a guest cannot have.

    Raises:
        MachineError: the size, offset or address cannot be, the contents do not fit, or it
            is to be private in a guest that is not encrypted.
    """
    linear_bits = 57 if guest.la57 else 48
    first = 0 if address is None else address.value
    last = first + (size - 1 if type(size) is int else 0)
    problems = (
        (type(size) is not int or size < 1, f"a size of {size!r} bytes: expected at least 1"),
        (
            offset is not None and not 0 <= offset < PAGE_SIZE,
            f"offset {offset!r}: expected 0 to {PAGE_SIZE - 1}",
        ),
        (offset is not None and address is not None, "give an address or an offset, not both"),
        (contents is not None and len(contents) > size, f"contents do not fit in {size} bytes"),
        (
            private and not guest.encrypted,
            "the guest is not encrypted: all its memory is accessible to the hypervisor",
        ),
        (
            last >> 64
            or not is_canonical(first, linear_bits)
            or not is_canonical(last, linear_bits),
            f"{address!r} is not a canonical linear address for {size} bytes",
        ),
    )
    for wrong, why in problems:
        if wrong:
            raise MachineError(f"buffer {name!r}: {why}")
