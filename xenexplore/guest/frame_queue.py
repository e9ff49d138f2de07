"""Frames for page tables: reserved ones first, then the allocator's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xenexplore.addr import Gfn

__all__ = ["FrameQueue"]


class FrameQueue(Iterator[Gfn]):
    """Some frames, then those of another iterator; unlike a chain it can be copied."""

    __slots__ = ("_first", "_rest")

    def __init__(self, first: Sequence[Gfn], rest: Iterator[Gfn]) -> None:
        self._first, self._rest = list(first), rest

    def __next__(self) -> Gfn:
        return self._first.pop(0) if self._first else next(self._rest)
