"""LiME and AVML dumps: a Linux machine's memory, range by range.

LiME puts a header of 32 bytes before each range: magic, version 1, first and
last address, 8 reserved bytes.  AVML's version 2 has the same header under its
own magic, then the range as a Snappy stream in frames of at most 64 KiB, and
8 more bytes.

Source: LiME, doc/README.md ("lime" format); AVML, src/image.rs; Snappy,
framing_format.txt.
"""

from __future__ import annotations

import importlib
import struct
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from xenexplore.errors import ImageError
from xenexplore.memory.image_contents import Bytes, ImageContents, Kind, Segment
from xenexplore.memory.image_elf import cut_short

__all__ = ["AVML_MAGIC", "LIME_MAGIC", "read_avml", "read_lime"]

LIME_MAGIC: Final = b"EMiL"
AVML_MAGIC: Final = b"AVML"

_HEADER: Final = struct.Struct("<4sIQQQ")
_STREAM: Final = b"\xff\x06\x00\x00sNaPpY"
_COMPRESSED, _PLAIN = 0x00, 0x01
_UNSKIPPABLE: Final = range(0x02, 0x80)
_CHECKSUM: Final = 4
_MOST_IN_FRAME: Final = 1 << 16
_CACHED_FRAMES: Final = 64


def read_lime(source: object, data: Bytes) -> ImageContents:
    """Memory of a LiME dump.

    Raises:
        ImageError: its first header cannot be read.
    """
    gaps: list[ImageError] = []
    segments: list[Segment] = []
    at = 0
    while at < len(data):
        found = _range(source, data, at, LIME_MAGIC, 1, gaps)
        if found is None:
            break
        low, size = found
        at += _HEADER.size
        there = min(size, max(len(data) - at, 0))
        if there < size:
            gaps.append(cut_short(source, f"range at {low:#x}", at, size, data))
        if there:
            segments.append(Segment(low, there, at))
        at += size
    if not segments:
        raise gaps[0]
    return ImageContents(kind=Kind.LIME, data=data, segments=tuple(segments), gaps=tuple(gaps))


def _range(
    source: object, data: Bytes, at: int, magic: bytes, version: int, gaps: list[ImageError]
) -> tuple[int, int] | None:
    """First address and size of the range whose header is at ``at``; None for a bad one."""
    if at + _HEADER.size > len(data):
        gaps.append(cut_short(source, f"header at {at:#x}", at, _HEADER.size, data))
        return None
    found, number, low, last, _ = _HEADER.unpack(bytes(data[at : at + _HEADER.size]))
    if found != magic or number != version:
        gaps.append(
            ImageError(
                source,
                f"header at {at:#x}",
                expected=f"{magic.decode()} version {version}",
                got=f"bytes {found.hex()}, version {number}",
                hint="the dump is damaged from here on",
            )
        )
        return None
    if last < low or last >> 52:
        gaps.append(
            ImageError(
                source,
                f"header at {at:#x}",
                expected="a range of physical memory below 2^52",
                got=f"{low:#x} to {last:#x}",
                hint="the dump is damaged from here on",
            )
        )
        return None
    return low, last - low + 1


class _Frame(NamedTuple):
    """One Snappy frame: where its data begins, how long it is, and whether it is compressed."""

    at: int
    size: int
    compressed: bool


def read_avml(source: object, data: Bytes) -> ImageContents:
    """Memory of a compressed AVML dump; frames are unpacked when they are read.

    Raises:
        ImageError: its first header cannot be read, or the library that unpacks
            Snappy is not installed.
    """
    unpack = _snappy(source)
    gaps: list[ImageError] = []
    segments: list[Segment] = []
    frames: list[_Frame] = []
    starts: list[int] = []
    at, done = 0, 0
    while at < len(data):
        found = _range(source, data, at, AVML_MAGIC, 2, gaps)
        if found is None:
            break
        low, size = found
        at, held = _stream(source, data, at + _HEADER.size, size, done, frames, starts, gaps)
        if held:
            segments.append(Segment(low, held, done))
        done += held
        if held < size:
            break
        at += 8
    if not segments:
        raise gaps[0]
    unpacked = _Unpacked(data, frames, starts, done, unpack)
    return ImageContents(kind=Kind.AVML, data=unpacked, segments=tuple(segments), gaps=tuple(gaps))


