"""A memory image as a domain's memory: read in place, written to a copy of the page.

What a walk, a copy or a whole model of Xen does to it never reaches the file.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gfn, Mfn
from xenexplore.errors import ImageError
from xenexplore.memory.guest_memory import GuestMemory
from xenexplore.memory.image import Image
from xenexplore.memory.p2m import P2m
from xenexplore.memory.p2m_types import P2mEntry, P2mType
from xenexplore.memory.ram import Ram

__all__ = ["ImageP2m", "ImageRam", "held_frames", "memory_of"]

_READS = {0: 4, 9: 3, 18: 2}


class ImageRam(Ram):
    """RAM whose frames are an image's until they are written.

    A frame that the image holds in part reads as zeroes in the rest.  One that it
    does not hold reads as zeroes, as any that was never written; :class:`ImageP2m` refuses
    to say what is there.

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
        """Contents of a frame that the image does not hold whole."""
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


def held_frames(image: Image) -> tuple[tuple[int, int], ...]:
    """``(first, past the last)`` of each run of frames that an image contains, even partially."""
    runs: list[tuple[int, int]] = []
    for gpa, size, _ in image.segments:
        first, end = gpa >> PAGE_SHIFT, gpa + size + PAGE_SIZE - 1 >> PAGE_SHIFT
        if runs and first <= runs[-1][1]:
            runs[-1] = runs[-1][0], max(end, runs[-1][1])
        else:
            runs.append((first, end))
    return tuple(runs)


class ImageP2m(P2m):
    """The P2M before an image's frames: gfn ``n`` is machine frame ``n``, as plain RAM.

    An image does not say what its guest's P2M held: neither which machine frames nor
    which types.  Of a frame that the image does not hold nothing is known, be it RAM that
    was left out, MMIO or a hole; to look it up is an error.

    Args:
        image: the image.
        order: log2 of the frames that one entry maps, where alignment allows; ours.
        pv: there is no P2M: no entry is read.

    Raises:
        ImageError: (lookups) the image does not hold the frame.
    """

    __slots__ = ("_broken", "_changed", "_lows", "_name", "_order", "_pv", "_runs")

    def __init__(self, image: Image, *, order: int = 0, pv: bool = False) -> None:
        super().__init__()
        self._name = image.name
        self._runs = held_frames(image)
        self._lows = [first for first, _ in self._runs]
        self._order = order
        self._pv = pv
        self._changed: set[int] = set()
        self._broken: dict[int, set[int]] = {9: set(), 18: set()}
        self._highest = self._runs[-1][1] - 1

    def entry(self, gfn: int) -> P2mEntry:
        """Look a frame up: compact record, for walks."""
        if gfn in self._changed:
            return super().entry(gfn)
        slot = bisect_right(self._lows, gfn) - 1
        if slot < 0 or gfn >= self._runs[slot][1]:
            raise ImageError(
                self._name,
                f"{'mfn' if self._pv else 'gfn'} {gfn:#x}",
                expected="a frame contained in the image",
                got="none",
                hint="it may be omitted RAM, MMIO or a hole",
            )
        if self._pv:
            return P2mEntry(gfn, gfn, P2mType.p2m_ram_rw, 0, 0)
        order = self._order_of(gfn, *self._runs[slot])
        return P2mEntry(gfn, gfn, P2mType.p2m_ram_rw, order, _READS[order])

    def map(
        self,
        gfn: Gfn,
        mfn: Mfn | None,
        order: int = 0,
        p2m_type: P2mType = P2mType.p2m_ram_rw,
        *,
        owned: bool | None = None,
    ) -> None:
        """Map ``2**order`` frames as one entry; see :meth:`P2m.map`."""
        super().map(gfn, mfn, order, p2m_type, owned=owned)
        self._changed.update(range(gfn.value, gfn.value + (1 << order)))
        for size, slots in self._broken.items():
            if size > order:
                slots.add(gfn.value >> size)

    def entries(self) -> Iterator[tuple[Gfn, Mfn | None, int, P2mType]]:
        """Every entry as (first gfn, first mfn, order, type), ascending by gfn."""
        for first, end in self._runs:
            gfn = first
            while gfn < end:
                found = self.entry(gfn)
                mfn = None if found.mfn is None else Mfn(found.mfn)
                yield Gfn(gfn), mfn, found.order, found.type
                gfn += 1 << found.order

    def _order_of(self, gfn: int, first: int, end: int) -> int:
        """The largest entry that fits, if no frame inside it has one of its own."""
        for order in (18, 9):
            low = gfn >> order << order
            fits = order <= self._order and first <= low and low + (1 << order) <= end
            if fits and gfn >> order not in self._broken[order]:
                return order
        return 0


def memory_of(image: Image, *, order: int = 0, pv: bool = False) -> GuestMemory:
    """An image as a domain's memory.

    Args:
        image: the image.
        order: log2 of the frames that one P2M entry maps: 0, 9 or 18.
        pv: its frames are machine frames: no P2M stands before them.
    """
    return GuestMemory(ImageP2m(image, order=order, pv=pv), ImageRam(image))
