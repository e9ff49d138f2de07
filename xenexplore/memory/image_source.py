"""The bytes of an image file: mapped where they lie, or decompressed into memory.

A plain file is mapped read-only and costs no memory until it is read.  A
``.zst`` file is decompressed whole, because its frames cannot be entered in
the middle; one that would not fit comfortably is refused with the way out.
"""

from __future__ import annotations

import mmap
import os
from pathlib import Path
from typing import TypeAlias

import zstandard

from xenexplore.errors import ImageError

__all__ = ["Buffer", "default_limit", "load_bytes"]

Buffer: TypeAlias = "bytes | bytearray | mmap.mmap"

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
# zstd expands up to 32768-fold: at most 512 MiB may come out between two checks.
_CHUNK = 16 << 10


def default_limit() -> int:
    """How many bytes a ``.zst`` file may decompress to: half of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def load_bytes(path: Path, limit: int | None = None) -> Buffer:
    """The content of a file; zstd is recognised by its magic number, not by its name.

    Args:
        path: the file.
        limit: most bytes that a compressed file may grow to; None for
            :func:`default_limit`.

    Raises:
        ImageError: the file is empty, or its compressed data is cut short,
            damaged, or larger than the limit.
        OSError: the file cannot be opened or mapped.
    """
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise ImageError(path, "", expected="a memory image", got="an empty file")
        content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    if content[:4] != ZSTD_MAGIC:
        return content
    with content:
        return _decompress(path, content, default_limit() if limit is None else limit)


def _decompress(path: Path, packed: mmap.mmap, limit: int) -> bytearray:
    """Every frame of a zstd file, one after the other."""
    out = bytearray()
    context = zstandard.ZstdDecompressor()
    frame = context.decompressobj()
    fed = 0
    for start in range(0, len(packed), _CHUNK):
        piece = packed[start : start + _CHUNK]
        fed = start
        while piece:
            if frame.eof:
                frame = context.decompressobj()
            try:
                out += frame.decompress(piece)
            except zstandard.ZstdError as error:
                raise ImageError(
                    path,
                    f"compressed bytes from {fed:#x}",
                    expected="zstd data",
                    got=f"damage ({error})",
                    hint="copy the file again",
                ) from None
            if len(out) > limit:
                raise ImageError(
                    path,
                    "",
                    expected=f"at most {limit >> 20} MiB when decompressed",
                    got="more",
                    hint="decompress it with zstd -d: a plain file is mapped, not loaded",
                )
            piece = frame.unused_data if frame.eof else b""
    if not frame.eof:
        raise ImageError(
            path,
            f"end of file, after {len(out):#x} decompressed bytes",
            expected="the end of the zstd frame",
            got="no more data",
            hint="the file is cut short",
        )
    if not out:
        raise ImageError(path, "", expected="a memory image", got="an empty zstd frame")
    return out
