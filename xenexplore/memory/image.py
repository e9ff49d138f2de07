"""A memory image: a machine's physical memory and its vCPUs' registers, from a file.

:func:`open_image` tells by its content what a file is.  Raw memory has no mark
of its own and must be asked for.  Each kind may be zstd-compressed.  What is
wrong with a file is kept beside what is right: see :attr:`Image.gaps`.
"""

from __future__ import annotations

import os
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE
from xenexplore.errors import ImageError
from xenexplore.memory.image_contents import (
    ZEROES,
    Bytes,
    Clues,
    ImageSpace,
    Kind,
    Segment,
    Skipped,
)
from xenexplore.memory.image_pages import read_registers
from xenexplore.memory.image_reading import (
    check_start,
    read_contents,
    read_raw,
    with_registers_beside,
)
from xenexplore.memory.image_registers import Registers
from xenexplore.memory.image_source import load_bytes

__all__ = ["Image", "ImageSpace", "Kind", "Registers", "Segment", "open_image"]

_PAGE_WORDS: Final = struct.Struct("<512Q")
_MOST_DAMAGE: Final = 16


class Image:
    """Physical memory in a file, read-only.

    Attributes:
        name: the file's path as given.
        kind: what sort of file it is.
        vcpus: what is known of each vCPU; empty if nothing.
        segments: the memory there is, ascending and disjoint.
        clues: what the file says of its page tables besides; None if nothing.
        gaps: what of the file could not be read, each as the error it would have been.
        skipped: what was passed over though nothing is wrong with it.
        space: which address space the memory is in.
        damage: what was found damaged while reading memory, so far.
    """

    __slots__ = (
        "_data",
        "_lows",
        "_pfns",
        "_words",
        "clues",
        "damage",
        "gaps",
        "kind",
        "name",
        "segments",
        "skipped",
        "space",
        "vcpus",
    )

    def __init__(
        self,
        name: str,
        kind: Kind,
        data: Bytes,
        segments: Iterable[Segment],
        vcpus: tuple[Registers, ...] = (),
        *,
        clues: Clues | None = None,
        gaps: tuple[ImageError, ...] = (),
        skipped: tuple[Skipped, ...] = (),
        space: ImageSpace = ImageSpace.GUEST,
        pfns: Callable[[int], int | None] | None = None,
    ) -> None:
        self.name = name
        self.kind = kind
        self.vcpus = vcpus
        self.segments = _without_overlaps(segments)
        self.clues = clues
        self.gaps = gaps
        self.skipped = skipped
        self.space = space
        self.damage: list[ImageError] = []
        self._data = data
        self._pfns = pfns
        self._lows = [segment.gpa for segment in self.segments]
        self._words: dict[int, tuple[int, ...]] = {}  # page tables, once walked through

    def __repr__(self) -> str:
        return f"Image({self.name!r}, {self.kind.value}, {self.ram_bytes:#x} bytes)"

    @property
    def ram_bytes(self) -> int:
        """Number of bytes of memory in the image."""
        return sum(segment.size for segment in self.segments)

    @property
    def end(self) -> int:
        """First physical address past the highest memory."""
        last = self.segments[-1]
        return last.gpa + last.size

    @property
    def has_pfns(self) -> bool:
        """Whether frames are machine frames of a PV guest that has its own numbers for them."""
        return self._pfns is not None

    def pfn(self, mfn: int) -> int | None:
        """A PV guest's own (pseudo-physical) number of a machine frame, or None."""
        return self._pfns(mfn) if self._pfns is not None else None

    def vcpu(self, index: int) -> Registers:
        """The registers of one vCPU.

        Raises:
            ImageError: the image has no such vCPU, or no registers at all.
        """
        if not 0 <= index < len(self.vcpus):
            count = len(self.vcpus)
            numbers = "0" if count == 1 else f"0 to {count - 1}"
            raise ImageError(
                self.name,
                "vCPUs",
                expected=f"a vCPU in {numbers}" if count else "registers",
                got=f"vCPU {index}" if count else "none: this image has only memory",
            )
        return self.vcpus[index]

    def word(self, address: int) -> int | None:
        """The aligned 64-bit word at a physical address, or None if it is not in the image.

        For walks: a page once read this way is kept as words.
        """
        page = self._words.get(address >> PAGE_SHIFT)
        if page is not None:
            return page[address >> 3 & 511]
        raw = self.frame(address >> PAGE_SHIFT)
        if raw is not None:
            page = self._words[address >> PAGE_SHIFT] = _PAGE_WORDS.unpack(raw)
            return page[address >> 3 & 511]
        rest = self.read(address, 8)  # a segment that does not hold all of the page
        return None if rest is None else int.from_bytes(rest, "little")

    def frame(self, number: int) -> bytes | None:
        """One 4 KiB frame's bytes, or None if the image does not contain all of it."""
        return self.read(number << PAGE_SHIFT, PAGE_SIZE)

    def read(self, address: int, size: int) -> bytes | None:
        """``size`` bytes from a physical address; None if any of them is not in the image.

        The reading half of :class:`~xenexplore.memory.ram.Ram`: plain ints in.
        """
        slot = bisect_right(self._lows, address) - 1
        if slot < 0:
            return None
        low, length, offset = self.segments[slot]
        if size <= low + length - address:
            return self._piece(offset, address - low, size)
        # Segments that meet: the rest may be in the next ones.
        parts: list[bytes] = []
        while size > 0:
            low, length, offset = self.segments[slot]
            take = min(size, low + length - address)
            if address < low or take <= 0:
                return None
            piece = self._piece(offset, address - low, take)
            if piece is None:
                return None
            parts.append(piece)
            address, size = address + take, size - take
            slot = min(slot + 1, len(self.segments) - 1)
        return b"".join(parts)

    def _piece(self, offset: int, start: int, size: int) -> bytes | None:
        """Bytes of one segment; None where its data is damaged."""
        if offset == ZEROES:
            return bytes(size)
        try:
            piece = self._data[offset + start : offset + start + size]
        except ImageError as error:
            if len(self.damage) < _MOST_DAMAGE:
                self.damage.append(error)
            return None
        return piece if piece.__class__ is bytes else bytes(piece)


