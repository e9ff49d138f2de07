"""Registered areas: a handle that is stored now and written to later, on whichever vCPU runs then.

Runstate and time areas are registered per vCPU; Xen writes them at context
switches and time updates.  The copy goes through ``current``, whatever vCPU the
area belongs to: the case that made the thread's prerequisite.

Not modelled: nested guests.  While a vCPU runs an L2 guest, copies by linear address would
go to L2's tables; update_guest_memory_policy() (xen/arch/x86/domain.c) leaves that mode around
an area's update, one more guard of this kind.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gpa, Gva
from xenexplore.hypercalls.catalogue.entries import SubOp, family
from xenexplore.hypercalls.releases import RELEASES
from xenexplore.hypervisor.answers import answer_bytes
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Meaning, RegisteredArea
from xenexplore.hypervisor.copying import copy_from_guest, copy_to_guest
from xenexplore.hypervisor.physical import guest_translate
from xenexplore.memory import P2mType
from xenexplore.memory.p2m_types import PAGING_TYPES
from xenexplore.steps import (
    ERRNOS,
    Check,
    Cite,
    Direction,
    GuestWrite,
    Hypercall,
    Note,
    mail,
    returned,
    xen,
)

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = [
    "RUNSTATE_BYTES",
    "deferred_to",
    "out_of_user_mode",
    "register_physical",
    "register_runstate_physical",
    "twin_of",
    "update_runstate",
]

RUNSTATE_BYTES = 48
"""sizeof(struct vcpu_runstate_info): state, entry time, four times (public/vcpu.h)."""

_ENTRY_TIME = 8
_FLAG_BYTE = 15
"""XEN_RUNSTATE_UPDATE is the top bit of state_entry_time, at offset 8: its byte 7."""

_TWIN_NAME = ("vcpu_op", "register_runstate_phys_area")
_UNREGISTER = (1 << 64) - 1

_TWIN = xen("xen/common/domain.c", "VCPUOP_register_runstate_phys_area", "4.18")
_MAP = xen("xen/common/domain.c", "map_guest_area", "4.18")
_GET_PAGE = xen("xen/common/memory.c", "check_get_page_from_gfn", "4.18")
_EXITED = xen("xen/arch/x86/hvm/vmx/vmx.c", "vmx_vmexit_handler")
_DEFER = mail("Pau Monne", "29 Sep 2022", "YzWDZcsziR0SDGBf@MacBook-Air-de-Roger.local")


def register_physical(xen: Xen, subject: int, gpa: Gpa, va: Gva) -> int | RegisteredArea:
    """VCPUOP_register_runstate_phys_area: what map_guest_area() accepts, or -errno.

    Source: map_guest_area(), xen/common/domain.c (4.18): the area must not cross
    a page and must be aligned to a long (-ENXIO), and its frame must be a page that
    Xen can take a reference to; see _no_page().  The P2M type p2m_ram_ro is not
    tested for.  -EACCES, where the page already has another use that excludes
    writing (get_page_type()), is not modelled: these guests' pages have none.
    """
    if gpa.value == _UNREGISTER:
        return 0
    crosses = gpa.offset + RUNSTATE_BYTES > PAGE_SIZE
    _check(xen, "the area is within one page", not crosses, f"offset {gpa.offset:#x}")
    if crosses:
        return -ERRNOS["ENXIO"]
    aligned = gpa.value % 8 == 0
    _check(xen, "the area is aligned to a long", aligned, gpa.hex())
    if not aligned:
        return -ERRNOS["ENXIO"]
    name = _no_page(xen, gpa)
    detail = f"{gpa.page.hex()}: -{name}" if name else gpa.page.hex()
    _check(xen, "the frame belongs to the guest", not name, detail, _GET_PAGE)
    if name:
        return -ERRNOS[name]
    return RegisteredArea(subject=subject, handle=gpa.value, va=va, physical=True)


def _no_page(xen: Xen, gpa: Gpa) -> str:
    """The errno's name if check_get_page_from_gfn() gives no page, else ``""``.

    A shared page is unshared first, and one that is populated on demand is
    populated: these fail where Xen has no frame for them.

    Source: xen/common/memory.c (4.18), after p2m_get_page_from_gfn().
    """
    touched = xen.touch(gpa, 1, None)
    kind = xen.domain.memory.p2m.entry(gpa.value >> PAGE_SHIFT).type
    if kind in PAGING_TYPES or kind is P2mType.p2m_ram_shared:
        return "EAGAIN"
    if kind is P2mType.p2m_mmio_direct:
        return "EPERM"
    return "" if touched is not None else "EINVAL"


def register_runstate_physical(
    xen: Xen, caller: int, subject: int, *, area: Gva, argument: Gva
) -> int:
    """The whole call: the guest names the area by its physical address, Xen checks and maps it.

    Xen fetches only ``area.addr.p`` of the struct, by linear address, and fills
    the area at once only if the subject is the caller.

    Args:
        xen: the domain under an option.
        caller: the vCPU that makes the call.
        subject: the vCPU whose area it is.
        area: linear address of the area, in the subject's address space.
        argument: linear address of struct vcpu_register_runstate_memory_area.

    Returns:
        0 or -errno.

    Source: VCPUOP_register_runstate_phys_area and runstate_area_populate()
    (xen/common/domain.c, 4.18).
    """
    gpa = guest_translate(xen, area, RUNSTATE_BYTES, subject)[0][0]
    handle = _UNREGISTER if gpa is None else gpa.value
    xen.domain.write(argument, handle.to_bytes(8, "little"), vcpu=caller)
    where = xen.domain.truth(argument, 8, vcpu=caller)[0][0]
    assert where is not None, "the guest has just written there"
    what = f"the physical address of vCPU {subject}'s area into the argument struct"
    xen.emit(GuestWrite(cite=xen.design.asked, gpa=where, size=8, what=what))
    number, twin = twin_of(xen.domain.release)
    args = (twin.value, subject, argument.value)
    step = Hypercall(cite=_TWIN, vcpu=caller, name=twin.title, number=number, args=args)
    with xen.record.under(step):
        xen.leave(_TWIN, caller)
        if twin.xen == xen.domain.release:
            text = f"Xen {twin.xen} has this call: {twin.constant}, since {twin.since}."
            xen.emit(Note(cite=_TWIN, text=text))
        value = _fetch_and_map(xen, caller, subject, area, argument)
        xen.emit(returned(_TWIN, caller, value))
    return value


def twin_of(release: str) -> tuple[int, SubOp]:
    """Number of the hypercall, and the sub-op as a release of Xen has it.

    For a release before 4.18: as it was merged there, which is what the proposal is.
    """
    name, wanted = _TWIN_NAME
    for one in (family(name, known) for known in dict.fromkeys((release, *RELEASES))):
        for op in one.ops.values():
            if op.name == wanted:
                return one.number, op
    raise AssertionError("the catalogue has it")


def _fetch_and_map(xen: Xen, caller: int, subject: int, va: Gva, argument: Gva) -> int:
    access = HandleAccess(
        direction=Direction.FROM,
        handle=argument.value,
        size=8,
        role="vcpu_register_runstate_memory_area.addr.p (the physical address)",
        current=caller,
        subject=caller,
        number=twin_of(xen.domain.release)[0],
    )
    data = copy_from_guest(xen, access)
    if data is None:
        return -ERRNOS["EFAULT"]
    found = register_physical(xen, subject, Gpa(int.from_bytes(data, "little")), va)
    if not isinstance(found, RegisteredArea):
        xen.areas.pop(subject, None) if not found else None
        return found
    xen.areas[subject] = found
    if caller == subject:
        fill = replace(access, direction=Direction.TO, handle=found.handle, size=RUNSTATE_BYTES,
                       role="vcpu_runstate_info (the current runstate)", number=None,
                       physical_area=True)  # fmt: skip
        copy_to_guest(xen, fill, answer_bytes("vcpu_runstate_info", RUNSTATE_BYTES))
    return 0


def _check(xen: Xen, name: str, passed: bool, detail: str, cite: Cite = _MAP) -> None:
    xen.emit(Check(cite=cite, name=name, passed=passed, detail=detail))


def deferred_to(xen: Xen, subject: int, current: int) -> int:
    """The vCPU that makes an update if updates are deferred, and a note if that is later."""
    if current != subject:
        text = (
            f"The update is deferred: vCPU {subject} is kicked and updates its own area on its "
            "way back to the guest."
        )
        xen.emit(Note(cite=_DEFER, text=text))
    return subject


def update_runstate(xen: Xen, area: RegisteredArea, current: int, *, cure: str = "current") -> bool:
    """Xen updates a vCPU's runstate area while ``current`` runs on this CPU.

    Args:
        xen: the domain under an option.
        area: the registered area.
        current: the vCPU running here.
        cure: ``"deferred"`` puts the update off until the subject itself is
            about to return to the guest; anything else updates here and now.
    """
    if cure == "deferred":
        current = deferred_to(xen, area.subject, current)
    writes = [(0, RUNSTATE_BYTES, "vcpu_runstate_info")]
    if area.physical:
        # Always that model, whatever VM_ASSIST says, and the whole field at once:
        # update_runstate_area(), xen/common/domain.c (4.18).
        flag = (_ENTRY_TIME, 8, "state_entry_time, XEN_RUNSTATE_UPDATE")
        writes = [flag, *writes, flag]
    elif area.update_flag:
        flag = (_FLAG_BYTE, 1, "XEN_RUNSTATE_UPDATE")
        writes = [flag, *writes, flag]
    done = True
    stored = _stored(xen, area, current)
    # The flag's writes are part of the same struct; that the bit itself changes is not modelled.
    runstate = answer_bytes("vcpu_runstate_info", RUNSTATE_BYTES)
    for offset, size, role in writes:
        access = HandleAccess(
            direction=Direction.TO,
            handle=area.handle + offset,
            size=size,
            role=role,
            current=current,
            subject=area.subject,
            number=None,
            physical_area=area.physical,
        )
        done = copy_to_guest(xen, access, runstate[offset : offset + size], stored) and done
    return done


@contextmanager
def out_of_user_mode(xen: Xen, vcpu: int) -> Iterator[None]:
    """A vCPU leaves the guest in user mode: Xen finds the CR3 of that moment.

    Source: vmx_vmexit_handler(), xen/arch/x86/hvm/vmx/vmx.c, and svm_vmexit_handler(),
    xen/arch/x86/hvm/svm/svm.c: guest_cr[3] is read back at every exit.
    """
    kernel = xen.domain.vcpus[vcpu].cr3
    xen.domain.enter_user(vcpu)
    now = xen.domain.vcpus[vcpu].cr3
    if now != kernel:
        xen.loaded_cr3(vcpu)
    whose = "the user-mode tables" if now != kernel else "the same tables as in kernel mode"
    text = f"vCPU {vcpu} is in user mode: its CR3 is {now.hex()}, {whose}."
    xen.emit(Note(cite=_EXITED, text=text))
    try:
        yield
    finally:
        xen.domain.enter_kernel(vcpu)
        if now != kernel:
            xen.loaded_cr3(vcpu)


def _stored(xen: Xen, area: RegisteredArea, current: int) -> GuestCall | None:
    """Meaning of a stored handle, for the oracle; no call is running.

    None where the handle is the area's own linear address, or a physical one.
    """
    if area.physical or area.handle == area.va.value:
        return None
    pieces = xen.domain.truth(area.va, RUNSTATE_BYTES, vcpu=area.subject)
    meaning = Meaning(start=area.handle, size=RUNSTATE_BYTES, va=area.va, pieces=pieces)
    number = twin_of(xen.domain.release)[0]
    return GuestCall(vcpu=current, name="update", number=number, args=(), meanings=(meaning,))
