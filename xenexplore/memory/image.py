"""A memory image: guest-physical memory and the vCPUs' registers, from a file.

:func:`open_image` tells three kinds apart: an ELF core (QEMU's
``dump-guest-memory``), a file of page-table pages, and raw memory, which has no
mark of its own and must therefore be asked for.  Each may be compressed.
"""

from __future__ import annotations

import enum
import os
import struct
from bisect import bisect_right
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from xenexplore.errors import ImageError
from xenexplore.memory.image_elf import ELF_MAGIC, Segment, read_elf
from xenexplore.memory.image_pages import (
    RECORD_SIZE,
    looks_like_pages,
    read_pages,
    registers_beside,
)
from xenexplore.memory.image_registers import Registers
from xenexplore.memory.image_source import Buffer, load_bytes

__all__ = ["Image", "Kind", "Registers", "Segment", "open_image"]

_PAGE_WORDS: Final = struct.Struct("<512Q")

# Formats that are recognised only to say what they are.
_FOREIGN: Final = {
    b"KDUMP   ": "a kdump-compressed dump (dump-guest-memory -z, -l or -s)",
    b"makedump": "a flattened makedumpfile dump",
    b"EMiL": "a LiME dump",
    b"PAGEDU64": "a Windows crash dump",
    b"PAGEDUMP": "a Windows crash dump",
    b"QEVM": "a QEMU migration stream",
    b"QFI\xfb": "a qcow2 disk image",
    b"\x1f\x8b": "gzip data",
    b"\xfd7zXZ\0": "xz data",
    b"BZh": "bzip2 data",
    b"\x04\x22\x4d\x18": "lz4 data",
    b"PK\x03\x04": "a zip archive",
}


class Kind(enum.Enum):
    """What sort of file an image is."""

    ELF = "ELF core"
    PAGES = "page-table pages"
    RAW = "raw memory"


class Image:
    """Guest-physical memory as a file holds it, read-only.

    Attributes:
        name: the file's path as given.
        kind: what sort of file it is.
        vcpus: what is known of each vCPU; empty if nothing.
        segments: the memory there is, ascending and disjoint.
    """

    __slots__ = ("_data", "_lows", "_words", "kind", "name", "segments", "vcpus")

    def __init__(
        self,
        name: str,
        kind: Kind,
        data: Buffer,
        segments: Iterable[Segment],
        vcpus: tuple[Registers, ...] = (),
    ) -> None:
        self.name = name
        self.kind = kind
        self.vcpus = vcpus
        self.segments = _without_overlaps(segments)
        self._data = data
        self._lows = [segment.gpa for segment in self.segments]
        self._words: dict[int, tuple[int, ...]] = {}  # page tables, once walked through

    def __repr__(self) -> str:
        return f"Image({self.name!r}, {self.kind.value}, {self.ram_bytes:#x} bytes)"

    @property
    def ram_bytes(self) -> int:
        """How many bytes of guest memory the image holds."""
        return sum(segment.size for segment in self.segments)

    @property
    def end(self) -> int:
        """First guest-physical address past the highest memory."""
        last = self.segments[-1]
        return last.gpa + last.size

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
        """The aligned 64-bit word at a guest-physical address, or None if it is not in the image.

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
        """``size`` bytes from a guest-physical address; None if any of them is not in the image.

        The reading half of :class:`~xenexplore.memory.ram.Ram`: plain ints in.
        """
        slot = bisect_right(self._lows, address) - 1
        if slot < 0:
            return None
        low, length, offset = self.segments[slot]
        start = offset + address - low
        if size <= low + length - address:
            piece = self._data[start : start + size]
            return piece if piece.__class__ is bytes else bytes(piece)
        # Segments that meet: the rest may be in the next ones.
        parts: list[bytes] = []
        while size > 0:
            low, length, offset = self.segments[slot]
            take = min(size, low + length - address)
            if address < low or take <= 0:
                return None
            start = offset + address - low
            parts.append(bytes(self._data[start : start + take]))
            address, size = address + take, size - take
            slot = min(slot + 1, len(self.segments) - 1)
        return b"".join(parts)


def _without_overlaps(segments: Iterable[Segment]) -> tuple[Segment, ...]:
    """Ascending segments; where two hold the same address, the first keeps it.

    ``dump-guest-memory -p`` writes a page once for each linear mapping of it.
    """
    kept: list[Segment] = []
    end = 0
    for gpa, size, offset in sorted(segments):
        cut = max(end - gpa, 0)
        if size > cut:
            kept.append(Segment(gpa + cut, size - cut, offset + cut))
            end = gpa + size
    return tuple(kept)


def open_image(
    path: str | os.PathLike[str], kind: Kind | None = None, *, limit: int | None = None
) -> Image:
    """Open a memory image.

    Args:
        path: the file; zstd-compressed or not.
        kind: what it is, or None to tell by its content (raw memory cannot be told).
        limit: most bytes that a compressed file may unfold to; None for half of the
            machine's memory.

    Raises:
        ImageError: empty, cut short, or not a memory image that can be read.
        OSError: the file cannot be opened.
    """
    file = Path(path)
    data = load_bytes(file, limit, None if kind else partial(_check_start, file))
    if kind is None:
        kind = _recognise(file, data)
    if kind is Kind.ELF:
        segments, vcpus = read_elf(file, data)
        return Image(str(path), kind, data, segments, vcpus)
    if kind is Kind.PAGES:
        return Image(str(path), kind, data, read_pages(file, data), registers_beside(file))
    if len(data) & PAGE_MASK:
        raise ImageError(
            file,
            "",
            expected="whole 4096-byte pages of raw memory",
            got=f"{len(data):#x} bytes",
            hint="the file is cut short, or not raw memory",
        )
    return Image(str(path), kind, data, (Segment(0, len(data), 0),))


def _check_start(file: Path, head: bytes) -> None:
    """Whether a compressed file begins as an image, before the rest of it is decompressed."""
    whole = head[: len(head) - len(head) % RECORD_SIZE]
    if _recognise(file, whole) is Kind.PAGES:
        read_pages(file, whole)


def _recognise(file: Path, data: Buffer) -> Kind:
    """ELF by its magic, page-table pages by name or content; anything else is an error."""
    if data[: len(ELF_MAGIC)] == ELF_MAGIC:
        return Kind.ELF
    start = bytes(data[:16])
    foreign = next((name for magic, name in _FOREIGN.items() if start.startswith(magic)), None)
    if foreign is None and (file.name.startswith("ptpages") or looks_like_pages(data)):
        return Kind.PAGES
    raise ImageError(
        file,
        "offset 0",
        expected="an ELF core or page-table pages",
        got=foreign or f"bytes {start[:4].hex()}",
        hint="" if foreign else "if it is raw memory, say so (--raw) and give its CR3 (--cr3)",
    )
