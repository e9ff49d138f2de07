"""makedumpfile's flattened format: a dump as pieces, in the order of writing.

A header page, then for each piece two big-endian 64-bit numbers (offset in the
real file, size) and its bytes; offset and size -1 end it.  What is read through
here is the real file: what no piece holds reads as zeroes.

Source: makedumpfile, IMPLEMENTATION and makedumpfile.h (makedumpfile_header,
makedumpfile_data_header); QEMU, include/sysemu/dump.h.
"""

from __future__ import annotations

import heapq
import struct
from bisect import bisect_right
from typing import Final

from xenexplore.errors import ImageError
from xenexplore.memory.image_contents import Bytes
from xenexplore.memory.image_elf import cut_short

__all__ = ["FLATTENED_MAGIC", "Unflattened", "unflatten"]

FLATTENED_MAGIC: Final = b"makedumpfile\0\0\0\0"

_HEADER_SIZE: Final = 4096
_HEADER: Final = struct.Struct(">16sqq")
_PIECE: Final = struct.Struct(">qq")
_END: Final = -1
_LARGEST: Final = 1 << 56


class Unflattened:
    """The original file, with the pieces in their places."""

    __slots__ = ("_data", "_pieces", "_size", "_starts")

    def __init__(self, data: Bytes, pieces: list[tuple[int, int, int]]) -> None:
        self._data = data
        self._pieces = pieces
        self._starts = [start for start, _, _ in pieces]
        self._size = max((start + size for start, size, _ in pieces), default=0)

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, where: slice, /) -> bytes:
        start, stop, _ = where.indices(self._size)
        parts: list[bytes] = []
        slot = max(bisect_right(self._starts, start) - 1, 0)
        while start < stop and slot < len(self._pieces):
            low, size, at = self._pieces[slot]
            if start < low:
                gap = min(low, stop) - start
                parts.append(bytes(gap))
                start += gap
                continue
            take = min(low + size, stop) - start
            if take > 0:
                first = at + start - low
                parts.append(bytes(self._data[first : first + take]))
                start += take
            slot += 1
        if start < stop:
            parts.append(bytes(stop - start))
        return b"".join(parts)


def unflatten(source: object, data: Bytes) -> tuple[Unflattened, tuple[ImageError, ...]]:
    """The original file of a flattened one, and the damage found in it.

    Where pieces overlap, the later written holds: makedumpfile writes its
    headers again at the end.

    Raises:
        ImageError: the header cannot be read, or no piece is whole.
    """
    if len(data) < _HEADER_SIZE:
        raise cut_short(source, "flattened header", 0, _HEADER_SIZE, data)
    _, kind, version = _HEADER.unpack(bytes(data[: _HEADER.size]))
    if kind != 1 or version != 1:
        raise ImageError(
            source,
            "flattened header",
            expected="type 1, version 1",
            got=f"type {kind}, version {version}",
        )
    gaps: list[ImageError] = []
    pieces: list[tuple[int, int, int]] = []
    at = _HEADER_SIZE
    while True:
        if at + _PIECE.size > len(data):
            gaps.append(cut_short(source, f"piece at {at:#x}", at, _PIECE.size, data))
            break
        offset, size = _PIECE.unpack(bytes(data[at : at + _PIECE.size]))
        if offset == _END and size == _END:
            break
        if not (0 <= offset < _LARGEST and 0 < size < _LARGEST):
            gaps.append(
                ImageError(
                    source,
                    f"flattened makedumpfile dump, piece at {at:#x}",
                    expected="an offset and a size",
                    got=f"{offset:#x} and {size:#x}",
                    hint="the dump is damaged from here on",
                )
            )
            break
        at += _PIECE.size
        there = min(size, len(data) - at)
        if there < size:
            gaps.append(cut_short(source, f"piece for offset {offset:#x}", at, size, data))
        if there:
            pieces.append((offset, there, at))
        at += size
    if not pieces:
        raise (
            gaps[0]
            if gaps
            else ImageError(
                source, "", expected="a piece of the dump", got="none", hint="the file is empty"
            )
        )
    return Unflattened(data, _later_wins(pieces)), tuple(gaps)


def _later_wins(pieces: list[tuple[int, int, int]]) -> list[tuple[int, int, int]]:
    """Ascending pieces without overlaps."""
    order = sorted(range(len(pieces)), key=lambda number: pieces[number][0])
    kept: list[tuple[int, int, int]] = []
    over: list[tuple[int, int]] = []  # pieces that reach past ``here``, the latest first: (-n, end)
    here, next_one = 0, 0
    while next_one < len(order) or over:
        if not over:
            here = pieces[order[next_one]][0]
        while next_one < len(order) and pieces[order[next_one]][0] <= here:
            start, size, _ = pieces[order[next_one]]
            heapq.heappush(over, (-order[next_one], start + size))
            next_one += 1
        while over and over[0][1] <= here:
            heapq.heappop(over)
        if not over:
            continue
        number, end = over[0]
        if next_one < len(order):
            end = min(end, pieces[order[next_one]][0])
        start, _, at = pieces[-number]
        kept.append((here, end - here, at + here - start))
        here = end
    return kept
