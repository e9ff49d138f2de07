"""Frames behind buffers, by letter: what links the places of one frame on a map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_lowercase

from xenexplore.addr import PAGE_SHIFT, Gva
from xenexplore.guest.placement.buffers import PlacedBuffer

__all__ = ["FrameRun", "runs_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRun:
    """Consecutive frames behind consecutive pages of a buffer.

    Attributes:
        letter: what links its places on the map: ``"a"``, ``"b"``, ...
        gfn: first frame (PV: machine frame).
        frames: how many.
        buffer: name of the buffer.
        va: linear address of the run's first byte that belongs to the buffer.
        size: bytes of the buffer in the run.
        alias: directmap address of that byte, or None where there is no other.
    """

    letter: str
    gfn: int
    frames: int
    buffer: str
    va: Gva
    size: int
    alias: Gva | None


def runs_of(buffers: Sequence[PlacedBuffer]) -> Iterator[FrameRun]:
    """The frames behind buffers, as runs; the same frames have the same letter."""
    letters: dict[tuple[int, int], str] = {}
    for buffer in buffers:
        for first, count in _consecutive(buffer):
            gfn = buffer.frames[first].value
            letter = letters.setdefault((gfn, count), _letter(len(letters)))
            page = buffer.va.page.value + (first << PAGE_SHIFT)
            start = max(buffer.va.value, page)
            end = min(buffer.va.value + buffer.size, page + (count << PAGE_SHIFT))
            alias = buffer.aliases[first]
            other = None
            if alias is not None and alias.value != page:
                other = alias + (start - page)
            yield FrameRun(
                letter=letter,
                gfn=gfn,
                frames=count,
                buffer=buffer.name,
                va=Gva(start),
                size=end - start,
                alias=other,
            )


def _consecutive(buffer: PlacedBuffer) -> Iterator[tuple[int, int]]:
    """Runs of pages whose frames follow each other: first page and count."""
    first = 0
    for page in range(1, len(buffer.frames) + 1):
        ends = page == len(buffer.frames)
        if ends or buffer.frames[page].value != buffer.frames[page - 1].value + 1:
            yield first, page - first
            first = page


def _letter(number: int) -> str:
    high, low = divmod(number, len(ascii_lowercase))
    return (ascii_lowercase[(high - 1) % 26] if high else "") + ascii_lowercase[low]
