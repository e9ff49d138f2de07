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
from typing import Final, TypeAlias

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from xenexplore.errors import ImageError
from xenexplore.memory.image_contents import (
    ZEROES,
    Bytes,
    Clues,
    Contents,
    Kind,
    Segment,
    Skipped,
    Space,
)
from xenexplore.memory.image_core import read_core
from xenexplore.memory.image_elf import ELF_MAGIC
from xenexplore.memory.image_flattened import FLATTENED_MAGIC, unflatten
from xenexplore.memory.image_formats import refuse_foreign
from xenexplore.memory.image_kdump import DISKDUMP_MAGIC, KDUMP_MAGIC, read_kdump
from xenexplore.memory.image_lime import AVML_MAGIC, LIME_MAGIC, read_avml, read_lime
from xenexplore.memory.image_pages import (
    PAGES_NAME,
    RECORD_SIZE,
    looks_like_pages,
    read_pages,
    read_registers,
    registers_beside,
)
from xenexplore.memory.image_registers import Registers
from xenexplore.memory.image_source import load_bytes
from xenexplore.memory.image_vmware import VMWARE_MAGICS, read_vmware, state_beside
from xenexplore.memory.image_windows import WINDOWS_MAGICS, read_windows

__all__ = ["Image", "Kind", "Registers", "Segment", "Space", "open_image"]

_PAGE_WORDS: Final = struct.Struct("<512Q")
_MOST_DAMAGE: Final = 16


class Image:
    """Physical memory as a file holds it, read-only.

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
        space: Space = Space.GUEST,
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
        """How many bytes of memory the image holds."""
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
        """One 4 KiB frame's bytes, or None where the image does not hold all of it."""
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
    Zeroes that a file only implies give way to what it holds.
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
    data = load_bytes(file, limit, None if kind else partial(_check_start, file))
    found = _raw(file, data) if kind is Kind.RAW else _read(file, data)
    if registers is not None:
        found = replace(found, vcpus=read_registers(Path(registers)))
    elif not found.vcpus:
        found = _with_registers_beside(file, found)
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


def _check_start(file: Path, head: bytes) -> None:
    """Refuse a compressed file that begins as no image, before the rest of it is decompressed."""
    if _reader(head) is not None or head.startswith(FLATTENED_MAGIC):
        return
    refuse_foreign(file, head)
    if state_beside(file) is not None:
        return
    whole = head[: len(head) - len(head) % RECORD_SIZE]
    if not (file.name.startswith(PAGES_NAME) or looks_like_pages(whole)):
        raise _unknown(file, head)
    read_pages(file, whole)


def _read(file: Path, data: Bytes) -> Contents:
    """By the first bytes, then by name or content."""
    start = bytes(data[:16])
    if start.startswith(FLATTENED_MAGIC):
        real, gaps = unflatten(file, data)
        found = _read(file, real) if bytes(real[:16]) != start else _nested(file)
        return replace(found, gaps=(*gaps, *found.gaps))
    reader = _reader(start)
    if reader is not None:
        return reader(file, data)
    refuse_foreign(file, data)
    state = state_beside(file)
    if state is not None:
        return read_vmware(state, load_bytes(state))
    if file.name.startswith(PAGES_NAME) or looks_like_pages(data):
        return Contents(kind=Kind.PAGES, data=data, segments=read_pages(file, data))
    raise _unknown(file, start)


def _reader(start: bytes) -> _Reader | None:
    """The reader whose magic number a file begins with."""
    return next((reader for magics, reader in _READERS if start.startswith(magics)), None)


def _unknown(file: Path, start: bytes) -> ImageError:
    return ImageError(
        file,
        "offset 0",
        expected="an ELF core, page-table pages or another dump (see walk --help)",
        got=f"bytes {start[:4].hex()}",
        hint="if it is raw memory, say so (--raw) and give its CR3 (--cr3)",
    )


def _nested(file: Path) -> Contents:
    raise ImageError(file, "offset 0", expected="a dump in flattened form", got="another such")


def _raw(file: Path, data: Bytes) -> Contents:
    """Memory from address 0 on; half a page at its end is a sign that something is missing."""
    rest = len(data) & PAGE_MASK
    error = ImageError(
        file,
        "",
        expected="whole 4096-byte pages of raw memory",
        got=f"{len(data):#x} bytes",
        hint="the file is cut short, or not raw memory",
    )
    whole = Segment(0, len(data), 0)
    gaps = (error,) if rest else ()
    return Contents(kind=Kind.RAW, data=data, segments=(whole,), gaps=gaps)


def _with_registers_beside(file: Path, found: Contents) -> Contents:
    """Registers from the text beside the image, where it has none itself."""
    try:
        vcpus = registers_beside(file)
    except ImageError as error:
        return replace(found, gaps=(*found.gaps, error))
    return replace(found, vcpus=vcpus)


_Reader: TypeAlias = "Callable[[Path, Bytes], Contents]"

_READERS: Final[tuple[tuple[tuple[bytes, ...], _Reader], ...]] = (
    ((ELF_MAGIC,), read_core),
    ((LIME_MAGIC,), read_lime),
    ((AVML_MAGIC,), read_avml),
    ((KDUMP_MAGIC, DISKDUMP_MAGIC), read_kdump),
    (WINDOWS_MAGICS, read_windows),
    (VMWARE_MAGICS, read_vmware),
)
