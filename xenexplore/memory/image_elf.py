"""ELF cores of x86 guests, as QEMU's ``dump-guest-memory`` writes them.

Every ``PT_LOAD`` carries a stretch of guest-physical memory (``p_paddr``), the
``PT_NOTE`` a ``CORE`` and a ``QEMU`` note for each vCPU.  QEMU writes an x86-64
file if the first vCPU is in long mode and an i386 one (in either ELF class)
if it is not; both are read.

Source: QEMU, dump/dump.c and target/i386/arch_dump.c; the ELF gABI.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

from xenexplore.errors import ImageError
from xenexplore.memory.image_registers import Registers, registers_from_note
from xenexplore.memory.image_source import Buffer

__all__ = ["ELF_MAGIC", "Segment", "read_elf"]

ELF_MAGIC: Final = b"\x7fELF"

_ET_CORE: Final = 4
_EM_386: Final = 3
_EM_X86_64: Final = 62
_PT_LOAD: Final = 1
_PT_NOTE: Final = 4
_PN_XNUM: Final = 0xFFFF

_MACHINES: Final = {
    2: "SPARC", 8: "MIPS", 20: "PowerPC", 21: "PowerPC64", 22: "S/390", 40: "Arm",
    43: "SPARC64", 50: "IA-64", 183: "AArch64", 243: "RISC-V", 258: "LoongArch",
}  # fmt: skip
_TYPES: Final = {0: "no file type", 1: "a relocatable", 2: "an executable", 3: "a shared object"}


class Segment(NamedTuple):
    """Guest-physical memory that lies in one piece in the file.

    Attributes:
        gpa: first guest-physical address.
        size: bytes.
        offset: where it begins in the (decompressed) file.
    """

    gpa: int
    size: int
    offset: int


class _Layout(NamedTuple):
    """One ELF class: struct formats of what is read, as (type, offset, paddr, filesz)."""

    header: struct.Struct
    program: struct.Struct
    fields: tuple[int, int, int, int]
    section_info: int


_ELF64 = _Layout(struct.Struct("<16xHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ"), (0, 2, 4, 5), 44)
_ELF32 = _Layout(struct.Struct("<16xHHIIIIIHHHHHH"), struct.Struct("<IIIIIIII"), (0, 1, 3, 4), 28)


def read_elf(source: object, data: Buffer) -> tuple[tuple[Segment, ...], tuple[Registers, ...]]:
    """Memory segments and vCPUs of an ELF core.

    Args:
        source: file, for errors.
        data: its (decompressed) content.

    Raises:
        ImageError: not an ELF core of an x86 guest, cut short, or without
            memory or vCPU state.
    """
    layout, machine, place, count = _header(source, data)
    headers = _program_headers(source, data, layout, place, count)
    segments = tuple(
        Segment(gpa, size, offset)
        for kind, offset, gpa, size in headers
        if kind == _PT_LOAD and size
    )
    if not segments:
        raise ImageError(
            source,
            "program headers",
            expected="guest memory (PT_LOAD)",
            got="none",
            hint="only cores written by QEMU's dump-guest-memory are read; xl dump-core's are not",
        )
    vcpus: list[Registers] = []
    for kind, offset, _, size in headers:
        if kind == _PT_NOTE:
            for at, name, desc in _notes(source, data, offset, size):
                if name == b"QEMU":
                    vcpus.append(
                        registers_from_note(
                            source,
                            f"QEMU note of vCPU {len(vcpus)} at {at:#x}",
                            len(vcpus),
                            desc,
                            long_mode=machine == _EM_X86_64,
                        )
                    )
    if not vcpus:
        raise ImageError(
            source,
            "notes",
            expected="a QEMU note for each vCPU",
            got="none",
            hint="control registers are needed to walk; write the core with dump-guest-memory",
        )
    return segments, tuple(vcpus)


def _header(source: object, data: Buffer) -> tuple[_Layout, int, int, int]:
    """Class, machine, and where how many program headers lie."""
    ident = data[:16]
    if ident[:4] != ELF_MAGIC:
        raise ImageError(
            source, "offset 0", expected="an ELF core", got=f"bytes {bytes(ident[:4]).hex()}"
        )
    if len(ident) < 16:
        raise _short(source, "ELF header", 0, 52, data)
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
        raise _short(source, "ELF header", 0, layout.header.size, data)
    kind, machine, _, _, phoff, shoff, _, _, phentsize, phnum, _, _, _ = layout.header.unpack_from(
        data, 0
    )
    if machine not in (_EM_386, _EM_X86_64):
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
    if phnum == _PN_XNUM:
        # The real number is in sh_info of section header 0 (gABI).
        if shoff + layout.section_info + 4 > len(data):
            raise _short(source, "section header 0", shoff, layout.section_info + 4, data)
        (phnum,) = struct.unpack_from("<I", data, shoff + layout.section_info)
    if phnum and phentsize != layout.program.size:
        raise ImageError(
            source,
            "ELF header",
            expected=f"program headers of {layout.program.size} bytes",
            got=f"{phentsize}",
        )
    return layout, machine, phoff, phnum


def _program_headers(
    source: object, data: Buffer, layout: _Layout, place: int, count: int
) -> list[tuple[int, int, int, int]]:
    """``(type, offset, paddr, filesz)`` of every header whose content must be in the file."""
    size = layout.program.size
    if place + count * size > len(data):
        raise _short(source, "program headers", place, count * size, data)
    found = []
    for number in range(count):
        fields = layout.program.unpack_from(data, place + number * size)
        kind, offset, paddr, filesz = (fields[i] for i in layout.fields)
        if kind not in (_PT_LOAD, _PT_NOTE):
            continue
        name = f"{'memory' if kind == _PT_LOAD else 'notes'} (program header {number})"
        if filesz and offset + filesz > len(data):
            raise _short(source, name, offset, filesz, data)
        if kind == _PT_LOAD and paddr + filesz > 1 << 52:
            raise ImageError(
                source,
                name,
                expected="guest-physical memory below 2^52",
                got=f"{filesz:#x} bytes at {paddr:#x}",
            )
        found.append((kind, offset, paddr, filesz))
    return found


def _notes(
    source: object, data: Buffer, start: int, size: int
) -> Iterator[tuple[int, bytes, bytes]]:
    """``(offset, name, descriptor)`` of every note in a PT_NOTE segment."""
    at, end = start, start + size
    while at + 12 <= end:
        namesz, descsz, _kind = struct.unpack_from("<III", data, at)
        desc_at = at + 12 + (namesz + 3 & ~3)
        if desc_at + descsz > end:
            raise ImageError(
                source,
                f"note at {at:#x}",
                expected=f"a note that ends by {end:#x}",
                got=f"a name of {namesz} and a descriptor of {descsz} bytes",
                hint="the notes are damaged",
            )
        name = bytes(data[at + 12 : at + 12 + namesz]).rstrip(b"\0")
        yield at, name, bytes(data[desc_at : desc_at + descsz])
        at = desc_at + (descsz + 3 & ~3)


def _short(source: object, what: str, offset: int, size: int, data: Buffer) -> ImageError:
    """The error for something that lies behind the end of the file."""
    return ImageError(
        source,
        what,
        expected=f"{size:#x} bytes at offset {offset:#x}",
        got=f"the end of the file at {len(data):#x}",
        hint="the file is cut short",
    )
