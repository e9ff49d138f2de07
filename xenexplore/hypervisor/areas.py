"""Registered areas: a handle that is stored now and written to later, whoever runs then.

Runstate and time areas are registered per vCPU; Xen writes them at context
switches and time updates.  The copy goes through ``current``, whatever vCPU the
area belongs to: the case that made the thread's prerequisite.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gpa, Gva
from xenexplore.hypervisor.abi import Access, Area
from xenexplore.hypervisor.answers import answer_bytes
from xenexplore.hypervisor.copying import copy_to_guest
from xenexplore.memory import P2mType
from xenexplore.steps import Check, Note, mail, xen

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["RUNSTATE_BYTES", "register_physical", "update_runstate"]

RUNSTATE_BYTES = 48
"""sizeof(struct vcpu_runstate_info): state, entry time, four times (public/vcpu.h)."""

_FLAG_BYTE = 15
"""XEN_RUNSTATE_UPDATE is the top bit of state_entry_time, at offset 8: its byte 7."""

_MAP = xen("xen/common/domain.c", "map_guest_area", "4.18")
_WRITABLE = (P2mType.p2m_ram_rw, P2mType.p2m_ram_logdirty)
_DEFER = mail("Pau Monne", "29 Sep 2022", "YzWDZcsziR0SDGBf@MacBook-Air-de-Roger.local")


def register_physical(machine: Xen, subject: int, gpa: Gpa, va: Gva) -> int | Area:
    """VCPUOP_register_runstate_phys_area: what map_guest_area() accepts, or -errno.

    Source: map_guest_area(), xen/common/domain.c (4.18): the area must not cross
    a page and must be aligned to a long (-ENXIO), and its page must be RAM that
    can be written (-EACCES).
    """
    if gpa.value == (1 << 64) - 1:
        return 0
    crosses = gpa.offset + RUNSTATE_BYTES > PAGE_SIZE
    _check(machine, "the area lies within one page", not crosses, f"offset {gpa.offset:#x}")
    if crosses:
        return -errno.ENXIO
    aligned = gpa.value % 8 == 0
    _check(machine, "the area is aligned to a long", aligned, gpa.hex())
    if not aligned:
        return -errno.ENXIO
    touched = machine.touch(gpa, 1, None)
    entry = machine.domain.memory.p2m.entry(gpa.value >> PAGE_SHIFT)
    writable = touched is not None and entry.type in _WRITABLE
    _check(machine, "the page is RAM that can be written", writable, gpa.page.hex())
    if not writable:
        return -errno.EACCES
    return Area(subject=subject, handle=gpa.value, va=va, physical=True)


def _check(machine: Xen, name: str, passed: bool, detail: str) -> None:
    machine.emit(Check(cite=_MAP, name=name, passed=passed, detail=detail))


def update_runstate(machine: Xen, area: Area, current: int, *, cure: str = "current") -> bool:
    """Xen updates a vCPU's runstate area while ``current`` runs on this CPU.

    Args:
        machine: the domain under an option.
        area: the registered area.
        current: the vCPU running here.
        cure: ``"deferred"`` puts the update off until the subject itself is
            about to return to the guest; anything else updates here and now.
    """
    if cure == "deferred" and current != area.subject:
        machine.emit(
            Note(
                cite=_DEFER,
                text=f"The update is put off: vCPU {area.subject} is kicked and updates its "
                f"own area "
                "on its way back to the guest.",
            )
        )
        current = area.subject
    writes = [(0, RUNSTATE_BYTES, "vcpu_runstate_info")]
    if area.update_flag and not area.physical:
        flag = (_FLAG_BYTE, 1, "XEN_RUNSTATE_UPDATE")
        writes = [flag, *writes, flag]
    done = True
    for offset, size, role in writes:
        access = Access(
            direction="to",
            handle=area.handle + offset,
            size=size,
            role=role,
            current=current,
            subject=area.subject,
            number=None,
            physical_area=area.physical,
        )
        done = copy_to_guest(machine, access, answer_bytes(role, size)) and done
    return done
