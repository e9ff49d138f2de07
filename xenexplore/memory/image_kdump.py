"""kdump-compressed dumps: each page compressed separately, as makedumpfile and QEMU write them.

A header, a sub-header, two bitmaps (which frames are memory; which of them
are in the dump), a descriptor for each page in the dump, the pages.  Pages
packed with zlib or zstd are read as they are; those with LZO or Snappy through
libkdumpfile's or cramjam's binding.

Source: makedumpfile, IMPLEMENTATION and diskdump_mod.h; QEMU,
include/sysemu/dump.h (DiskDumpHeader64, KdumpSubHeader64, PageDescriptor).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE
from xenexplore.errors import ImageError
from xenexplore.memory.bitmap import runs_of_bits
from xenexplore.memory.image_contents import (
    Bytes,
    Clues,
    ImageContents,
    Kind,
    Segment,
    Skip,
    Skipped,
)
from xenexplore.memory.image_elf import ElfNote, cut_short, read_notes
from xenexplore.memory.image_registers import Registers, registers_from_note
from xenexplore.memory.image_vmcoreinfo import clues_from_text
from xenexplore.memory.unpacking import unpack_lzo, unpack_snappy, unpack_zlib, unpack_zstd

__all__ = ["DISKDUMP_MAGIC", "KDUMP_MAGIC", "read_kdump"]

KDUMP_MAGIC: Final = b"KDUMP   "
DISKDUMP_MAGIC: Final = b"DISKDUMP"

# After signature, version, six names of 65 bytes: status, block_size, sub_hdr_size,
# bitmap_blocks, max_mapnr, ...  A struct timeval lies between: 16 bytes, or 8 in a
# 32-bit kernel's header; alignment tells 424 from 412.
_FIELDS: Final = struct.Struct("<5I")
_WIDE_AT, _NARROW_AT = 424, 412
_MACHINE_AT: Final = 12 + 4 * 65
# phys_base, dump_level, split, start_pfn, end_pfn, vmcoreinfo, notes, eraseinfo,
# and the 64-bit frame numbers of version 6.
_SUB: Final = struct.Struct("<QiIQQQQQQQQQQQ")
_PAGE: Final = struct.Struct("<QIIQ")
_ZLIB, _LZO, _SNAPPY, _ZSTD = 0x1, 0x2, 0x4, 0x20
_MOST_NOTES: Final = 1 << 24
_CACHED_PAGES: Final = 256


class _Header(NamedTuple):
    """The needed part of the header.

    Attributes:
        block: bytes of a block, and of a page.
        sub_blocks: blocks of the sub-header.
        bitmap_blocks: blocks of both bitmaps.
        frames: one more than the highest frame.
        wide: whether a 64-bit kernel wrote it.
    """

    block: int
    sub_blocks: int
    bitmap_blocks: int
    frames: int
    wide: bool


def read_kdump(source: object, data: Bytes) -> ImageContents:
    """Memory, notes and clues of a kdump-compressed dump.

    Raises:
        ImageError: the header is not one, or cut short.
    """
    gaps: list[ImageError] = []
    header = _header(source, data)
    clues, vcpus, frames = _sub_header(source, data, header, gaps)
    header = header._replace(frames=max(header.frames, frames))
    maps_at = header.block * (1 + header.sub_blocks)
    maps_size = header.block * header.bitmap_blocks
    bitmaps = bytes(data[maps_at : maps_at + maps_size])
    if len(bitmaps) < maps_size:
        gaps.append(cut_short(source, "bitmaps", maps_at, maps_size, data))
    half = maps_size // 2 if header.frames <= maps_size * 4 else 0
    memory, dumped = bitmaps[: half or None], bitmaps[half:]
    pages = _Pages(source, data, maps_at + maps_size, dumped)
    segments = tuple(
        Segment(
            low << PAGE_SHIFT,
            min(count, pages.count - position) << PAGE_SHIFT,
            position << PAGE_SHIFT,
        )
        for low, count, position in runs_of_bits(dumped)
        if position < pages.count
    )
    if pages.count < pages.wanted:
        gaps.append(
            cut_short(source, "page descriptors", pages.table, pages.wanted * _PAGE.size, data)
        )
    if not segments:
        raise (
            gaps[0]
            if gaps
            else ImageError(source, "bitmaps", expected="pages in the dump", got="none")
        )
    left_out = int.from_bytes(memory, "little").bit_count() - pages.wanted if half else 0
    return ImageContents(
        kind=Kind.KDUMP,
        data=pages,
        segments=segments,
        vcpus=vcpus,
        clues=clues,
        gaps=tuple(gaps),
        skipped=(Skipped(Skip.EXCLUDED, left_out, left_out << PAGE_SHIFT),) if left_out > 0 else (),
    )


def _header(source: object, data: Bytes) -> _Header:
    """The common header, of a 64- or a 32-bit kernel."""
    what, size = "header of a kdump-compressed dump", _WIDE_AT + _FIELDS.size
    raw = bytes(data[:size])
    if len(raw) < size:
        raise cut_short(source, what, 0, size, data)
    machine = raw[_MACHINE_AT : _MACHINE_AT + 65].split(b"\0", 1)[0].decode("ascii", "replace")
    for at in (_WIDE_AT, _NARROW_AT):
        _status, block, sub_blocks, bitmap_blocks, frames = _FIELDS.unpack_from(raw, at)
        if block == PAGE_SIZE and 0 < sub_blocks < 1 << 16 and 0 < bitmap_blocks < 1 << 24:
            return _Header(block, sub_blocks, bitmap_blocks, frames, at == _WIDE_AT)
    raise ImageError(
        source,
        what,
        expected=f"pages of {PAGE_SIZE} bytes, a sub-header and bitmaps",
        got=f"machine {machine!r}, block size {_FIELDS.unpack_from(raw, _WIDE_AT)[1]}",
        hint="not of an x86 kernel, or damaged",
    )


def _sub_header(
    source: object, data: Bytes, header: _Header, gaps: list[ImageError]
) -> tuple[Clues | None, tuple[Registers, ...], int]:
    """VMCOREINFO, QEMU's notes, and the number of frames where 32 bits do not hold it."""
    raw = bytes(data[header.block : header.block + _SUB.size])
    if not header.wide or len(raw) < _SUB.size or bytes(data[:8]) != KDUMP_MAGIC:
        return None, (), 0
    fields = _SUB.unpack(raw)
    phys_base, (info_at, info_size, notes_at, notes_size) = fields[0], fields[5:9]
    clues = None
    if info_size and info_size < _MOST_NOTES:
        text = bytes(data[info_at : info_at + info_size])
        signed = phys_base - (phys_base >> 63 << 64)
        clues = clues_from_text(text, phys_base=signed)
    vcpus: list[Registers] = []
    if notes_size and notes_size < _MOST_NOTES:
        for note in read_notes(source, data, notes_at, notes_size, gaps):
            vcpus += _qemu(source, note, len(vcpus), gaps)
    return clues, tuple(vcpus), fields[13] if fields[13] < 1 << 40 else 0


