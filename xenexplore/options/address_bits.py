"""O3: the low two bits of each buffer's address say whether it is flat or a list."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Refused
from xenexplore.hypervisor.design import Admitted, Design, Parameter
from xenexplore.hypervisor.linear import locate_linear
from xenexplore.hypervisor.lists import LAYOUT, ListHandles
from xenexplore.hypervisor.passed_buffers import meaning_of, passed_buffers
from xenexplore.hypervisor.physical import (
    MULTICALL,
    PHYSICAL_BIT,
    PRIVATE_FRAMES,
    contiguous,
    encode_handle,
    guest_translate,
    locate_physical,
    mark_entries,
)
from xenexplore.hypervisor.replay_model import (
    Mask,
    Preparation,
    RecordedBuffers,
    ReplayModel,
    Resolution,
)
from xenexplore.steps import Cite, Fault, mail

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["AddressBits"]

_DESCRIPTOR = 3


class _Replay(ReplayModel):
    """A list for each buffer that is not known to be contiguous; none unless 4-byte aligned."""

    def refuses_buffers(self, buffers: RecordedBuffers) -> tuple[str, Mask]:
        crooked = buffers.address & _DESCRIPTOR != 0
        return "a buffer is not 4-byte aligned: its low bits are not free", crooked

    def prepares(self, buffers: RecordedBuffers) -> Preparation:
        contiguous = (buffers.pages == 1) | buffers.linear
        return Preparation(encoded=True, listed=~contiguous)

    def resolves(self) -> Resolution:
        return Resolution.PHYSICAL


class AddressBits(Design):
    """Per buffer: 00 flat, 01 a single-level list, 10 a two-level list."""

    ident: ClassVar[str] = "O3"
    name: ClassVar[str] = "address-bits"
    title: ClassVar[str] = "Scatter/gather descriptor in the low two bits of each address"
    summary: ClassVar[str] = (
        "The number bit says physical, as in O2; bits 1:0 of each buffer's address then say "
        "flat, one-level or two-level list. Buffers must be 4-byte aligned for the bits to be "
        "free: an unaligned string cannot be passed. The meaning of each value is ours; the "
        "thread left it open."
    )
    asked: ClassVar[Cite] = mail(
        "Beulich (idea: Gross)", "28 Sep 2022", "98b857b8-f36a-e935-8318-f17dfc3457ab@suse.com"
    )
    hazards: ClassVar[Mapping[str, Admitted]] = PRIVATE_FRAMES
    parameters: ClassVar[tuple[Parameter, ...]] = (LAYOUT,)
    replay: ClassVar[type[ReplayModel]] = _Replay

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        self.lists = ListHandles()

    def refuses(self, xen: Xen) -> str:
        if xen.domain.spec.type == "pv":
            return "PV guests keep linear addresses (Beulich and Gross, 29 Sep 2022)"
        return ""

    def prepare(self, xen: Xen, call: GuestCall) -> GuestCall | Refused:
        self.lists.clear()
        meanings = []
        uses = passed_buffers(xen.domain, call)
        for use in uses:
            if use.va.value & _DESCRIPTOR:
                return Refused(
                    f"{use.role} at {use.va.hex()} is not 4-byte aligned: its low bits are not free"
                )
            pieces = guest_translate(xen, use.va, use.size, call.vcpu)
            if contiguous(pieces):
                assert pieces[0][0] is not None
                value = pieces[0][0].value
            else:
                made = self.lists.make(xen, pieces, self.text("layout"))
                if isinstance(made, Refused):
                    return made
                value = made.at.value | made.levels
                self.lists.bind(value, use.size, made)
            meanings.append(meaning_of(xen.domain, use, value, call.vcpu))
            call = encode_handle(xen, call, use, value)
        if call.number == MULTICALL:
            mark_entries(xen, call, uses[0], PHYSICAL_BIT)
        return replace(call, number=call.number | PHYSICAL_BIT, meanings=tuple(meanings))

    def dispatch(self, xen: Xen, call: GuestCall) -> int:
        return call.number & ~PHYSICAL_BIT

    def inner(self, xen: Xen, call: GuestCall, op: int) -> tuple[int, int]:
        return op & ~PHYSICAL_BIT, op

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        if access.number is None or not access.number & PHYSICAL_BIT:
            return locate_linear(xen, access)
        if access.handle & _DESCRIPTOR:
            return self.lists.locate(xen, access)
        return locate_physical(access)

    def continued(self, xen: Xen, call: GuestCall, number: int) -> GuestCall:
        return replace(call, number=number | PHYSICAL_BIT)
