"""A memory image as a domain's memory: read where it lies, written to a copy of the page.

What a walk, a copy or a whole model of Xen does to it never reaches the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gfn, Mfn
from xenexplore.errors import MachineError
from xenexplore.memory.guest_memory import GuestMemory
from xenexplore.memory.image import Image, Space
from xenexplore.memory.p2m import P2m
from xenexplore.memory.ram import Ram

__all__ = ["ImageRam", "memory_of"]

_MOST_P2M: Final = 1 << 22


class ImageRam(Ram):
    """RAM whose frames are an image's until they are written.

    A frame that the image holds in part reads as zeroes in the rest.  One that it
    does not hold reads as zeroes, as any that was never written; :func:`memory_of` puts no
    P2M entry before such a frame.

    Args:
        image: the image; its frame ``n`` is machine frame ``n``.
    """

    __slots__ = ("_image",)

    def __init__(self, image: Image) -> None:
        super().__init__()
        self._image = image

    def _fetch(self, number: int) -> bool:
        """Bring a frame in, if the image has it; whether it is here."""
        if number in self._pages:
            return True
        page = self._image.frame(number)
        if page is None:
            page = self._part(number)
        if page is None:
            return False
        self._pages[number] = bytearray(page)
        return True

    def _part(self, number: int) -> bytes | None:
        """What the image holds of a frame that it does not hold whole."""
        low = number << PAGE_SHIFT
        parts = bytearray(PAGE_SIZE)
        found = False
        for gpa, size, _ in self._image.segments:
            start, end = max(gpa, low), min(gpa + size, low + PAGE_SIZE)
            if start < end:
                held = self._image.read(start, end - start)
                parts[start - low : end - low] = held or bytes(end - start)
                found = found or held is not None
        return bytes(parts) if found else None

    def populated(self) -> Iterator[int]:
        """Numbers of the frames that were read or written, ascending."""
        return super().populated()

    def is_populated(self, frame: int) -> bool:
        return self._fetch(frame)

    def frame(self, number: int) -> bytes | bytearray | None:
        self._fetch(number)
        return super().frame(number)

    def read(self, address: int, size: int) -> bytes | None:
        self._fetch_all(address, size)
        return super().read(address, size)

    def word(self, address: int) -> int | None:
        self._fetch(address >> PAGE_SHIFT)
        return super().word(address)

    def write(self, address: int, data: bytes) -> bool:
        self._fetch_all(address, len(data))
        return super().write(address, data)

    def copy(self) -> ImageRam:
        twin = ImageRam(self._image)
        twin._pages = {number: bytearray(page) for number, page in self._pages.items()}
        return twin

    def _fetch_all(self, address: int, size: int) -> None:
        if address >= 0 and size > 0:
            for number in range(address >> PAGE_SHIFT, (address + size - 1 >> PAGE_SHIFT) + 1):
                self._fetch(number)


def memory_of(image: Image) -> GuestMemory:
    """An image as a guest's memory behind a P2M: gfn ``n`` is machine frame ``n``, as plain RAM.

    What the image does not hold is a hole in the P2M.

    Raises:
        MachineError: the image is of machine memory (a PV guest's, or a host's), which
            no P2M stands before; or it is in so many pieces that a P2M of them would not fit.
    """
    if image.space is Space.MACHINE:
        raise MachineError(f"{image.name} holds machine frames: there is no P2M before them")
    p2m = P2m()
    entries = 0
    end = 0
    for gpa, size, _ in image.segments:
        first = max(gpa >> PAGE_SHIFT, end)
        end = max(end, gpa + size + PAGE_SIZE - 1 >> PAGE_SHIFT)
        if end > first:
            p2m.map_range(Gfn(first), Mfn(first), end - first)
            entries += 1 + (end - first >> 18)
        if entries > _MOST_P2M:
            raise MachineError(f"{image.name} is in more than {_MOST_P2M} pieces")
    return GuestMemory(p2m, ImageRam(image))
