"""``vcpu_guest_context``: a vCPU as XEN_DOMCTL_getvcpucontext gives it, and dumps keep it."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from xenexplore.memory.image_registers import Registers

__all__ = ["context_size", "registers_from_context"]

_CR0_PE: Final = 1 << 0
_CR0_WP: Final = 1 << 16
_CR0_PG: Final = 1 << 31
_CR4_PAE: Final = 1 << 5
_EFER_LONG: Final = 0x500  # LME and LMA
_EFER_NXE: Final = 1 << 11
_IN_KERNEL: Final = 1 << 2  # VGCF_IN_KERNEL


class _Context(NamedTuple):
    """Offsets in the structure, and the width of its words."""

    size: int
    word: str
    flags: int
    rip: int
    cs: int
    rflags: int
    rsp: int
    control: int


# The order: FPU state, flags, user registers, trap table, LDT and GDT, kernel stack,
# control registers, debug registers, callbacks, assists, and (64-bit) segment bases.
_WIDE: Final = _Context(5168, "Q", 512, 648, 656, 664, 672, 4984)
_NARROW: Final = _Context(2800, "I", 512, 548, 552, 556, 560, 2716)
_BASES_AT: Final = 5144


def context_size(*, narrow: bool) -> int:
    """Bytes of the structure, for a 32-bit PV guest (``narrow``) or any other."""
    return (_NARROW if narrow else _WIDE).size


def registers_from_context(index: int, context: bytes, *, narrow: bool, pv: bool) -> Registers:
    """One vCPU.

    EFER is not in it.  A PV guest's mode is Xen's: long mode with NX for a
    64-bit guest, PAE with NX for a 32-bit one; its CR4 as stored lacks what Xen
    runs it with.  For HVM and PVH, a vCPU with PAE on is taken to be in long mode if
    any of RIP, RSP and the segment bases does not fit in 32 bits.

    Source: arch_get_info_guest(), xen/arch/x86/domctl.c (4.17);
    xen_cr3_to_pfn(), xen/include/public/arch-x86/xen-x86_32.h and xen-x86_64.h.
    """
    shape = _NARROW if narrow else _WIDE
    word = struct.Struct("<" + shape.word)
    (flags,) = word.unpack_from(context, shape.flags)
    (rip,), (rsp,) = (word.unpack_from(context, at) for at in (shape.rip, shape.rsp))
    (rflags,) = word.unpack_from(context, shape.rflags)
    (cs,) = struct.unpack_from("<H", context, shape.cs)
    cr0, _cr1, cr2, cr3, cr4 = struct.unpack_from(f"<5{shape.word}", context, shape.control)
    bases = (0, 0, 0) if narrow else struct.unpack_from("<3Q", context, _BASES_AT)
    efer = 0
    if pv:
        cr0 |= _CR0_PE | _CR0_WP | _CR0_PG
        cr4 |= _CR4_PAE
        efer = _EFER_NXE | (0 if narrow else _EFER_LONG)
        if narrow:  # folded: the upper bits of the frame number are in the low 12
            cr3 = (cr3 >> 12 | cr3 << 20 & 0xFFFFFFFF) << 12
    elif cr0 & _CR0_PG and cr4 & _CR4_PAE:
        wide = any(value >> 32 for value in (rip, rsp, *bases))
        efer = _EFER_NXE | (_EFER_LONG if wide else 0)
    in_kernel = flags & _IN_KERNEL if pv else not cs & 3
    kernel_gs, user_gs = bases[1:]
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
        cpl=0 if in_kernel else 3,
        gs_base=kernel_gs if in_kernel else user_gs,
        kernel_gs_base=None if narrow else user_gs if in_kernel else kernel_gs,
    )
