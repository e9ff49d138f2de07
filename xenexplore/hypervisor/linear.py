"""Today's resolution: each piece of a linear address is walked through the guest's tables.

Under shadow paging the vTLB is searched first, and a walk that succeeds is remembered
there (:mod:`xenexplore.hypervisor.remembered`); under HAP nothing is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenexplore.addr import Gva, split_pages
from xenexplore.hypervisor.calls import HandleAccess, Located
from xenexplore.steps import Fault, Piece, xen

if TYPE_CHECKING:
    from xenexplore.hypervisor.remembered import RememberedWalks
    from xenexplore.hypervisor.xen import Xen

__all__ = ["locate_linear", "walk_piece"]

_HVM_COPY = xen("xen/arch/x86/hvm/hvm.c", "__hvm_copy")


def locate_linear(
    xen: Xen, access: HandleAccess, *, vcpu: int | None = None
) -> Iterator[Located | Fault]:
    """One walk per 4 KiB piece, in the tables of ``vcpu`` (default: ``current``).

    Source: __hvm_copy() and hvm_translate_get_page() (xen/arch/x86/hvm/hvm.c):
    ``v`` is ``current`` for every copy of a hypercall argument.
    """
    walker = access.current if vcpu is None else vcpu
    for va, size in split_pages(Gva(access.handle), access.size):
        yield walk_piece(xen, va, size, write=access.writes, vcpu=walker)


def walk_piece(
    xen: Xen,
    va: Gva,
    size: int,
    *,
    write: bool,
    vcpu: int,
    remembered: RememberedWalks | None = None,
) -> Located | Fault:
    """Walk for one piece, or recall a walk; its steps are recorded under the piece.

    Args:
        xen: the domain under a design.
        va: linear address; the ``size`` bytes from it are in one page.
        size: bytes.
        write: whether Xen writes.
        vcpu: the vCPU whose tables and cache of walks are used.
        remembered: a design's cache of walks; None: shadow paging's, if the guest has it.

    >>> from xenexplore.guest.domain import Domain
    >>> from xenexplore.guest.spec import GuestSpec
    >>> from xenexplore.hypervisor.xen import Xen
    >>> from xenexplore.options.registry import make_option
    >>> guest = Domain(GuestSpec())
    >>> buffer = guest.place("b", "static", 8)
    >>> xen = Xen(guest, make_option("linear-walk"))
    >>> found = walk_piece(xen, buffer.va, 8, write=False, vcpu=0)
    >>> found.size, found.checked, found.gpa.offset == buffer.offset
    (8, True, True)
    """
    cache = xen.vtlb if remembered is None else remembered
    with xen.record.under(Piece(cite=_HVM_COPY, handle=va.value, size=size)):
        found = None if cache is None else cache.find(xen.record, vcpu, va, write=write)
        if found is None:
            result = xen.walk(vcpu, va, write=write)
            if result.fault is not None:
                return result.fault
            assert result.gpa is not None
            found = result.gpa
            if cache is not None:
                cache.keep(xen.record, vcpu, va, found, write=write)
    return Located(found, size, checked=True)
