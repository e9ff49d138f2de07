"""Sparse RAM stored as bytes by frame: only frames that were written take memory."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from xenexplore.errors import MachineError

__all__ = ["Ram"]

_ZEROES = bytes(PAGE_SIZE)
_WORD = struct.Struct("<Q")


class Ram:
    """Bytes of a physical address space: machine memory, or a guest's without a P2M.

    Addresses are plain ints: which space they are in is the owner's affair
    (:class:`~xenexplore.memory.guest_memory.GuestMemory` uses machine
    addresses).  A frame never written reads as zeroes and costs nothing: a
    512 GiB guest with 100 pages in use holds 100 pages.

    Args:
        frames: size, in 4 KiB frames; or None for no end (52 bits of address).
    """

    __slots__ = ("_frames", "_pages")

    def __init__(self, frames: int | None = None) -> None:
        if frames is None:
            frames = 1 << 40
        if not 0 <= frames <= 1 << 40:
            raise MachineError(f"RAM of {frames} frames: expected 0 to {1 << 40}")
        self._frames = frames
        self._pages: dict[int, bytearray] = {}

    @property
    def frames(self) -> int:
        """Size in 4 KiB frames."""
        return self._frames

    def __len__(self) -> int:
        """Number of frames that hold data (and cost 4 KiB each)."""
        return len(self._pages)

    def populated(self) -> Iterator[int]:
        """Numbers of the frames that hold data, ascending."""
        return iter(sorted(self._pages))

    def is_populated(self, frame: int) -> bool:
        """Whether a frame was ever written."""
        return frame in self._pages

    def frame(self, number: int) -> bytes | bytearray | None:
        """One frame's 4096 bytes, or None past the end of RAM.  Do not write to it."""
        page = self._pages.get(number)
        if page is not None:
            return page
        return _ZEROES if 0 <= number < self._frames else None

    def read(self, address: int, size: int) -> bytes | None:
        """``size`` bytes from a byte address, or None if any of them lies past the end of RAM."""
        offset = address & PAGE_MASK
        end = offset + size
        if end <= PAGE_SIZE:
            page = self._pages.get(address >> PAGE_SHIFT)
            if page is not None:
                return bytes(page[offset:end])
        if address < 0 or address + size > self._frames << PAGE_SHIFT:
            return None
        if end <= PAGE_SIZE:
            return _ZEROES[:size]
        first = PAGE_SIZE - offset
        end = address + size
        starts = (address, *range(address + first, end, PAGE_SIZE))
        stops = (*starts[1:], end)
        return b"".join(
            self._slice(start, stop - start) for start, stop in zip(starts, stops, strict=True)
        )

    def word(self, address: int) -> int | None:
        """The aligned 64-bit word at a byte address, or None past the end of RAM: for walks."""
        page = self._pages.get(address >> PAGE_SHIFT)
        if page is not None:
            found: int = _WORD.unpack_from(page, address & PAGE_MASK)[0]
            return found
        return 0 if 0 <= address < self._frames << PAGE_SHIFT else None

    def _slice(self, address: int, size: int) -> bytes:
        offset = address & PAGE_MASK
        page = self._pages.get(address >> PAGE_SHIFT, _ZEROES)
        return bytes(page[offset : offset + size])

    def write(self, address: int, data: bytes) -> bool:
        """Store bytes at a byte address; False, and nothing stored, if any lies past the end."""
        if address < 0 or address + len(data) > self._frames << PAGE_SHIFT:
            return False
        done = 0
        while done < len(data):
            frame, offset = divmod(address + done, PAGE_SIZE)
            piece = min(PAGE_SIZE - offset, len(data) - done)
            page = self._pages.get(frame)
            if page is None:
                page = self._pages[frame] = bytearray(PAGE_SIZE)
            page[offset : offset + piece] = data[done : done + piece]
            done += piece
        return True

    def copy(self) -> Ram:
        """An independent copy: writes to one are not seen in the other."""
        twin = Ram(self._frames)
        twin._pages = {number: bytearray(page) for number, page in self._pages.items()}
        return twin