def _without_overlaps(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Ascending segments; where two hold the same address, the first keeps it.

    ``dump-guest-memory -p`` writes a page once for each linear mapping of it.
    Zeroes that a file only implies give way to its contents.
    """
    held: list[Segment] = []
    implied: list[Segment] = []
    for segment in segments:
        (implied if segment.offset == ZEROES else held).append(segment)
    kept = _disjoint(held)
    if not implied:
        return tuple(kept)
    lows = [segment.gpa for segment in kept]
    free: list[Segment] = []
    for gpa, size, _ in _disjoint(implied):
        end = gpa + size
        slot = max(bisect_right(lows, gpa) - 1, 0)
        while slot < len(kept) and kept[slot].gpa < end:
            low, length, _ = kept[slot]
            if low > gpa:
                free.append(Segment(gpa, low - gpa, ZEROES))
            gpa = max(gpa, low + length)
            slot += 1
        if gpa < end:
            free.append(Segment(gpa, end - gpa, ZEROES))
    return tuple(sorted([*kept, *free]))


def _disjoint(segments: list[Segment]) -> list[Segment]:
    kept: list[Segment] = []
    end = 0
    for gpa, size, offset in sorted(segments):
        cut = max(end - gpa, 0)
        if size > cut:
            moved = offset if offset == ZEROES else offset + cut
            kept.append(Segment(gpa + cut, size - cut, moved))
            end = gpa + size
    return kept


def open_image(
    path: str | os.PathLike[str],
    kind: Kind | None = None,
    *,
    registers: str | os.PathLike[str] | None = None,
    limit: int | None = None,
) -> Image:
    """Open a memory image.

    Args:
        path: the file; zstd-compressed or not.
        kind: :attr:`Kind.RAW` for raw memory, which cannot be told by its
            content; None for all else.
        registers: what QEMU's ``info registers`` printed, to take instead of
            the image's own registers; None for those, or where there are none for
            the file ``info_registers.txt`` beside the image, if there is one.
        limit: most bytes that a compressed file may unfold to; None for half of the
            machine's memory.

    Raises:
        ImageError: empty, not a memory image that can be read, or so damaged
            that nothing of it can.
        OSError: the file cannot be opened.
    """
    file = Path(path)
    data = load_bytes(file, limit, None if kind else partial(check_start, file))
    found = read_raw(file, data) if kind is Kind.RAW else read_contents(file, data)
    if registers is not None:
        found = replace(found, vcpus=read_registers(Path(registers)))
    elif not found.vcpus:
        found = with_registers_beside(file, found)
    return Image(
        str(path),
        found.kind,
        found.data,
        found.segments,
        found.vcpus,
        clues=found.clues,
        gaps=found.gaps,
        skipped=found.skipped,
        space=found.space,
        pfns=found.pfns,
    )
