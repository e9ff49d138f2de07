"""Files that hold only a guest's page-table pages: small enough to ship and to mail.

``ptpages.bin`` (usually ``.zst``) is a row of records, each a little-endian
64-bit guest-physical address and the 4096 bytes of that page; the text of the
monitor's ``info registers`` is beside it as ``info_registers.txt``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from xenexplore.addr import PAGE_MASK, PAGE_SIZE
from xenexplore.errors import ImageError
from xenexplore.memory.image_contents import Bytes, Segment
from xenexplore.memory.image_registers import Registers, registers_from_text
from xenexplore.memory.image_xenctx import looks_like_xenctx, registers_from_xenctx

__all__ = [
    "PAGES_NAME",
    "RECORD_SIZE",
    "REGISTERS_NAME",
    "looks_like_pages",
    "read_pages",
    "read_registers",
    "registers_beside",
]

RECORD_SIZE: Final = 8 + PAGE_SIZE
PAGES_NAME: Final = "ptpages"
REGISTERS_NAME: Final = "info_registers.txt"
_MAX_REGISTERS = 1 << 24


def looks_like_pages(data: Bytes) -> bool:
    """Whether the content is a row of records for distinct, aligned pages."""
    if not len(data) or len(data) % RECORD_SIZE:
        return False
    seen: set[int] = set()
    for gpa in _addresses(data):
        if gpa & PAGE_MASK or gpa >> 52 or gpa in seen:
            return False
        seen.add(gpa)
    return True


def _addresses(data: Bytes) -> Iterator[int]:
    """Address of every whole record."""
    for at in range(0, len(data) - RECORD_SIZE + 1, RECORD_SIZE):
        yield int.from_bytes(bytes(data[at : at + 8]), "little")


def read_pages(source: object, data: Bytes) -> tuple[Segment, ...]:
    """One segment for each record.

    Raises:
        ImageError: the file is cut short, or an address is impossible or there twice.
    """
    if len(data) % RECORD_SIZE:
        raise ImageError(
            source,
            f"record {len(data) // RECORD_SIZE}",
            expected=f"records of {RECORD_SIZE} bytes",
            got=f"{len(data) % RECORD_SIZE} bytes after the last whole one",
            hint="the file is truncated, or is not a file of page-table pages",
        )
    segments = []
    seen: dict[int, int] = {}
    for number, gpa in enumerate(_addresses(data)):
        place = f"record {number}"
        if gpa & PAGE_MASK or gpa >> 52:
            raise ImageError(
                source,
                place,
                expected="a page's guest-physical address below 2^52",
                got=f"{gpa:#x}",
                hint="is this a file of page-table pages?",
            )
        if gpa in seen:
            raise ImageError(
                source, place, expected="each page once", got=f"{gpa:#x} as in record {seen[gpa]}"
            )
        seen[gpa] = number
        segments.append(Segment(gpa, PAGE_SIZE, number * RECORD_SIZE + 8))
    return tuple(segments)


def registers_beside(path: Path) -> tuple[Registers, ...]:
    """The vCPUs of ``info_registers.txt`` in the same folder; none if there is no such file.

    Raises:
        ImageError: the text is not what ``info registers`` prints.
    """
    beside = path.with_name(REGISTERS_NAME)
    return read_registers(beside) if beside.is_file() else ()


def read_registers(path: Path) -> tuple[Registers, ...]:
    """The vCPUs in the text that QEMU's ``info registers`` or Xen's ``xenctx -a`` printed.

    Raises:
        ImageError: the text is something else.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        text = file.read(_MAX_REGISTERS)
    words = text.decode("utf-8", "replace")
    if looks_like_xenctx(words):
        return registers_from_xenctx(path, words)
    return registers_from_text(path, words)
