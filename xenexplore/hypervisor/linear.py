"""Today's resolution: each piece of a linear address is walked through the guest's tables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xenexplore.addr import Gva, split_pages
from xenexplore.hypervisor.calls import HandleAccess, Located
from xenexplore.steps import Fault, Piece, xen

if TYPE_CHECKING:
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


def walk_piece(xen: Xen, va: Gva, size: int, *, write: bool, vcpu: int) -> Located | Fault:
    """Walk for one piece; the walk's steps, and its fault if it has one, are recorded under it.

    Args:
        xen: the domain under a design.
        va: linear address of the first byte; the piece does not leave its page.
        size: bytes.
        write: whether Xen writes the guest's memory.
        vcpu: in whose page tables.

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
    with xen.record.under(Piece(cite=_HVM_COPY, handle=va.value, size=size)):
        result = xen.walk(vcpu, va, write=write)
    if result.fault is not None:
        return result.fault
    assert result.gpa is not None
    return Located(result.gpa, size, checked=True)
