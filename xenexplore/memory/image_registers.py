"""An image's registers of each vCPU: those that determine translation.

Two sources: the ``QEMU`` note of a memory core, and the text of the monitor's
``info registers``.  The note has no EFER, so the mode is concluded from what
the note and the ELF header do say (:func:`registers_from_note`).
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass
from typing import Final

from xenexplore.errors import ImageError

__all__ = [
    "CR0_PG",
    "CR4_PAE",
    "EFER_LMA",
    "EFER_LME",
    "EFER_NXE",
    "Registers",
    "registers_from_note",
    "registers_from_text",
]

CR0_PG: Final = 1 << 31
CR4_PAE: Final = 1 << 5
EFER_LME: Final = 1 << 8
EFER_LMA: Final = 1 << 10
EFER_NXE: Final = 1 << 11
_CS_L: Final = 1 << 21


@dataclass(frozen=True, slots=True)
class Registers:
    """One vCPU as the image recorded it.

    Attributes:
        index: number of the vCPU, from 0.
        cr0, cr2, cr3, cr4: control registers.
        efer: EFER; where ``efer_known`` is false, only LME, LMA and NXE mean
            something and were concluded, not recorded.
        efer_known: whether EFER was in the image.
        rip, rsp, rflags: instruction and stack pointer, flags.
        cpl: current privilege level, 0 to 3.
        gs_base: base of GS.
        kernel_gs_base: the MSR's value, or None if not recorded.
    """

    index: int
    cr0: int
    cr2: int
    cr3: int
    cr4: int
    efer: int
    efer_known: bool
    rip: int
    rsp: int
    rflags: int
    cpl: int
    gs_base: int
    kernel_gs_base: int | None = None


# QEMU's note: version, size, 16 general registers, rip, rflags, 10 segments of
# 24 bytes (selector, limit, flags, padding; base), cr[5], and from newer QEMUs
# kernel_gs_base.  The version is 1 with and without it; the size tells.
_NOTE = struct.Struct("<II18Q240s5Q")
_SEGMENT = struct.Struct("<IIIIQ")
_NOTE_WITH_GS = _NOTE.size + 8


def registers_from_note(
    source: object, place: str, index: int, desc: bytes, long_mode: bool
) -> Registers:
    """Read one ``QEMU`` note of a memory core.

    EFER is not in the note.  QEMU writes an x86-64 core if and only if the
    first vCPU was in long mode (``long_mode``); another vCPU with CR0.PG and
    CR4.PAE set is taken to be in the same mode unless its code segment is
    64-bit, which settles it.  NXE is taken as set with PAE and long mode: every
    x86 kernel of the last twenty years sets it before it uses a table with NX.

    Args:
        source: file, for errors.
        place: where the note lies, for errors.
        index: number of the vCPU.
        desc: the note's descriptor.
        long_mode: whether the core's machine is x86-64.

    Raises:
        ImageError: the descriptor has another version or size.

    Source: QEMU, target/i386/arch_dump.c, QEMUCPUState and cpu_get_dump_info().
    """
    if len(desc) < _NOTE.size:
        raise ImageError(
            source,
            place,
            expected=f"a QEMU note of {_NOTE.size} or {_NOTE_WITH_GS} bytes",
            got=f"{len(desc)} bytes",
        )
    version, size, *words = _NOTE.unpack_from(desc)
    known = size == _NOTE.size or size >= _NOTE_WITH_GS
    if version != 1 or not known or size > len(desc):
        raise ImageError(
            source,
            place,
            expected=f"QEMU CPU state version 1 of {_NOTE.size} or {_NOTE_WITH_GS} bytes",
            got=f"version {version} of {size} bytes",
            hint="a QEMU newer than this reader?",
        )
    rsp, rip, rflags, segments = words[6], words[16], words[17], words[18]
    cr0, _cr1, cr2, cr3, cr4 = words[19:24]
    code = _SEGMENT.unpack_from(segments, 0)
    gs_base: int = _SEGMENT.unpack_from(segments, 4 * _SEGMENT.size)[4]
    stack = _SEGMENT.unpack_from(segments, 5 * _SEGMENT.size)
    efer = 0
    if cr0 & CR0_PG and cr4 & CR4_PAE:
        efer = EFER_NXE
        if long_mode or code[2] & _CS_L:
            efer |= EFER_LME | EFER_LMA
    kernel_gs = None
    if size >= _NOTE_WITH_GS:
        (kernel_gs,) = struct.unpack_from("<Q", desc, _NOTE.size)
    return Registers(
        index=index,
        cr0=cr0,
        cr2=cr2,
        cr3=cr3,
        cr4=cr4,
        efer=efer,
        efer_known=False,
        rip=rip,
        rsp=rsp,
        rflags=rflags,
        # The CPL is SS.DPL (Intel SDM vol. 3, 5.5); real mode leaves 0 there.
        cpl=stack[2] >> 13 & 3,
        gs_base=gs_base,
        kernel_gs_base=kernel_gs,
    )


_CPU = re.compile(r"^CPU#(\d+)\s*$", re.MULTILINE)
_REGISTER = re.compile(
    r"\b(CR0|CR2|CR3|CR4|EFER|[RE]IP|[RE]SP|RFL|EFL|CPL) ?=([0-9a-fA-F]{1,16})\b"
)
_GS = re.compile(r"^GS =[0-9a-fA-F]{4} ([0-9a-fA-F]{8,16}) ", re.MULTILINE)


def registers_from_text(source: object, text: str) -> tuple[Registers, ...]:
    """Read what ``info registers`` (or ``info registers -a``) of QEMU's monitor printed.

    Raises:
        ImageError: no vCPU in it, or one without CR0, CR3, CR4 or EFER.
    """
    parts = _CPU.split(text)
    if len(parts) < 3:
        # Old monitors print one vCPU without a heading.
        parts = ["", "0", text]
    found = []
    for number, body in zip(parts[1::2], parts[2::2], strict=True):
        values = {name: int(digits, 16) for name, digits in _REGISTER.findall(body)}
        missing = [name for name in ("CR0", "CR3", "CR4", "EFER") if name not in values]
        if missing:
            raise ImageError(
                source,
                f"vCPU {number}",
                expected="CR0, CR3, CR4 and EFER",
                got=f"no {', '.join(missing)}",
                hint="it should be the output of QEMU's 'info registers'",
            )
        gs = _GS.search(body)
        found.append(
            Registers(
                index=int(number),
                cr0=values["CR0"],
                cr2=values.get("CR2", 0),
                cr3=values["CR3"],
                cr4=values["CR4"],
                efer=values["EFER"],
                efer_known=True,
                rip=values.get("RIP", values.get("EIP", 0)),
                rsp=values.get("RSP", values.get("ESP", 0)),
                rflags=values.get("RFL", values.get("EFL", 0)),
                cpl=values.get("CPL", 0) & 3,
                gs_base=int(gs[1], 16) if gs else 0,
            )
        )
    numbers = [one.index for one in found]
    if numbers != list(range(len(found))):
        raise ImageError(source, "", expected="vCPUs numbered from 0", got=f"CPU# {numbers}"[:60])
    return tuple(found)
