"""Bytes of a recording, block by block: plain or .zst; a file, a built-in or standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import nullcontext
from importlib import resources
from pathlib import Path
from typing import IO, Any

import zstandard

from xenexplore.errors import RecordingError

__all__ = ["BUILT_INS", "Cut", "blocks", "built_in_path"]

BLOCK = 1 << 20
# Compressed bytes fed at a time: zstd can make 32768 times as many of them.
_STEP = 1 << 12
_ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

# Shipped with the package; see data/PROVENANCE.md.
BUILT_INS = ("pv", "pvh", "pvh-callers")


class Cut(Exception):  # noqa: N818
    """The compressed stream broke off or does not decompress; what came before is good."""


def built_in_path(name: str) -> Path:
    """Where a built-in recording (or ``kallsyms.dom0``) is kept.

    Raises:
        RecordingError: there is no such built-in.
    """
    ending = "kallsyms.dom0.zst" if name == "kallsyms.dom0" else f"{name}.jsonl.zst"
    with resources.as_file(resources.files("xenexplore.recording") / "data" / ending) as path:
        if not path.exists():
            raise RecordingError(
                name, "", expected=f"a built-in ({', '.join(BUILT_INS)})", got="another name"
            )
        return path


def _resolve(source: str | Path) -> Path:
    path = Path(source)
    if str(source) in BUILT_INS and not path.exists():
        return built_in_path(str(source))
    return path


def _pieces(stream: IO[bytes], head: bytes) -> Iterator[bytes]:
    """Decompress frame after frame; a frame that never ends is a cut."""
    machine, started = zstandard.ZstdDecompressor().decompressobj(), False
    piece = head
    while piece:
        started = True
        try:
            yield machine.decompress(piece)
        except zstandard.ZstdError as error:
            raise Cut(f"the zstd stream does not decompress ({error})") from None
        piece = b""
        if machine.eof:
            piece = machine.unused_data
            machine, started = zstandard.ZstdDecompressor().decompressobj(), False
        piece = piece or stream.read(_STEP)
    if started:
        raise Cut("the zstd stream ends in the middle of a frame")


def _from_zstd(stream: IO[bytes], head: bytes) -> Iterator[bytes]:
    """Gather decompressed pieces into blocks."""
    parts: list[bytes] = []
    size = 0
    try:
        for text in _pieces(stream, head):
            parts.append(text)
            size += len(text)
            if size >= BLOCK:
                yield b"".join(parts)
                parts, size = [], 0
    except Cut:
        yield b"".join(parts)
        raise
    yield b"".join(parts)


def blocks(source: str | Path) -> Iterator[bytes]:
    """Yield the text of a recording in blocks of about a mebibyte, in bounded memory.

    Args:
        source: a path, a built-in's name (a file of that name wins), or ``"-"``.

    Raises:
        Cut: the compressed stream is damaged here.
        RecordingError: standard input is closed.
        OSError: the file cannot be read.
    """
    if str(source) == "-" and sys.stdin is None:
        raise RecordingError("standard input", "", expected="a recording", got="a closed one")
    context: Any = (
        nullcontext(sys.stdin.buffer) if str(source) == "-" else _resolve(source).open("rb")
    )
    with context as stream:
        head = stream.read(_STEP)
        if head[:4] == _ZSTD_MAGIC:
            yield from _from_zstd(stream, head)
            return
        while head:
            yield head
            head = stream.read(BLOCK)
