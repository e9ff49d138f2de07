"""32-bit callers: arguments are translated into Xen's own area, and then "copied from guest".

The compat layer reads the 32-bit structs, builds 64-bit ones in a per-vCPU area at a
Xen address (COMPAT_ARG_XLAT_VIRT_BASE), and calls the native handler, whose
copies from "the guest" then name that area.  ``copy_from_user_hvm()`` tests for
it before anything else; a design that looks a handle up first must keep that order.

Source: xen/common/compat/memory.c compat_memory_op(); copy_from_user_hvm()
(xen/arch/x86/hvm/hvm.c); xen/arch/x86/include/asm/x86_64/uaccess.h, Xen 4.17.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenexplore.addr import PAGE_SIZE, Gva
from xenexplore.errors import MachineError
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Meaning
from xenexplore.hypervisor.copying import copy_from_guest, copy_to_guest
from xenexplore.steps import Check, Direction, Hazard, Hypercall, Note, returned, xen

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["COMPAT_RESERVATION_BYTES", "XLAT_SIZE", "compat_populate", "xlat_base"]

XLAT_SIZE = 2 * PAGE_SIZE
"""COMPAT_ARG_XLAT_SIZE."""

_PERDOMAIN_ALT_SLOT = 4
_ARG_XLAT_SLOT = 2
_VA_SHIFT = 14

COMPAT_RESERVATION_BYTES = 20
"""sizeof(struct compat_memory_reservation): three 32-bit words, flags, a domid, padding."""

_PFN_BYTES = 4
_NATIVE_BYTES = 32
_ROOM = (XLAT_SIZE - _NATIVE_BYTES) // 8
"""Frame numbers that the area has room for, after the struct."""

_MOST_EXTENTS = 0xFFFF_FFFF >> 6
"""UINT_MAX >> MEMOP_EXTENT_SHIFT: with more, no continuation could be encoded."""

_MEMORY_OP = 12
_POPULATE = 6

_TEST = xen("xen/arch/x86/include/asm/x86_64/uaccess.h", "is_compat_arg_xlat_range")
_ENTRY = xen("xen/arch/x86/hvm/hypercall.c", "hvm_hypercall")


def xlat_base(vcpu: int) -> Gva:
    """COMPAT_ARG_XLAT_VIRT_BASE of a vCPU: the secondary mapping, in the lower half.

    Per-domain slot 2 (1 GiB slots) from PERDOMAIN_ALT_VIRT_START (PML4 slot 4), 16 KiB a vCPU.
    """
    start = (_PERDOMAIN_ALT_SLOT << 39) + (_ARG_XLAT_SLOT << 30)
    return Gva(start + (vcpu << _VA_SHIFT))


def compat_populate(xen: Xen, vcpu: int, struct: Gva, *, test_first: bool = True) -> int:
    """XENMEM_populate_physmap by a 32-bit caller; returns how many extents are done.

    A copy that fails ends the call, and shows in that number alone.  hvm_hypercall()
    passes ebx and ecx on, 32 bits each: a struct above 4 GiB cannot be named.

    Args:
        xen: the domain under an option.
        vcpu: the calling vCPU.
        struct: its struct compat_memory_reservation.
        test_first: whether the copy helper tests for the translation area
            before it interprets the handle in the option's way.

    Raises:
        MachineError: the guest is PV: pv_hypercall() tells 32-bit callers by the domain
            (is_pv_32bit_vcpu(), xen/arch/x86/pv/hypercall.c), and this one is 64-bit.
    """
    if not xen.domain.spec.has_p2m:
        raise MachineError(
            "a 64-bit PV guest makes no 32-bit hypercalls: Xen identifies 32-bit callers by the "
            "domain"
        )
    named = Gva(struct.value & 0xFFFF_FFFF)
    step = Hypercall(
        cite=_ENTRY,
        vcpu=vcpu,
        name="memory_op.populate_physmap (32-bit caller)",
        number=_MEMORY_OP,
        args=(_POPULATE, named.value),
    )
    with xen.record.under(step):
        xen.leave(_ENTRY, vcpu)
        if struct.value != named.value:
            text = (
                f"The caller's struct is at {struct.hex()}; a 32-bit caller's ecx holds 32 bits, "
                f"and Xen receives {named.hex()}."
            )
            xen.emit(Note(cite=_ENTRY, text=text))
        value = _populate(xen, vcpu, named, test_first=test_first)
        xen.emit(returned(_ENTRY, vcpu, value, "extents done"))
    return value


def _populate(xen: Xen, vcpu: int, struct: Gva, *, test_first: bool) -> int:
    """compat_memory_op(): as many extents at a time as the area has room for; returns how many."""
    done = 0
    while True:
        data = _copy(xen, vcpu, struct, COMPAT_RESERVATION_BYTES, "compat_memory_reservation")
        if data is None:
            return done
        array, count = (int.from_bytes(data[at : at + 4], "little") for at in (0, 4))
        if count > _MOST_EXTENTS:
            return done
        native = _translate(xen, vcpu, array, range(done, min(count, done + _ROOM)))
        ends = done + len(native)
        reached = done + _handler(xen, vcpu, native, test_first=test_first)
        for index in range(done, reached):
            pfn = native[index - done][:_PFN_BYTES]
            if not _back(xen, vcpu, Gva(array + _PFN_BYTES * index), pfn):
                return index
        # A batch that was full, and was done, is followed by the next one.
        if reached < ends or len(native) < _ROOM or ends >= count:
            return reached
        done = reached


def _translate(xen: Xen, vcpu: int, array: int, extents: range) -> list[bytes]:
    """The 32-bit frame numbers as 64-bit ones, up to the first that cannot be read."""
    native = []
    for index in extents:
        pfn = _copy(xen, vcpu, Gva(array + _PFN_BYTES * index), _PFN_BYTES, "compat_pfn_t")
        if pfn is None:
            break
        native.append(pfn + bytes(8 - _PFN_BYTES))
    return native


def _handler(xen: Xen, vcpu: int, native: list[bytes], *, test_first: bool) -> int:
    """do_memory_op() on what the area holds: how many extents it does before a copy fails."""
    base = xlat_base(vcpu)
    reservation = (base + _NATIVE_BYTES).value.to_bytes(8, "little") + bytes(_NATIVE_BYTES - 8)
    pieces = [(base, reservation, "xen_memory_reservation")]
    pieces += [(base + _NATIVE_BYTES + 8 * i, pfn, "xen_pfn_t") for i, pfn in enumerate(native)]
    for at, (address, expected, role) in enumerate(pieces):
        if not _native(xen, vcpu, address, expected, role, test_first=test_first):
            return max(at - 1, 0)
    return len(native)


def _native(
    xen: Xen, vcpu: int, address: Gva, expected: bytes, role: str, *, test_first: bool
) -> bool:
    """The native handler's copy_from_guest() of a piece in the translation area."""
    if test_first:
        xen.emit(
            Check(
                cite=_TEST,
                name=f"{role} is in Xen's own translation area: a plain memcpy",
                passed=True,
                detail=address.hex(),
            )
        )
        return True
    xens = Meaning(start=address.value, size=len(expected), va=address,
                   pieces=((None, len(expected)),))  # fmt: skip
    data = _copy(xen, vcpu, address, len(expected), f"{role} (translated)", xens)
    if data is not None and data != expected:
        xen.emit(
            Hazard(
                cite=_TEST,
                name="translation area diverted",
                detail=f"Xen's own {role} at {address.hex()} was read from guest memory",
            )
        )
    return data is not None


def _back(xen: Xen, vcpu: int, address: Gva, pfn: bytes) -> bool:
    """A frame number back into the guest's array: the compat layer does so for every guest."""
    access = HandleAccess(
        direction=Direction.TO,
        handle=address.value,
        size=len(pfn),
        role="compat_pfn_t (back from the translation area)",
        current=vcpu,
        subject=vcpu,
        number=_MEMORY_OP,
    )
    return copy_to_guest(xen, access, pfn)


def _copy(
    xen: Xen, vcpu: int, address: Gva, size: int, role: str, xens: Meaning | None = None
) -> bytes | None:
    """One copy; ``xens`` says that Xen means its own memory and no frame of the guest."""
    access = HandleAccess(
        direction=Direction.FROM,
        handle=address.value,
        size=size,
        role=role,
        current=vcpu,
        subject=vcpu,
        number=_MEMORY_OP,
    )
    call = None
    if xens is not None:
        call = GuestCall(vcpu=vcpu, name=role, number=_MEMORY_OP, args=(), meanings=(xens,))
    return copy_from_guest(xen, access, call)
