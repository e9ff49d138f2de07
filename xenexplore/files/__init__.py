"""Input files, plain or zstd-compressed, read within a stated limit."""

from __future__ import annotations

from xenexplore.files.bounded import (
    BLOCK,
    TEXT_LIMIT,
    Cut,
    decoded,
    half_of_memory,
    is_compressed,
    read_blocks,
    read_bytes,
    read_lines,
    read_text,
    shown_name,
    shown_size,
)
from xenexplore.files.loaded import HEAD, Buffer, load

__all__ = [
    "BLOCK",
    "HEAD",
    "TEXT_LIMIT",
    "Buffer",
    "Cut",
    "decoded",
    "half_of_memory",
    "is_compressed",
    "load",
    "read_blocks",
    "read_bytes",
    "read_lines",
    "read_text",
    "shown_name",
    "shown_size",
]