def _snappy(source: object) -> Callable[[Any], Any]:
    try:
        snappy = importlib.import_module("cramjam").snappy
    except ImportError:
        raise ImageError(
            source,
            "",
            expected="the library that unpacks AVML's Snappy frames",
            got="no cramjam",
            hint="pip install cramjam, or 'xenexplore[dumps]'; AVML's own tool makes a LiME dump:"
            f" avml-convert {source} {source}.lime",
        ) from None
    unpack: Callable[[Any], Any] = snappy.decompress_raw
    return unpack


def _stream(
    source: object,
    data: Bytes,
    at: int,
    size: int,
    base: int,
    frames: list[_Frame],
    starts: list[int],
    gaps: list[ImageError],
) -> tuple[int, int]:
    """Note every frame of one range: where the stream ends, and how many bytes it holds."""
    held = 0
    while held < size:
        head = bytes(data[at : at + 4])
        kind, length = (head[0], int.from_bytes(head[1:], "little")) if len(head) == 4 else (0, 0)
        if at + 4 + length > len(data) or len(head) < 4:
            gaps.append(cut_short(source, f"Snappy frame at {at:#x}", at, 4 + length, data))
            break
        body, at = at + 4, at + 4 + length
        if kind not in (_COMPRESSED, _PLAIN):
            if kind in _UNSKIPPABLE:
                gaps.append(_bad_frame(source, body - 4, f"a frame of type {kind:#x}"))
                break
            continue
        plain = length - _CHECKSUM
        if kind == _COMPRESSED:
            plain = _length(bytes(data[body + _CHECKSUM : body + min(length, 14)]))
        if not 0 < plain <= min(_MOST_IN_FRAME, size - held) or length <= _CHECKSUM:
            gaps.append(_bad_frame(source, body - 4, f"a frame of {plain} bytes"))
            break
        frames.append(_Frame(body + _CHECKSUM, length - _CHECKSUM, kind == _COMPRESSED))
        starts.append(base + held)
        held += plain
    return at, held


def _bad_frame(source: object, at: int, got: str) -> ImageError:
    return ImageError(
        source,
        f"Snappy frame at {at:#x}",
        expected="a frame of 1 to 65536 bytes of the range",
        got=got,
        hint="the dump is damaged from here on",
    )


def _length(start: bytes) -> int:
    """The length that a Snappy block begins with, a varint; -1 if it is none."""
    value = 0
    for place, byte in enumerate(start[:5]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value
    return -1


class _Unpacked:
    """The ranges one after the other, a frame unpacked when it is first read."""

    __slots__ = ("_cache", "_data", "_end", "_frames", "_starts", "_unpack")

    def __init__(
        self,
        data: Bytes,
        frames: list[_Frame],
        starts: list[int],
        end: int,
        unpack: Callable[[Any], Any],
    ) -> None:
        self._data = data
        self._frames = frames
        self._starts = starts
        self._end = end
        self._unpack = unpack
        self._cache: dict[int, bytes] = {}

    def __len__(self) -> int:
        return self._end

    def __getitem__(self, where: slice, /) -> bytes:
        start, stop, _ = where.indices(self._end)
        parts = []
        slot = bisect_right(self._starts, start) - 1
        while start < stop:
            low = self._starts[slot]
            piece = self._frame(slot)[start - low : stop - low]
            parts.append(piece)
            start += len(piece)
            slot += 1
        return b"".join(parts)

    def _frame(self, slot: int) -> bytes:
        """One frame's bytes.

        Raises:
            ImageError: it does not unpack to what its header says.
        """
        kept = self._cache.get(slot)
        if kept is not None:
            return kept
        at, size, compressed = self._frames[slot]
        raw = bytes(self._data[at : at + size])
        end = self._starts[slot + 1] if slot + 1 < len(self._starts) else self._end
        expected = end - self._starts[slot]
        if compressed:
            try:
                raw = bytes(self._unpack(raw))
            except Exception as error:  # noqa: BLE001 - the library's own, of no common base
                raise ImageError(
                    "AVML dump",
                    f"Snappy frame at {at:#x}",
                    expected=f"{expected} bytes",
                    got=f"damage ({error})"[:80],
                ) from None
        if len(raw) != expected:
            raise ImageError(
                "AVML dump",
                f"Snappy frame at {at:#x}",
                expected=f"{expected} bytes",
                got=f"{len(raw)}",
            )
        if len(self._cache) >= _CACHED_FRAMES:
            self._cache.pop(next(iter(self._cache)))
        self._cache[slot] = raw
        return raw
