"""Free addresses: in areas that are mapped page by page, and in ranges that are already mapped."""

from __future__ import annotations

from collections.abc import Callable

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from xenexplore.errors import MachineError
from xenexplore.guest.kernels import Area
from xenexplore.guest.placement.placement import Placement, PlacementRequest
from xenexplore.guest.vcpus import KERNEL_SPACE

__all__ = ["AddressAllocator", "inside"]


class AddressAllocator:
    """Hands out addresses, each once.

    Args:
        mapped: the frame (PV: PFN) mapped at an address in a process, or None.
    """

    def __init__(self, mapped: Callable[[int, str], int | None]) -> None:
        self._mapped = mapped
        self._next: dict[object, int] = {}

    def pages(self, area: Area, pages: int, process: str = KERNEL_SPACE) -> int:
        """Free addresses for some pages, with the guard pages that the area has."""
        # The kernel half is one for all; each process has a user half of its own.
        key = (area.name, area.start, process if area.name == "user" else KERNEL_SPACE)
        start = self._next.get(key, area.start)
        while True:
            start = -(-start // area.align) * area.align
            if start + (pages << PAGE_SHIFT) > area.end:
                raise MachineError(f"no room for {pages} pages in {area.name}")
            clash = self.clash(start, pages, process)
            if clash is None:
                self._next[key] = start + (pages + area.guard << PAGE_SHIFT)
                return start
            start = clash + PAGE_SIZE

    def bump(self, request: PlacementRequest, key: object, start: int, end: int, what: str) -> int:
        """The next free place in a range that is already mapped; 64-byte aligned."""
        at = self._next.get(key, start)
        va = -(-at // 64) * 64
        if request.offset is not None:
            va = (at & ~PAGE_MASK) + request.offset
            va += PAGE_SIZE if va < at else 0
        if va + request.size > end:
            raise MachineError(
                f"buffer {request.name!r} of {request.size} bytes: no room in {what}"
            )
        self._next[key] = va + request.size
        return va

    def down(self, request: PlacementRequest, base: int, length: int, what: str) -> int:
        """The next place downwards from the top of a stack, below the saved registers."""
        top = self._next.get(("stack", base), base + length - 0x200)
        va = top - request.size & ~0xF
        if request.offset is not None:
            va = (top - request.size & ~PAGE_MASK) + request.offset
            while va + request.size > top:
                va -= PAGE_SIZE
        if va < base:
            raise MachineError(
                f"buffer {request.name!r} of {request.size} bytes: no room in {what}"
            )
        self._next["stack", base] = va
        return va

    def clash(self, start: int, pages: int, process: str) -> int | None:
        """The last page of a range that is mapped, or None."""
        for page in range(start + (pages - 1 << PAGE_SHIFT), start - 1, -PAGE_SIZE):
            if self._mapped(page, process) is not None:
                return page
        return None

    def validate_unmapped(self, request: PlacementRequest, pages: int) -> None:
        """Reject an exact address at which something is mapped."""
        assert request.address is not None
        if self.clash(request.address & ~PAGE_MASK, pages, request.process) is not None:
            raise MachineError(
                f"buffer {request.name!r}: something is mapped at {request.address:#x} already"
            )


def inside(request: PlacementRequest, start: int, end: int, what: str) -> Placement:
    """An exact address, which must be in a range that is already mapped."""
    assert request.address is not None
    if not (start <= request.address and request.address + request.size <= end):
        raise MachineError(
            f"buffer {request.name!r}: {request.address:#x} is not inside {what}, "
            f"{start:#x} to {end:#x}"
        )
    return Placement(va=request.address)
