"""Bitmaps of frames, as dumps keep them: one bit for each frame, the lowest of a byte first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

__all__ = ["runs_of_bits"]

# Whole bytes of ones at a time, bytes with both one by one; zeroes are passed over.
_USED: Final = re.compile(rb"\xff+|[^\x00\xff]", re.DOTALL)


def runs_of_bits(bitmap: bytes, bits: int | None = None) -> Iterator[tuple[int, int, int]]:
    """``(first, how many, ones before it)`` of ones in a row.

    Args:
        bitmap: the bytes.
        bits: how many bits count; None for all.

    >>> list(runs_of_bits(bytes([0b0111_0000, 0b0000_0001, 0b1000_0000])))
    [(4, 3, 0), (8, 1, 3), (23, 1, 4)]
    """
    low, count, before = 0, 0, 0
    for first, more in _ones(bitmap):
        if bits is not None:
            if first >= bits:
                break
            more = min(more, bits - first)
        if count and first == low + count:
            count += more
            continue
        if count:
            yield low, count, before
        before += count
        low, count = first, more
    if count:
        yield low, count, before


def _ones(bitmap: bytes) -> Iterator[tuple[int, int]]:
    """``(first, how many)``: whole bytes of ones, and single ones."""
    for found in _USED.finditer(bitmap):
        at, piece = found.start() << 3, found[0]
        if piece[0] == 0xFF:
            yield at, len(piece) << 3
        else:
            yield from ((at + bit, 1) for bit in range(8) if piece[0] >> bit & 1)
