"""Windows crash dumps: complete memory dumps and bitmap dumps, of 32 and 64 bits.

The header names the kernel's page tables (DirectoryTableBase).  A complete dump
(type 1) lists runs of frames whose pages follow the header; a bitmap dump (types
5 and 6) has a bit for each frame and then the pages whose bits are set.

Source: the layouts that the Rekall and Volatility projects published
(_DUMP_HEADER, _DUMP_HEADER64, _SUMMARY_DUMP), which Microsoft's debuggers agree with.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE
from xenexplore.errors import ImageError
from xenexplore.memory.bitmap import runs_of_bits
from xenexplore.memory.image_contents import Bytes, Clues, GuestOs, ImageContents, Kind, Segment
from xenexplore.memory.image_elf import cut_short

__all__ = ["WINDOWS_MAGICS", "read_windows"]

WINDOWS_MAGICS: Final = (b"PAGEDUMP", b"PAGEDU64")

_TYPES: Final = {
    2: "a kernel memory dump of Windows 7 or older",
    3: "only a dump header",
    4: "a small memory dump (triage)",
    7: "an automatic memory dump of an unsupported type",
}
_FULL: Final = 1
_BITMAP: Final = (5, 6)
_SUMMARY_MAGICS: Final = (b"SDMPDUMP", b"FDMPDUMP")


class _Shape(NamedTuple):
    """Offsets of the fields of one width's header."""

    size: int
    word: str
    cr3: int
    machine: int
    pae: int
    runs: int
    kind: int


_WIDE: Final = _Shape(0x2000, "Q", 16, 48, 0, 136, 3992)
_NARROW: Final = _Shape(0x1000, "I", 16, 32, 92, 100, 3976)
_I386, _AMD64 = 0x14C, 0x8664
_MOST_RUNS: Final = 86  # what the descriptor's room in the header holds
_SUMMARY: Final = struct.Struct("<8s24xQQQ")


def read_windows(source: object, data: Bytes) -> ImageContents:
    """Memory and the kernel's page tables of a Windows crash dump.

    Raises:
        ImageError: the dump is of a type that does not hold physical memory
            page by page, of another CPU, or cut short in its header.
    """
    shape = _WIDE if bytes(data[:8]) == WINDOWS_MAGICS[1] else _NARROW
    raw = bytes(data[: shape.size])
    if len(raw) < shape.size:
        raise cut_short(source, "Windows dump header", 0, shape.size, data)
    (machine,) = struct.unpack_from("<I", raw, shape.machine)
    if machine not in (_I386, _AMD64):
        raise ImageError(
            source,
            "Windows dump header",
            expected="a machine of type 0x8664 (x64) or 0x14c (x86)",
            got=f"{machine:#x}",
            hint="a dump of another CPU, or damaged",
        )
    (kind,) = struct.unpack_from("<I", raw, shape.kind)
    gaps: list[ImageError] = []
    if kind == _FULL:
        wanted = _runs(source, raw, shape)
    elif kind in _BITMAP:
        wanted = _bitmap(source, data, shape, gaps)
    else:
        raise ImageError(
            source,
            "Windows dump header",
            expected="a complete memory dump or a bitmap dump",
            got=_TYPES.get(kind, f"type {kind}"),
            hint="it does not contain the machine's memory; let Windows write a complete memory "
            "dump (CrashDumpEnabled = 1)",
        )
    segments = tuple(_held(source, data, wanted, gaps))
    if not segments:
        raise (
            gaps[0]
            if gaps
            else ImageError(source, "Windows dump header", expected="runs of memory", got="none")
        )
    (cr3,) = struct.unpack_from("<" + shape.word, raw, shape.cr3)
    levels = 4 if machine == _AMD64 else 3 if raw[shape.pae] else 2
    return ImageContents(
        kind=Kind.WINDOWS,
        data=data,
        segments=segments,
        clues=Clues(
            source="the dump header",
            cr3=cr3 if 0 < cr3 < 1 << 52 else None,
            levels=levels,
            os=GuestOs.WINDOWS,
        ),
        gaps=tuple(gaps),
    )


def _runs(source: object, raw: bytes, shape: _Shape) -> Iterator[Segment]:
    """The runs that a complete dump's header lists."""
    (count,) = struct.unpack_from("<I", raw, shape.runs)
    if not 0 < count <= _MOST_RUNS:
        raise ImageError(
            source,
            "Windows dump header",
            expected=f"1 to {_MOST_RUNS} runs of memory",
            got=f"{count:#x}",
            hint="the header is damaged",
        )
    first = shape.runs + 2 * struct.calcsize("<" + shape.word)
    pair = struct.Struct("<2" + shape.word)
    at = shape.size
    for number in range(count):
        base, pages = pair.unpack_from(raw, first + number * pair.size)
        yield Segment(base << PAGE_SHIFT, pages << PAGE_SHIFT, at)
        at += pages << PAGE_SHIFT


def _bitmap(
    source: object, data: Bytes, shape: _Shape, gaps: list[ImageError]
) -> Iterator[Segment]:
    """The runs of a bitmap dump's set bits."""
    raw = bytes(data[shape.size : shape.size + _SUMMARY.size])
    if len(raw) < _SUMMARY.size:
        raise cut_short(source, "bitmap header", shape.size, _SUMMARY.size, data)
    magic, first_page, _pages, bits = _SUMMARY.unpack(raw)
    if magic not in _SUMMARY_MAGICS:
        raise ImageError(
            source,
            "bitmap header",
            expected="SDMP or FDMP, then DUMP",
            got=f"bytes {magic.hex()}",
            hint="the header is damaged",
        )
    at = shape.size + _SUMMARY.size
    size = min((bits + 7) // 8, max(first_page - at, 0))
    bitmap = bytes(data[at : at + size])
    if len(bitmap) < (bits + 7) // 8:
        gaps.append(cut_short(source, "bitmap", at, (bits + 7) // 8, data))
    for base, pages, position in runs_of_bits(bitmap, bits):
        yield Segment(
            base << PAGE_SHIFT, pages << PAGE_SHIFT, first_page + (position << PAGE_SHIFT)
        )


def _held(
    source: object, data: Bytes, wanted: Iterator[Segment], gaps: list[ImageError]
) -> Iterator[Segment]:
    """The part of the runs that the file holds."""
    short: Segment | None = None
    for segment in wanted:
        if segment.gpa + segment.size > 1 << 52:
            gaps.append(
                ImageError(
                    source,
                    f"run at {segment.gpa:#x}",
                    expected="physical memory below 2^52",
                    got=f"{segment.size >> PAGE_SHIFT:#x} pages of {PAGE_SIZE} bytes",
                    hint="the header is damaged",
                )
            )
            return
        there = max(min(segment.size, len(data) - segment.offset), 0)
        if there < segment.size and short is None:
            short = segment
        if there:
            yield segment._replace(size=there)
    if short is not None:
        place = f"memory from {short.gpa:#x} on"
        gaps.append(cut_short(source, place, short.offset, short.size, data))
