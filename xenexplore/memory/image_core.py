"""ELF cores of x86 machines: QEMU's, VirtualBox's, a kernel's vmcore, kcore's like.

Every ``PT_LOAD`` carries a stretch of physical memory (``p_paddr``); what its
``p_memsz`` has beyond ``p_filesz`` is zeroes; one with ``p_paddr`` -1 maps
memory that has no one physical place (kcore's vmalloc area) and is passed
over.  Registers come from QEMU's notes, VirtualBox's, or those of a crashed
Xen; a Linux kernel's VMCOREINFO says where its page tables are.

Source: QEMU, dump/dump.c and target/i386/arch_dump.c; Linux, fs/proc/kcore.c
and kernel/crash_core.c; VirtualBox, include/VBox/vmm/dbgfcorefmt.h; Xen,
xen/include/public/elfnote.h and xen/include/xen/elfcore.h.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from xenexplore.errors import ImageError
from xenexplore.memory.image_contents import (
    ZEROES,
    Bytes,
    ImageContents,
    ImageSpace,
    Kind,
    Segment,
    Skip,
    Skipped,
)
from xenexplore.memory.image_elf import (
    EM_X86_64,
    PT_LOAD,
    PT_NOTE,
    ElfFile,
    ElfNote,
    Program,
    cut_short,
    open_elf,
    read_notes,
)
from xenexplore.memory.image_registers import Registers, registers_from_note
from xenexplore.memory.image_vmcoreinfo import clues_from_vmcoreinfo
from xenexplore.memory.image_xen import is_dump_core, read_dump_core
from xenexplore.memory.machine_notes import registers_of_crashed_xen, registers_of_virtualbox

__all__ = ["read_core"]

_NO_ADDRESS: Final = (1 << 64) - 1
_NARROW_NO_ADDRESS: Final = (1 << 32) - 1
_MOST_NOTES: Final = 1 << 24
_XEN_CRASH_REGS: Final = 0x1000002  # XEN_ELFNOTE_CRASH_REGS, xen/include/public/elfnote.h
_VBCPU: Final = b"VBCPU"


def read_core(source: object, data: Bytes) -> ImageContents:
    """Memory, vCPUs and clues of an ELF core.

    Args:
        source: file, for errors.
        data: its (decompressed) content.

    Raises:
        ImageError: not an ELF core of an x86 guest, or without memory.
    """
    gaps: list[ImageError] = []
    elf = open_elf(source, data, gaps)
    if is_dump_core(elf):
        return read_dump_core(source, data, elf, gaps)
    segments, skipped = _memory(source, data, elf, gaps)
    if not segments:
        raise (
            gaps[0]
            if gaps
            else ImageError(
                source,
                "program headers",
                expected="guest memory (PT_LOAD)",
                got="none",
                hint="is it a process's core?",
            )
        )
    notes = [
        note
        for program in elf.programs
        if program.kind == PT_NOTE and program.filesz <= _MOST_NOTES
        for note in read_notes(source, data, program.offset, program.filesz, gaps)
    ]
    vcpus = _vcpus(source, elf, notes, gaps)
    of_xen = any(note.name == b"VMCOREINFO_XEN" for note in notes)
    return ImageContents(
        kind=Kind.ELF,
        data=data,
        segments=segments,
        vcpus=vcpus,
        clues=None if of_xen else clues_from_vmcoreinfo(notes, elf.programs),
        gaps=tuple(gaps),
        skipped=skipped,
        space=ImageSpace.MACHINE if of_xen else ImageSpace.GUEST,
    )


def _memory(
    source: object, data: Bytes, elf: ElfFile, gaps: list[ImageError]
) -> tuple[tuple[Segment, ...], tuple[Skipped, ...]]:
    """Every PT_LOAD's memory, as far as the file holds it."""
    found: list[Segment] = []
    nowhere = [0, 0]
    last = _NO_ADDRESS if elf.wide else _NARROW_NO_ADDRESS
    for program in elf.programs:
        if program.kind != PT_LOAD or not (program.filesz or program.memsz):
            continue
        if program.paddr == last:
            nowhere[0] += 1
            nowhere[1] += max(program.filesz, program.memsz)
            continue
        found += _pieces(source, data, program, gaps)
    skipped = (Skipped(Skip.NO_ADDRESS, *nowhere),) if nowhere[0] else ()
    return tuple(found), skipped


def _pieces(
    source: object, data: Bytes, program: Program, gaps: list[ImageError]
) -> Iterable[Segment]:
    """One PT_LOAD: what the file holds, and zeroes where it holds less than the memory."""
    place = f"memory (program header {program.number})"
    size = max(program.filesz, program.memsz)
    if program.paddr + size > 1 << 52:
        gaps.append(
            ImageError(
                source,
                place,
                expected="physical memory below 2^52",
                got=f"{size:#x} bytes at {program.paddr:#x}",
            )
        )
        return
    there = min(program.filesz, max(len(data) - program.offset, 0))
    if there < program.filesz:
        gaps.append(cut_short(source, place, program.offset, program.filesz, data))
    if there:
        yield Segment(program.paddr, there, program.offset)
    if program.memsz > program.filesz:
        yield Segment(program.paddr + program.filesz, program.memsz - program.filesz, ZEROES)


def _vcpus(
    source: object, elf: ElfFile, notes: list[ElfNote], gaps: list[ImageError]
) -> tuple[Registers, ...]:
    """A vCPU for each note that carries control registers; a damaged note is a gap."""
    found: list[Registers] = []
    for note in notes:
        index = len(found)
        place = f"{note.name.decode('ascii', 'replace')} note of vCPU {index} at {note.at:#x}"
        try:
            if note.name == b"QEMU":
                long_mode = elf.machine == EM_X86_64
                found.append(registers_from_note(source, place, index, note.desc, long_mode))
            elif note.name == _VBCPU:
                found.append(registers_of_virtualbox(source, place, index, note.desc))
            elif note.name == b"Xen" and note.kind == _XEN_CRASH_REGS:
                found.append(registers_of_crashed_xen(source, place, index, note.desc))
        except ImageError as error:
            gaps.append(error)
            # The vCPUs after it keep their numbers.
            break
    return tuple(found)
