"""Common parts of designs with physical addresses: the guest's translation, Xen's resolution."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from xenexplore.addr import Gpa, Gva, split_pages
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Meaning, Refused
from xenexplore.hypervisor.design import Parameter
from xenexplore.hypervisor.passed_buffers import BufferUse, meaning_of, passed_buffers
from xenexplore.steps import Cite, GuestTranslate, GuestWrite, Hazard, Translation

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = [
    "MULTICALL",
    "NOT_CONTIGUOUS",
    "PHYSICAL_BIT",
    "PRIVATE_FRAMES",
    "contiguous",
    "encode_handle",
    "flat_call",
    "guest_translate",
    "hole_bytes",
    "locate_physical",
    "mark_entries",
    "ram_range",
]

PHYSICAL_BIT = 1 << 30
"""Flavour bit of the number, as in the 2025 patch; bit 31 is Viridian's (hvm_hypercall())."""

MULTICALL = 13
"""__HYPERVISOR_multicall (xen/include/public/xen.h)."""

MULTICALL_ENTRY = 64
"""sizeof(multicall_entry_t): op, result, six arguments (xen/include/public/xen.h)."""

NOT_CONTIGUOUS = Parameter(
    name="not_contiguous",
    default="send",
    choices=("send", "refuse"),
    help="A guest that does not check its buffers' frames, or one that does.",
)
"""The parameter of the options whose physical addresses are flat."""

_PRIVATE = (
    "the guest passes the address of a page that is private to it: Xen reads ciphertext there, and "
    "what it writes there decrypts to garbage, as encrypted-miss expects of number-bit (ours)"
)
PRIVATE_FRAMES: Mapping[str, tuple[int, str]] = {
    "bounce-limit": (64, _PRIVATE),
    "encrypted-miss": (4, _PRIVATE),
    "encryption-flips": (68, _PRIVATE),
}
"""Hazards that all designs with physical addresses declare for an encrypted guest
(``Design.hazards``)."""

_ARITHMETIC = Cite("Linux, arch/x86/include/asm/page.h", "__pa")
_TABLES = Cite("Linux, arch/x86/mm/pat/set_memory.c", "slow_virt_to_phys")


def locate_physical(access: HandleAccess) -> Iterator[Located]:
    """A handle that is a guest-physical address: one piece per 4 KiB page, no walk.

    Source: hvm_copy_to_guest_phys(), which is __hvm_copy() without
    HVMCOPY_linear (xen/arch/x86/hvm/hvm.c).
    """
    for gpa, size in split_pages(Gpa(access.handle), access.size):
        yield Located(gpa, size, checked=False)


def contiguous(pieces: tuple[tuple[Gpa | None, int], ...]) -> bool:
    """Whether pieces are contiguous in guest-physical space."""
    expected = pieces[0][0]
    for gpa, size in pieces:
        if gpa is None or gpa != expected:
            return False
        expected = gpa + size
    return True


def guest_translate(xen: Xen, va: Gva, size: int, vcpu: int) -> tuple[tuple[Gpa | None, int], ...]:
    """The guest translates one of its buffers, page by page, and that is recorded.

    Addresses of the directmap and of the kernel image need a subtraction;
    anything else needs a walk of the guest's own tables.
    """
    pieces = xen.domain.truth(va, size, vcpu=vcpu)
    arithmetic = any(region.physical is not None and va in region for region in xen.domain.regions)
    for (piece, _), (gpa, _) in zip(split_pages(va, size), pieces, strict=True):
        xen.emit(
            GuestTranslate(
                cite=_ARITHMETIC if arithmetic else _TABLES,
                va=piece,
                gpa=gpa,
                how=Translation.ARITHMETIC if arithmetic else Translation.TABLE_WALK,
            )
        )
        if arithmetic:
            break
    return pieces


def encode_handle(xen: Xen, call: GuestCall, use: BufferUse, value: int) -> GuestCall:
    """Put an encoded handle wherever Xen will find it: registers, and fields in memory."""
    own = use.register if use.register is not None else use.field
    for place in (own, *use.twins):
        assert place is not None
        if isinstance(place, int):
            call = call.with_arg(place, value)
            continue
        xen.rewrite(place, value, vcpu=call.vcpu)
        where = xen.domain.truth(place, 8, vcpu=call.vcpu)[0][0]
        assert where is not None
        xen.emit(
            GuestWrite(cite=xen.design.asked, gpa=where, size=8, what=f"the handle of {use.role}")
        )
    return call


def flat_call(xen: Xen, call: GuestCall, *, bit: int, whole_pages: bool) -> GuestCall | Refused:
    """Every handle of the call becomes the physical address of its first byte.

    Args:
        xen: the domain under an option.
        call: as the guest would make it today.
        bit: flavour bits to set in the number.
        whole_pages: True: a guest that checks, and refuses what is not
            contiguous; False: one that does not, which is a hazard.
    """
    meanings: list[Meaning] = []
    uses = passed_buffers(xen.domain, call)
    for use in uses:
        if not _encoded(call, use):
            continue
        pieces = guest_translate(xen, use.va, use.size, call.vcpu)
        first = pieces[0][0]
        if first is None:
            return Refused(f"{use.role} at {use.va.hex()} is not mapped")
        if not contiguous(pieces):
            if whole_pages:
                return Refused(
                    f"{use.role} crosses into a non-contiguous frame: it has no "
                    "single physical address"
                )
            xen.emit(
                Hazard(
                    cite=xen.design.asked,
                    name="not contiguous",
                    detail=f"{use.role} is in non-contiguous frames, but a flat address implies "
                    "contiguous ones",
                )
            )
        meanings.append(meaning_of(xen.domain, use, first.value, call.vcpu))
        call = encode_handle(xen, call, use, first.value)
    if call.number == MULTICALL and call.inner == "as-option":
        mark_entries(xen, call, uses[0], bit)
    outer = 0 if call.number == MULTICALL and call.outer == "linear" else bit
    return replace(call, number=call.number | outer, meanings=(*call.meanings, *meanings))


def _encoded(call: GuestCall, use: BufferUse) -> bool:
    """Whether a handle is encoded at all: in a multicall, list and entries may differ."""
    if call.number != MULTICALL:
        return True
    return (call.inner if use.register is None else call.outer) == "as-option"


def mark_entries(xen: Xen, call: GuestCall, entries: BufferUse, bit: int) -> None:
    """Set the flavour bits in the number of every entry of a multicall."""
    for start in range(0, entries.size, MULTICALL_ENTRY):
        at = entries.va + start
        op = int.from_bytes(xen.domain.read(at, 8, vcpu=call.vcpu), "little")
        xen.rewrite(at, op | bit, vcpu=call.vcpu)


def ram_range(xen: Xen, gpa: Gpa, size: int) -> bool:
    """Whether a guest-physical range begins and ends in RAM of the domain. Our criterion.

    A range over a directmap takes in the hole below 4 GiB, so that RAM throughout
    would refuse the one registration that the thread proposes.
    """
    if gpa.value + size > 1 << Gpa.BITS:
        return False
    ends = (gpa, gpa + (size - 1))
    return all(any(span.covers(end, 1) for span in xen.domain.ram) for end in ends)


def hole_bytes(xen: Xen, gpa: Gpa, size: int) -> int:
    """Bytes of a guest-physical range that are not RAM of the domain."""
    end = gpa.value + size
    return size - sum(
        max(0, min(end, span.start.value + span.size) - max(gpa.value, span.start.value))
        for span in xen.domain.ram
    )
