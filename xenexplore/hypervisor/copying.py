"""The copy helpers: chunk by chunk, with their real failure semantics.

x86 (HVM): ``__hvm_copy()`` loops over 4 KiB chunks; when one fails,
``copy_{to,from}_user_hvm()`` report the *whole* length as uncopied, though
earlier chunks have moved (xen/arch/x86/hvm/hvm.c).  Arm: ``copy_guest()``
returns what remains (xen/arch/arm/guestcopy.c).

The frame is that of the domain's own P2M: get_page_from_gfn() (xen/arch/x86/include/asm/p2m.h)
takes the host P2M whatever altp2m view a vCPU has, so that a view that remaps or protects a page
changes no copy, by linear or by physical address.  A write unshares a shared page first
(P2M_UNSHARE in hvm_translate_get_page(), xen/arch/x86/hvm/hvm.c).

A monitor's mem_access restrictions play no part: ``__hvm_copy()`` asks
``hvm_monitor_check_p2m()`` only while ``send_event`` is set, which is so only while
``p2m_mem_access_check()`` emulates an instruction (xen/arch/x86/mm/mem_access.c).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located
from xenexplore.hypervisor.oracle import meant, unchecked
from xenexplore.hypervisor.pieces import located
from xenexplore.steps import Cite, Copy, CopyFailed, Direction, Fault, Move, xen

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["copy_from_guest", "copy_to_guest"]

_HVM_COPY = xen("xen/arch/x86/hvm/hvm.c", "__hvm_copy")
_TO_USER = xen("xen/arch/x86/hvm/hvm.c", "copy_to_user_hvm")
_FROM_USER = xen("xen/arch/x86/hvm/hvm.c", "copy_from_user_hvm")
_ARM = xen("xen/arch/arm/guestcopy.c", "copy_guest")
_PV = xen("xen/arch/x86/usercopy.c", "copy_to_guest_ll")


def _cite(xen: Xen, access: HandleAccess) -> Cite:
    if xen.domain.spec.type == "pv":
        return _PV
    return _TO_USER if access.writes else _FROM_USER


def _transfer(
    xen: Xen, access: HandleAccess, call: GuestCall | None, data: bytes | None
) -> bytes | None:
    """Move the bytes of one access; None where a chunk failed.  ``data`` None: read."""
    done = bytearray()
    step = Copy(
        cite=_cite(xen, access),
        direction=access.direction,
        handle=access.handle,
        size=access.size,
        role=access.role,
        type=access.type,
        current=access.current,
        subject=access.subject,
    )
    with xen.record.under(step):
        exchanged = xen.design.exchange(xen, access, data)
        if exchanged is not None:
            return exchanged
        for found in located(xen, call, access):
            if isinstance(found, Fault):  # recorded where it happened
                _failed(xen, access, len(done))
                return None
            start = access.handle + len(done)
            moved = _move(xen, access, call, found, start, data, len(done))
            if moved is None:
                _failed(xen, access, len(done))
                return None
            done += moved
        return bytes(done)


def _move(
    xen: Xen,
    access: HandleAccess,
    call: GuestCall | None,
    found: Located,
    start: int,
    data: bytes | None,
    offset: int,
) -> bytes | None:
    """Move one located piece, after its P2M lookup; None if the frame is not available."""
    if not found.checked:
        lost = unchecked(xen, call, access, start, found.size)
        if lost is not None:
            xen.emit(lost)
    chunk = None if data is None else data[offset : offset + found.size]
    kept = access.physical_area or found.mapped
    outcome = xen.touch(found.gpa, found.size, chunk, mapped=kept)
    if outcome is None:
        return None
    where = found.gpa
    for gpa, size in meant(xen, call, access, start, found.size):
        xen.emit(
            Move(
                cite=_HVM_COPY,
                direction=Direction.TO if access.writes else Direction.FROM,
                gpa=where,
                mfn=outcome.mfn,
                size=size,
                meant=gpa,
                spoilt=outcome.spoilt,
            )
        )
        where = where + size
    return outcome.data if chunk is None else chunk


def _failed(xen: Xen, access: HandleAccess, moved: int) -> None:
    # copy_to_guest_ll() (PV) and Arm's copy_guest() report what remains.
    whole = xen.copy_helper == "x86" and xen.domain.spec.has_p2m
    xen.emit(
        CopyFailed(
            cite=_ARM if xen.copy_helper == "arm" else _cite(xen, access),
            moved=moved,
            reported=access.size if whole else access.size - moved,
        )
    )


def copy_from_guest(xen: Xen, access: HandleAccess, call: GuestCall | None = None) -> bytes | None:
    """Xen reads ``access.size`` bytes; None where any chunk failed."""
    return _transfer(xen, access, call, None)


def copy_to_guest(
    xen: Xen, access: HandleAccess, data: bytes, call: GuestCall | None = None
) -> bool:
    """Xen writes ``data``; False where any chunk failed (earlier ones have been written)."""
    return _transfer(xen, access, call, data) is not None
