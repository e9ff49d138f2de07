"""Unpackers of one page, each with a library that is loaded when first needed."""

from __future__ import annotations

import importlib
import zlib
from typing import Any

from xenexplore.addr import PAGE_SIZE
from xenexplore.errors import ImageError

__all__ = ["unpack_lzo", "unpack_snappy", "unpack_zlib", "unpack_zstd"]


def unpack_zlib(_: object, raw: bytes) -> bytes:
    """A page packed with zlib."""
    return zlib.decompressobj().decompress(raw, PAGE_SIZE)


def unpack_zstd(_: object, raw: bytes) -> bytes:
    """A page packed with zstd."""
    import zstandard

    return zstandard.ZstdDecompressor().decompress(raw, max_output_size=PAGE_SIZE)


def unpack_snappy(source: object, raw: bytes) -> bytes:
    """A page packed with Snappy.

    Raises:
        ImageError: cramjam is not installed.
    """
    return bytes(_library(source, "cramjam", "Snappy").snappy.decompress_raw(raw))


def unpack_lzo(source: object, raw: bytes) -> bytes:
    """A page packed with LZO.

    Raises:
        ImageError: lzallright is not installed.
    """
    unpacked: bytes = (
        _library(source, "lzallright", "LZO")
        .LZOCompressor()
        .decompress(raw, output_size_hint=PAGE_SIZE)
    )
    return unpacked


def _library(source: object, name: str, what: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImageError(
            source,
            "",
            expected=f"the library that unpacks {what}",
            got=f"no {name}",
            hint=f"pip install {name}, or 'xenexplore[dumps]'",
        ) from None
