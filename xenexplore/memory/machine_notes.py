"""Registers from the notes of other monitors than QEMU: VirtualBox's, and a crashed Xen's."""

from __future__ import annotations

import struct
from typing import Final

from xenexplore.errors import ImageError
from xenexplore.memory.image_registers import Registers

__all__ = ["registers_of_crashed_xen", "registers_of_virtualbox"]

# DBGFCORECPU: 18 general registers, 6 selectors of 24 bytes, cr0 cr2 cr3 cr4;
# EFER comes after the debug registers, descriptor tables, LDTR, TR and SYSENTER.
_GENERAL: Final = struct.Struct("<18Q")
_SELECTOR: Final = struct.Struct("<QII8x")
_GS_AT: Final = _GENERAL.size + 4 * _SELECTOR.size
_SS_AT: Final = _GENERAL.size + 5 * _SELECTOR.size
_CONTROL: Final = struct.Struct("<4Q")
_CONTROL_AT: Final = _GENERAL.size + 6 * _SELECTOR.size
_EFER_AT: Final = 488
_KERNEL_GS_AT: Final = 536
_WORD: Final = struct.Struct("<Q")


def registers_of_virtualbox(source: object, place: str, index: int, desc: bytes) -> Registers:
    """Read one ``VBCPU`` note of a core that ``VBoxManage debugvm dumpvmcore`` wrote.

    Raises:
        ImageError: the note is too short.

    Source: VirtualBox, include/VBox/vmm/dbgfcorefmt.h, DBGFCORECPU.
    """
    if len(desc) < _KERNEL_GS_AT + 8:
        raise ImageError(
            source,
            place,
            expected=f"a VBCPU note of at least {_KERNEL_GS_AT + 8} bytes",
            got=f"{len(desc)} bytes",
        )
    general = _GENERAL.unpack_from(desc)
    cr0, cr2, cr3, cr4 = _CONTROL.unpack_from(desc, _CONTROL_AT)
    return Registers(
        index=index,
        cr0=cr0,
        cr2=cr2,
        cr3=cr3,
        cr4=cr4,
        efer=_WORD.unpack_from(desc, _EFER_AT)[0],
        efer_known=True,
        rip=general[14],
        rsp=general[15],
        rflags=general[17],
        # Attributes as in a descriptor: DPL is bits 6:5 (X86DESCATTRBITS).
        cpl=_SELECTOR.unpack_from(desc, _SS_AT)[2] >> 5 & 3,
        gs_base=_SELECTOR.unpack_from(desc, _GS_AT)[0],
        kernel_gs_base=_WORD.unpack_from(desc, _KERNEL_GS_AT)[0],
    )


def registers_of_crashed_xen(source: object, place: str, index: int, desc: bytes) -> Registers:
    """Read one ``Xen`` note of type XEN_ELFNOTE_CRASH_REGS in a host's vmcore.

    It has control registers alone.  EFER is concluded: Xen runs in long mode
    with NX.

    Raises:
        ImageError: the note has another size.

    Source: xen/include/xen/elfcore.h, crash_xen_core_t.
    """
    if len(desc) != _CONTROL.size:
        raise ImageError(
            source,
            place,
            expected=f"control registers in {_CONTROL.size} bytes",
            got=f"{len(desc)} bytes",
        )
    cr0, cr2, cr3, cr4 = _CONTROL.unpack(desc)
    return Registers(
        index=index,
        cr0=cr0,
        cr2=cr2,
        cr3=cr3,
        cr4=cr4,
        efer=0xD00,
        efer_known=False,
        rip=0,
        rsp=0,
        rflags=2,
        cpl=0,
        gs_base=0,
    )
