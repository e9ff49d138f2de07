"""Kind of memory image by its first bytes, and its reader."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from xenexplore.addr import PAGE_MASK
from xenexplore.errors import ImageError
from xenexplore.memory.image_contents import Bytes, ImageContents, Kind, Segment
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
    registers_beside,
)
from xenexplore.memory.image_source import load_bytes
from xenexplore.memory.image_vmware import VMWARE_MAGICS, read_vmware, state_beside
from xenexplore.memory.image_windows import WINDOWS_MAGICS, read_windows

__all__ = ["check_start", "read_contents", "read_raw", "with_registers_beside"]


def check_start(file: Path, head: bytes) -> None:
    """Reject a compressed file that begins like no image, before the rest is decompressed."""
    if _reader(head) is not None or head.startswith(FLATTENED_MAGIC):
        return
    refuse_foreign(file, head)
    if state_beside(file) is not None:
        return
    whole = head[: len(head) - len(head) % RECORD_SIZE]
    if not (file.name.startswith(PAGES_NAME) or looks_like_pages(whole)):
        raise _unknown(file, head)
    read_pages(file, whole)


def read_contents(file: Path, data: Bytes) -> ImageContents:
    """By the first bytes, then by name or content."""
    start = bytes(data[:16])
    if start.startswith(FLATTENED_MAGIC):
        real, gaps = unflatten(file, data)
        found = read_contents(file, real) if bytes(real[:16]) != start else _nested(file)
        return replace(found, gaps=(*gaps, *found.gaps))
    reader = _reader(start)
    if reader is not None:
        return reader(file, data)
    refuse_foreign(file, data)
    state = state_beside(file)
    if state is not None:
        return read_vmware(state, load_bytes(state))
    if file.name.startswith(PAGES_NAME) or looks_like_pages(data):
        return ImageContents(kind=Kind.PAGES, data=data, segments=read_pages(file, data))
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
        hint="if it is raw memory, use --raw and give its CR3 with --cr3",
    )


def _nested(file: Path) -> ImageContents:
    raise ImageError(file, "offset 0", expected="a dump in flattened form", got="another such")


def read_raw(file: Path, data: Bytes) -> ImageContents:
    """Memory from address 0 on; half a page at the end means that something is missing."""
    rest = len(data) & PAGE_MASK
    error = ImageError(
        file,
        "",
        expected="whole 4096-byte pages of raw memory",
        got=f"{len(data):#x} bytes",
        hint="the file is truncated, or is not raw memory",
    )
    whole = Segment(0, len(data), 0)
    gaps = (error,) if rest else ()
    return ImageContents(kind=Kind.RAW, data=data, segments=(whole,), gaps=gaps)


def with_registers_beside(file: Path, found: ImageContents) -> ImageContents:
    """Registers from the text beside the image, where it has none itself."""
    try:
        vcpus = registers_beside(file)
    except ImageError as error:
        return replace(found, gaps=(*found.gaps, error))
    return replace(found, vcpus=vcpus)


_Reader: TypeAlias = "Callable[[Path, Bytes], ImageContents]"

_READERS: Final[tuple[tuple[tuple[bytes, ...], _Reader], ...]] = (
    ((ELF_MAGIC,), read_core),
    ((LIME_MAGIC,), read_lime),
    ((AVML_MAGIC,), read_avml),
    ((KDUMP_MAGIC, DISKDUMP_MAGIC), read_kdump),
    (WINDOWS_MAGICS, read_windows),
    (VMWARE_MAGICS, read_vmware),
)
