"""The oracle: where the caller meant its bytes to be, and the result of today's walk.

Xen does not know what a caller means; this module does, because it can ask
the guest itself.  Nothing here is part of any mechanism: it only adds what a
reader needs to see silent damage (``Move.meant``) and lost checks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenexplore.addr import Gpa, Gva
from xenexplore.hypervisor.calls import linear_of
from xenexplore.paging import READ, WRITE, walk
from xenexplore.steps import UncheckedAccess, xen

if TYPE_CHECKING:
    from xenexplore.hypervisor.calls import GuestCall, HandleAccess
    from xenexplore.hypervisor.xen import Xen

__all__ = ["meant", "unchecked"]

_GUEST_WALK = xen("xen/arch/x86/mm/guest_walk.c", "guest_walk_tables")


def meant(
    xen: Xen, call: GuestCall | None, access: HandleAccess, start: int, size: int
) -> tuple[tuple[Gpa | None, int], ...]:
    """Place where ``size`` bytes from encoded address ``start`` belong, piece by piece.

    An area registered by physical address means that address; an encoded
    handle means what the guest's preparation said; any other is a linear
    address of the *subject*, in the subject's address space now.
    """
    if access.physical_area:
        return ((Gpa(start), size),)
    if call is not None:
        for meaning in call.meanings:
            if meaning.start <= start < meaning.start + meaning.size:
                return meaning.slice(start, size)
    return xen.domain.truth(Gva(start), size, vcpu=access.subject)


def unchecked(
    xen: Xen, call: GuestCall | None, access: HandleAccess, start: int, size: int
) -> UncheckedAccess | None:
    """Checks of this piece that today's walk would have made.

    None where there is no linear address to compare with, or where today's
    walk could not read the tables at all (encrypted guests).
    """
    va = None if access.physical_area else linear_of(call, start)
    if va is None or xen.domain.spec.encryption != "none":
        return None
    state = xen.paging_state(access.subject)
    memory = xen.domain.memory
    result = walk(memory.guest, state, va, WRITE if access.writes else READ)
    updates = result.updates
    missing = " ".join(
        name
        for name, bit in (("A", 0x20), ("D", 0x40))
        if any((update.after & ~update.before) & bit for update in updates)
    )
    fault = result.fault
    return UncheckedAccess(
        cite=_GUEST_WALK,
        va=va,
        size=size,
        write=access.writes,
        would_fail=fault.reason if fault is not None else "",
        flags_not_set=missing,
    )
