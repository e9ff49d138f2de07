"""VMCOREINFO: a Linux kernel's own description in a dump, and so the place of its page tables.

Source: Linux, kernel/crash_core.c (6.9 on: kernel/vmcore_info.c) and
arch/x86/kernel/crash_core_64.c, arch_crash_save_vmcoreinfo(); arch/x86/include/asm/
page_64.h, __phys_addr_nodebug(), for where the kernel's image lies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from xenexplore.memory.image_contents import Clues, GuestOs
from xenexplore.memory.image_elf import PT_LOAD, ElfNote, Program

__all__ = ["clues_from_text", "clues_from_vmcoreinfo", "read_vmcoreinfo"]

_START_KERNEL_MAP: Final = 0xFFFFFFFF80000000  # __START_KERNEL_map, page_64_types.h
_PAGE_OFFSET_32: Final = 0xC0000000  # CONFIG_PAGE_OFFSET's default, arch/x86/Kconfig
_TOP_TABLES: Final = ("SYMBOL(init_top_pgt)", "SYMBOL(init_level4_pgt)", "SYMBOL(swapper_pg_dir)")


def clues_from_vmcoreinfo(notes: Iterable[ElfNote], programs: Iterable[Program]) -> Clues | None:
    """Contents of the note called ``VMCOREINFO``; None if there is none.

    Args:
        notes: the core's notes.
        programs: its program headers: where the kernel does not say its
            ``phys_base``, its text segment does.
    """
    for note in notes:
        if note.name == b"VMCOREINFO":
            return clues_from_text(note.desc, phys_base=_phys_base(programs))
    return None


def _phys_base(programs: Iterable[Program]) -> int | None:
    """Distance of the kernel's image from the address that it was linked for."""
    for program in programs:
        in_image = _START_KERNEL_MAP <= program.vaddr < 1 << 64
        if program.kind == PT_LOAD and in_image and program.paddr < 1 << 52:
            return program.paddr - (program.vaddr - _START_KERNEL_MAP)
    return None


def read_vmcoreinfo(desc: bytes) -> dict[str, str]:
    """Its lines as a mapping.

    The text ends at the first NUL or with the note: kernels give the size of
    the text or that of a page, and QEMU copies what the guest told it.
    """
    lines = desc.split(b"\0", 1)[0].decode("ascii", "replace").splitlines()
    pairs = (line.partition("=") for line in lines)
    return {key.strip(): value.strip() for key, equals, value in pairs if equals}


def clues_from_text(desc: bytes, *, phys_base: int | None = None) -> Clues:
    """Statements of VMCOREINFO's text about page tables.

    Args:
        desc: the text.
        phys_base: what is known of it from elsewhere, should the text lack it.
    """
    said = read_vmcoreinfo(desc)
    symbol = next((number(said[name], 16) for name in _TOP_TABLES if name in said), None)
    base = number(said.get("NUMBER(phys_base)", ""), 10)
    if base is None:
        base = phys_base
    levels: int | None = None
    cr3: int | None = None
    if symbol is not None and symbol >> 32:
        levels = 5 if number(said.get("NUMBER(pgtable_l5_enabled)", ""), 10) else 4
        if symbol >= _START_KERNEL_MAP and base is not None:
            cr3 = symbol - _START_KERNEL_MAP + base
    elif symbol is not None:
        levels = 3 if said.get("CONFIG_X86_PAE") == "y" else 2
        cr3 = symbol - _PAGE_OFFSET_32
    mask = number(said.get("NUMBER(sme_mask)", ""), 10) or 0
    return Clues(
        source="VMCOREINFO",
        cr3=cr3 if cr3 is not None and 0 <= cr3 < 1 << 52 else None,
        levels=levels,
        c_bit=mask.bit_length() - 1 if mask.bit_count() == 1 and mask.bit_length() > 32 else None,
        os=GuestOs.LINUX,
    )


def number(text: str, base: int) -> int | None:
    """A number in VMCOREINFO's notation, or None."""
    try:
        return int(text, base)
    except ValueError:
        return None
