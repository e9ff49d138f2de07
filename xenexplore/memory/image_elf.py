"""The ELF container of a memory core: program headers, sections and notes.

Data past the end of a truncated file is a gap, not an error:
the rest is still read.

Source: the System V gABI, "ELF Header", "Program Header", "Note Section"; extended
numbering (``PN_XNUM``) from the same.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from xenexplore.errors import ImageError
from xenexplore.memory.image_contents import Bytes, Segment

__all__ = [
    "ELF_MAGIC",
    "ElfFile",
    "ElfNote",
    "Program",
    "Segment",
    "cut_short",
    "open_elf",
    "read_notes",
]

ELF_MAGIC: Final = b"\x7fELF"
PT_LOAD: Final = 1
PT_NOTE: Final = 4
EM_386: Final = 3
EM_X86_64: Final = 62

_ET_CORE: Final = 4
_PN_XNUM: Final = 0xFFFF

_MACHINES: Final = {
    2: "SPARC", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "Arm",
    43: "SPARC64", 50: "IA-64", 183: "AArch64", 243: "RISC-V", 258: "LoongArch",
}  # fmt: skip
_TYPES: Final = {0: "no file type", 1: "a relocatable", 2: "an executable", 3: "a shared object"}


class Program(NamedTuple):
    """One program header.

    Attributes:
        number: its place in the table.
        kind: ``p_type``.
        offset: ``p_offset``.
        vaddr: ``p_vaddr``.
        paddr: ``p_paddr``.
        filesz: ``p_filesz``.
        memsz: ``p_memsz``.
    """

    number: int
    kind: int
    offset: int
    vaddr: int
    paddr: int
    filesz: int
    memsz: int


class ElfNote(NamedTuple):
    """One note.

    Attributes:
        at: offset in the file.
        name: its owner.
        kind: its type.
        desc: its descriptor.
    """

    at: int
    name: bytes
    kind: int
    desc: bytes


@dataclass(frozen=True, slots=True)
class ElfFile:
    """An x86 core file's headers.

    Attributes:
        machine: ``e_machine``.
        wide: whether it is a 64-bit file.
        programs: its program headers.
        sections: name to ``(offset, size)``.
    """

    machine: int
    wide: bool
    programs: tuple[Program, ...]
    sections: dict[str, tuple[int, int]]


class _Layout(NamedTuple):
    """One ELF class: struct formats, and which fields are read.

    ``program`` gives (type, offset, vaddr, paddr, filesz, memsz), ``section``
    (name, offset, size, info).
    """

    header: struct.Struct
    program: struct.Struct
    program_fields: tuple[int, ...]
    section: struct.Struct
    section_fields: tuple[int, ...]


_ELF64 = _Layout(
    struct.Struct("<16xHHIQQQIHHHHHH"),
    struct.Struct("<IIQQQQQQ"),
    (0, 2, 3, 4, 5, 6),
    struct.Struct("<IIQQQQIIQQ"),
    (0, 4, 5, 7),
)
_ELF32 = _Layout(
    struct.Struct("<16xHHIIIIIHHHHHH"),
    struct.Struct("<IIIIIIII"),
    (0, 1, 2, 3, 4, 5),
    struct.Struct("<IIIIIIIIII"),
    (0, 4, 5, 7),
)


def open_elf(source: object, data: Bytes, gaps: list[ImageError]) -> ElfFile:
    """Read the headers of an ELF core.

    Args:
        source: file, for errors.
        data: its (decompressed) content.
        gaps: where to add what is behind the end of the file.

    Raises:
        ImageError: not an ELF core of an x86 guest, or its ELF header is cut short.
    """
    layout = _class(source, data)
    (kind, machine, _, _, phoff, shoff, _, _, phentsize, phnum, shentsize, shnum, names) = (
        layout.header.unpack(bytes(data[: layout.header.size]))
    )
    if machine not in (EM_386, EM_X86_64):
        raise ImageError(
            source,
            "ELF header",
            expected="a core of an x86 guest",
            got=f"machine {_MACHINES.get(machine, machine)}",
        )
    if kind != _ET_CORE:
        raise ImageError(
            source,
            "ELF header",
            expected="a core file",
            got=_TYPES.get(kind, f"type {kind}"),
            hint="give the memory image, not a program",
        )
    headers = _sections(data, layout, shoff, shentsize, shnum)
    if phnum == _PN_XNUM:
        # The real number is in sh_info of section header 0 (gABI).
        if not headers:
            raise cut_short(source, "section header 0", shoff, layout.section.size, data)
        phnum = headers[0][3]
    if phnum and phentsize != layout.program.size:
        raise ImageError(
            source,
            "ELF header",
            expected=f"program headers of {layout.program.size} bytes",
            got=f"{phentsize}",
        )
    programs = _programs(source, data, layout, phoff, phnum, gaps)
    return ElfFile(machine, layout is _ELF64, programs, _named(data, headers, names))


def _class(source: object, data: Bytes) -> _Layout:
    """ELF class of the file."""
    ident = bytes(data[:16])
    if len(ident) < 16:
        raise cut_short(source, "ELF header", 0, 52, data)
    if ident[4] not in (1, 2) or ident[5] != 1:
        order = {1: "little-endian", 2: "big-endian"}.get(ident[5], "no byte order")
        raise ImageError(
            source,
            "ELF header",
            expected="a 32- or 64-bit little-endian file",
            got=f"class {ident[4]}, {order}",
        )
    layout = _ELF64 if ident[4] == 2 else _ELF32
    if len(data) < layout.header.size:
        raise cut_short(source, "ELF header", 0, layout.header.size, data)
    return layout


def _programs(
    source: object, data: Bytes, layout: _Layout, place: int, count: int, gaps: list[ImageError]
) -> tuple[Program, ...]:
    """Every program header that is whole."""
    size = layout.program.size
    whole = min(count, max(len(data) - place, 0) // size)
    if whole < count:
        gaps.append(cut_short(source, "program headers", place, count * size, data))
    table = bytes(data[place : place + whole * size])
    found = []
    for number, fields in enumerate(layout.program.iter_unpack(table)):
        kind, offset, vaddr, paddr, filesz, memsz = (fields[i] for i in layout.program_fields)
        found.append(Program(number, kind, offset, vaddr, paddr, filesz, memsz))
    return tuple(found)


def _sections(
    data: Bytes, layout: _Layout, place: int, entry: int, count: int
) -> list[tuple[int, int, int, int]]:
    """``(name, offset, size, info)`` of every section header that is whole."""
    size = layout.section.size
    if not place or entry not in (0, size) or place >= len(data):
        return []
    whole = min(max(count, 1), (len(data) - place) // size)
    table = bytes(data[place : place + whole * size])
    found = []
    for fields in layout.section.iter_unpack(table):
        name, offset, length, info = (fields[i] for i in layout.section_fields)
        found.append((name, offset, length, info))
    return found


def _named(
    data: Bytes, headers: list[tuple[int, int, int, int]], names: int
) -> dict[str, tuple[int, int]]:
    """Sections by name; without a string table there are none."""
    if not 0 < names < len(headers):
        return {}
    _, start, size, _ = headers[names]
    table = bytes(data[start : start + min(size, 1 << 20)])
    found: dict[str, tuple[int, int]] = {}
    for name, offset, length, _ in headers:
        text = table[name : table.find(b"\0", name)].decode("ascii", "replace")
        if text:
            found.setdefault(text, (offset, length))
    return found


def read_notes(
    source: object, data: Bytes, start: int, size: int, gaps: list[ImageError]
) -> Iterator[ElfNote]:
    """Every complete note of a PT_NOTE segment or note section; damage leaves a gap."""
    if start + size > len(data):
        gaps.append(cut_short(source, "notes", start, size, data))
    at, end = start, min(start + size, len(data))
    while at + 12 <= end:
        namesz, descsz, kind = struct.unpack("<III", data[at : at + 12])
        desc_at = at + 12 + (namesz + 3 & ~3)
        if desc_at + descsz > end:
            if start + size <= len(data):
                gaps.append(
                    ImageError(
                        source,
                        f"note at {at:#x}",
                        expected=f"a note that ends by {end:#x}",
                        got=f"a name of {namesz} and a descriptor of {descsz} bytes",
                        hint="the notes are damaged",
                    )
                )
            return
        name = bytes(data[at + 12 : at + 12 + namesz]).rstrip(b"\0")
        yield ElfNote(at, name, kind, bytes(data[desc_at : desc_at + descsz]))
        at = desc_at + (descsz + 3 & ~3)


def cut_short(source: object, what: str, offset: int, size: int, data: Bytes) -> ImageError:
    """The error for data past the end of the file."""
    return ImageError(
        source,
        what,
        expected=f"{size:#x} bytes at offset {offset:#x}",
        got=f"the end of the file at {len(data):#x}",
        hint="the file is truncated",
    )
