"""Writes small ELF cores as QEMU's dump-guest-memory would.

Independent of the reader: laid out with ctypes structures after the ELF
specification and QEMU's structure, not with the reader's format strings.
"""

# ctypes wants its _fields_ as lists.
# ruff: noqa: RUF012

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import c_uint16, c_uint32, c_uint64
from dataclasses import dataclass

Struct = ctypes.LittleEndianStructure


class Ehdr64(Struct):
    _fields_ = [
        ("e_ident", ctypes.c_ubyte * 16),
        ("e_type", c_uint16),
        ("e_machine", c_uint16),
        ("e_version", c_uint32),
        ("e_entry", c_uint64),
        ("e_phoff", c_uint64),
        ("e_shoff", c_uint64),
        ("e_flags", c_uint32),
        ("e_ehsize", c_uint16),
        ("e_phentsize", c_uint16),
        ("e_phnum", c_uint16),
        ("e_shentsize", c_uint16),
        ("e_shnum", c_uint16),
        ("e_shstrndx", c_uint16),
    ]


class Ehdr32(Struct):
    _fields_ = [
        (name, c_uint32 if name in ("e_entry", "e_phoff", "e_shoff") else kind)
        for name, kind in Ehdr64._fields_
    ]


class Phdr64(Struct):
    _fields_ = [
        ("p_type", c_uint32),
        ("p_flags", c_uint32),
        ("p_offset", c_uint64),
        ("p_vaddr", c_uint64),
        ("p_paddr", c_uint64),
        ("p_filesz", c_uint64),
        ("p_memsz", c_uint64),
        ("p_align", c_uint64),
    ]


class Phdr32(Struct):
    _fields_ = [
        ("p_type", c_uint32),
        ("p_offset", c_uint32),
        ("p_vaddr", c_uint32),
        ("p_paddr", c_uint32),
        ("p_filesz", c_uint32),
        ("p_memsz", c_uint32),
        ("p_flags", c_uint32),
        ("p_align", c_uint32),
    ]


class Shdr64(Struct):
    _fields_ = [
        ("sh_name", c_uint32),
        ("sh_type", c_uint32),
        ("sh_flags", c_uint64),
        ("sh_addr", c_uint64),
        ("sh_offset", c_uint64),
        ("sh_size", c_uint64),
        ("sh_link", c_uint32),
        ("sh_info", c_uint32),
        ("sh_addralign", c_uint64),
        ("sh_entsize", c_uint64),
    ]


class Shdr32(Struct):
    _fields_ = [(name, c_uint32) for name, _ in Shdr64._fields_]


class Nhdr(Struct):
    _fields_ = [("n_namesz", c_uint32), ("n_descsz", c_uint32), ("n_type", c_uint32)]


class QemuSegment(Struct):
    _fields_ = [
        ("selector", c_uint32),
        ("limit", c_uint32),
        ("flags", c_uint32),
        ("pad", c_uint32),
        ("base", c_uint64),
    ]


class QemuCpuState(Struct):
    _fields_ = [
        ("version", c_uint32),
        ("size", c_uint32),
        *[(r, c_uint64) for r in ("rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp")],
        *[(f"r{n}", c_uint64) for n in range(8, 16)],
        ("rip", c_uint64),
        ("rflags", c_uint64),
        *[(s, QemuSegment) for s in ("cs", "ds", "es", "fs", "gs", "ss")],
        *[(s, QemuSegment) for s in ("ldt", "tr", "gdt", "idt")],
        ("cr", c_uint64 * 5),
        ("kernel_gs_base", c_uint64),
    ]


@dataclass
class Cpu:
    """What a test wants a vCPU to be; by default a 64-bit kernel with 4-level paging."""

    cr3: int = 0x1000
    cr0: int = 0x80050033
    cr4: int = 0x6F0
    cr2: int = 0
    rip: int = 0xFFFFFFFF81000000
    rsp: int = 0xFFFFFFFF82E03E98
    rflags: int = 0x246
    cs_flags: int = 0x00AF9B00
    ss_flags: int = 0x00CF9300
    gs_base: int = 0
    kernel_gs_base: int | None = 0
    version: int = 1

    def note(self) -> bytes:
        state = QemuCpuState(version=self.version, rip=self.rip, rsp=self.rsp, rflags=self.rflags)
        state.cr[:] = [self.cr0, 0, self.cr2, self.cr3, self.cr4]
        state.cs.flags, state.ss.flags = self.cs_flags, self.ss_flags
        state.gs.base = self.gs_base
        state.size = ctypes.sizeof(state) - (8 if self.kernel_gs_base is None else 0)
        state.kernel_gs_base = self.kernel_gs_base or 0
        return note(b"QEMU\0", bytes(state)[: state.size], 0)


def pad4(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)


def note(name: bytes, desc: bytes, kind: int) -> bytes:
    return bytes(Nhdr(len(name), len(desc), kind)) + pad4(name) + pad4(desc)


def core(
    memory: Sequence[tuple[int, bytes]],
    cpus: Sequence[Cpu] = (Cpu(),),
    *,
    bits: int = 64,
    machine: int = 62,
    kind: int = 4,
    order: int = 1,
    extended_count: bool = False,
    notes: bytes | None = None,
    pad: int = 0,
) -> bytes:
    """An ELF core with ``memory`` as ``(gpa, bytes)``, and notes for every vCPU.

    ``extended_count`` writes the number of program headers to section header
    0; ``pad`` shifts the memory in the file so that it is not aligned.
    """
    ehdr, phdr, shdr = (Ehdr64, Phdr64, Shdr64) if bits == 64 else (Ehdr32, Phdr32, Shdr32)
    if notes is None:
        status = bytes(336 if machine == 62 else 144)
        notes = b"".join(note(b"CORE\0", status, 1) for _ in cpus)
        notes += b"".join(cpu.note() for cpu in cpus)
    count = len(memory) + 1
    sections = ctypes.sizeof(shdr)
    table = ctypes.sizeof(ehdr) + sections
    place = table + count * ctypes.sizeof(phdr)
    headers = [phdr(p_type=4, p_offset=place, p_filesz=len(notes), p_memsz=len(notes))]
    body = notes + bytes(pad)
    for gpa, content in memory:
        headers.append(
            phdr(
                p_type=1,
                p_offset=place + len(body),
                p_paddr=gpa,
                p_vaddr=gpa,
                p_filesz=len(content),
                p_memsz=len(content),
            )
        )
        body += content
    head = ehdr(
        e_type=kind,
        e_machine=machine,
        e_version=1,
        e_phoff=table,
        e_shoff=ctypes.sizeof(ehdr),
        e_ehsize=ctypes.sizeof(ehdr),
        e_phentsize=ctypes.sizeof(phdr),
        e_phnum=0xFFFF if extended_count else count,
        e_shentsize=sections,
        e_shnum=1,
    )
    head.e_ident[:] = list(b"\x7fELF" + bytes([bits // 32, order, 1]) + bytes(9))
    return b"".join([bytes(head), bytes(shdr(sh_info=count)), *map(bytes, headers), body])
