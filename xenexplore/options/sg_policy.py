"""O4: several bits of the hypercall number choose one scatter/gather policy for the whole call."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from xenexplore.addr import PAGE_SIZE
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Refused
from xenexplore.hypervisor.design import Admitted, Design, Parameter
from xenexplore.hypervisor.linear import locate_linear
from xenexplore.hypervisor.lists import LAYOUT, ListHandles, capacity
from xenexplore.hypervisor.passed_buffers import BufferUse, meaning_of, passed_buffers
from xenexplore.hypervisor.physical import (
    MULTICALL,
    PHYSICAL_BIT,
    PRIVATE_FRAMES,
    encode_handle,
    flat_call,
    guest_translate,
    locate_physical,
    mark_entries,
)
from xenexplore.hypervisor.replay_model import (
    Preparation,
    RecordedBuffers,
    ReplayModel,
    Resolution,
)
from xenexplore.steps import Cite, Fault, Hazard, Note, mail

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["ScatterGatherPolicy"]

_POLICY_SHIFT = 28
"""Ours: the thread names no bits."""

_POLICIES = {"flat": 0, "single": 1, "by-size": 2}
_MASK = PHYSICAL_BIT | 3 << _POLICY_SHIFT


class _Replay(ReplayModel):
    """Each buffer flat, each a list, or a list if it is not within one page."""

    follows = frozenset({"policy"})

    def prepares(self, buffers: RecordedBuffers) -> Preparation:
        policy = self.option.text("policy")
        large = buffers.pages > 1
        return Preparation(encoded=True, listed=large if policy == "by-size" else policy != "flat")

    def resolves(self) -> Resolution:
        return Resolution.PHYSICAL


class ScatterGatherPolicy(Design):
    """All flat, all single-level lists, or levels derived from each buffer's size."""

    ident: ClassVar[str] = "O4"
    name: ClassVar[str] = "sg-policy"
    title: ClassVar[str] = "Number bits select a scatter/gather policy for the call"
    summary: ClassVar[str] = (
        "Two more bits of the number choose, for all buffers of the call: flat, single-level "
        "lists throughout, or levels derived from each buffer's size (0 while it fits the flat "
        "case, then 1, then 2). Deriving levels needs the buffer's total size in every copy "
        "helper. The choice of bits 28 and 29 is ours."
    )
    asked: ClassVar[Cite] = mail(
        "Beulich", "28 Sep 2022", "98b857b8-f36a-e935-8318-f17dfc3457ab@suse.com"
    )
    hazards: ClassVar[Mapping[str, Admitted]] = PRIVATE_FRAMES
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            name="policy",
            default="single",
            choices=tuple(_POLICIES),
            help="The policy that the number's bits select.",
            source="Beulich, 28 Sep 2022",
        ),
        Parameter(
            name="sized_by",
            default="buffer",
            choices=("buffer", "copy"),
            help="The size that by-size compares in Xen: that of the whole buffer, which every "
            "helper then has to receive, or that of the current copy, the only size that "
            "today's helpers receive.",
        ),
        LAYOUT,
    )
    replay: ClassVar[type[ReplayModel]] = _Replay

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        self.lists = ListHandles()

    def refuses(self, xen: Xen) -> str:
        if xen.domain.spec.type == "pv":
            return "PV guests keep linear addresses (Beulich and Gross, 29 Sep 2022)"
        return ""

    def levels(self, use: BufferUse) -> int:
        """Number of list levels of a buffer under the policy."""
        policy = self.text("policy")
        if policy != "by-size":
            return 0 if policy == "flat" else 1
        if use.va.offset + use.size <= PAGE_SIZE:
            return 0
        layout = self.text("layout")
        return 1 if use.size + use.va.offset <= capacity(layout, 1) else 2  # type: ignore[arg-type]

    def prepare(self, xen: Xen, call: GuestCall) -> GuestCall | Refused:
        self.lists.clear()
        bits = PHYSICAL_BIT | _POLICIES[self.text("policy")] << _POLICY_SHIFT
        if self.text("policy") == "flat":
            return flat_call(xen, call, bit=bits, whole_pages=False)
        meanings = []
        uses = passed_buffers(xen.domain, call)
        for use in uses:
            pieces = guest_translate(xen, use.va, use.size, call.vcpu)
            levels = self.levels(use)
            if levels:
                made = self.lists.make(xen, pieces, self.text("layout"), fewest=levels)
                if isinstance(made, Refused):
                    return made
                value = made.at.value
                self.lists.bind(value, use.size, made)
            elif pieces[0][0] is None:
                return Refused(f"{use.role} at {use.va.hex()} is not mapped")
            else:
                value = pieces[0][0].value
            meanings.append(meaning_of(xen.domain, use, value, call.vcpu))
            call = encode_handle(xen, call, use, value)
        if call.number == MULTICALL:
            mark_entries(xen, call, uses[0], bits)
        if self.text("policy") == "by-size":
            xen.emit(
                Note(
                    cite=self.asked,
                    text="Levels are derived from sizes: every copy helper needs the size of "
                    "the whole buffer, which today's helpers do not receive.",
                )
            )
        return replace(call, number=call.number | bits, meanings=tuple(meanings))

    def dispatch(self, xen: Xen, call: GuestCall) -> int:
        return call.number & ~_MASK

    def inner(self, xen: Xen, call: GuestCall, op: int) -> tuple[int, int]:
        return op & ~_MASK, op

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        if access.number is None or not access.number & PHYSICAL_BIT:
            return locate_linear(xen, access)
        if self.lists.find(access.handle) is None:
            return locate_physical(access)
        if self._looks_flat(access):
            detail = (
                f"a helper that sees {access.size} bytes at {access.handle:#x} takes them for a "
                "flat buffer, but they are the list of a larger one"
            )
            xen.emit(Hazard(cite=self.asked, name="total size not known", detail=detail))
            return locate_physical(access)
        return self.lists.locate(xen, access)

    def _looks_flat(self, access: HandleAccess) -> bool:
        """Whether levels follow from this copy's own size, and it fits in a page."""
        if self.text("policy") != "by-size" or self.text("sized_by") != "copy":
            return False
        return access.handle % PAGE_SIZE + access.size <= PAGE_SIZE

    def continued(self, xen: Xen, call: GuestCall, number: int) -> GuestCall:
        return replace(call, number=number | (call.number & _MASK))