def _qemu(source: object, note: ElfNote, index: int, gaps: list[ImageError]) -> Iterator[Registers]:
    if note.name != b"QEMU":
        return
    place = f"QEMU note of vCPU {index} at {note.at:#x}"
    try:
        yield registers_from_note(source, place, index, note.desc, long_mode=True)
    except ImageError as error:
        gaps.append(error)


class _Pages:
    """The pages in the dump one after the other, each unpacked when it is read."""

    __slots__ = ("_cache", "_data", "_source", "count", "table", "wanted")

    def __init__(self, source: object, data: Bytes, table: int, dumped: bytes) -> None:
        self._source = source
        self._data = data
        self._cache: dict[int, bytes] = {}
        self.table = table
        self.wanted = int.from_bytes(dumped, "little").bit_count()
        self.count = min(self.wanted, max(len(data) - table, 0) // _PAGE.size)

    def __len__(self) -> int:
        return self.count << PAGE_SHIFT

    def __getitem__(self, where: slice, /) -> bytes:
        start, stop, _ = where.indices(len(self))
        parts = []
        while start < stop:
            inside = start & PAGE_SIZE - 1
            piece = self._page(start >> PAGE_SHIFT)[inside : inside + stop - start]
            parts.append(piece)
            start += len(piece)
        return b"".join(parts)

    def _page(self, number: int) -> bytes:
        """One page.

        Raises:
            ImageError: it is damaged, or packed in a way that cannot be unpacked.
        """
        kept = self._cache.get(number)
        if kept is not None:
            return kept
        at = self.table + number * _PAGE.size
        offset, size, flags, _ = _PAGE.unpack(bytes(self._data[at : at + _PAGE.size]))
        raw = bytes(self._data[offset : offset + min(size, 2 * PAGE_SIZE)])
        unpack = next((_UNPACKERS[flag] for flag in _UNPACKERS if flags & flag), _as_is)
        try:
            page = unpack(self._source, raw)
        except ImageError:
            raise
        except Exception as error:  # noqa: BLE001 - each library has errors of its own
            page = str(error)[:60].encode()
        if len(page) != PAGE_SIZE:
            raise ImageError(
                self._source,
                f"page {number} of the dump, {size} bytes at {offset:#x}",
                expected=f"{PAGE_SIZE} bytes when unpacked",
                got=f"{len(page)}" if unpack is _as_is else "damage",
                hint="the file is damaged or truncated",
            )
        if len(self._cache) >= _CACHED_PAGES:
            self._cache.pop(next(iter(self._cache)))
        self._cache[number] = page
        return page


def _as_is(_: object, raw: bytes) -> bytes:
    return raw


_UNPACKERS: Final[dict[int, Callable[[object, bytes], bytes]]] = {
    _ZLIB: unpack_zlib,
    _LZO: unpack_lzo,
    _SNAPPY: unpack_snappy,
    _ZSTD: unpack_zstd,
}
