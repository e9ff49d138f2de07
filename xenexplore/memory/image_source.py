"""The bytes of an image file: mapped in place, or decompressed into memory.

A plain file is mapped read-only and costs no memory until it is read.  A
``.zst`` file is decompressed whole, because its frames cannot be entered in
the middle; pages of zeros take no memory.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from xenexplore.errors import ImageError
from xenexplore.files import Buffer, half_of_memory, load

__all__ = ["Buffer", "default_limit", "load_bytes"]


def default_limit() -> int:
    """Limit of a ``.zst`` file's decompressed size, in bytes: half of the machine's memory."""
    return half_of_memory()


def load_bytes(
    path: Path, limit: int | None = None, check: Callable[[bytes], object] | None = None
) -> Buffer:
    """The content of a file; zstd is recognised by its magic number, not by its name.

    Args:
        path: the file.
        limit: most bytes that a compressed file may grow to; None for
            :func:`default_limit`.
        check: called with the first 64 KiB of a compressed file before the
            rest is decompressed; raises if that is no image.

    Raises:
        ImageError: the file is empty, or its compressed data is cut short,
            damaged, or larger than the limit.
        OSError: the file cannot be opened or mapped.
    """
    most = default_limit() if limit is None else limit
    return load(path, most, what="a memory image", error=ImageError, check=check)
