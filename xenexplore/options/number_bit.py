"""O2: a bit in the hypercall number says that all buffers of this call are physical, flat."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Refused
from xenexplore.hypervisor.design import Admitted, Design, Parameter, Precedent
from xenexplore.hypervisor.linear import locate_linear
from xenexplore.hypervisor.physical import (
    NOT_CONTIGUOUS,
    PHYSICAL_BIT,
    PRIVATE_FRAMES,
    flat_call,
    locate_physical,
)
from xenexplore.hypervisor.replay_model import (
    Mask,
    Preparation,
    RecordedAccesses,
    RecordedBuffers,
    ReplayModel,
    Resolution,
)
from xenexplore.steps import Cite, Fault, mail, xen

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["NumberBit"]


class _Replay(ReplayModel):
    """Every handle is translated, except in calls from user space that stay linear."""

    follows = frozenset({"privcmd"})

    @property
    def _kernel_only(self) -> bool:
        return self.option.text("privcmd") == "linear"

    def prepares(self, buffers: RecordedBuffers) -> Preparation:
        return Preparation(encoded=~buffers.user if self._kernel_only else True)

    def resolves(self) -> Resolution:
        return Resolution.PHYSICAL

    def linear(self, accesses: RecordedAccesses) -> Mask:
        return accesses.user if self._kernel_only else False


class NumberBit(Design):
    """One flavour bit per call; flat, physically contiguous buffers."""

    ident: ClassVar[str] = "O2"
    name: ClassVar[str] = "number-bit"
    title: ClassVar[str] = "A bit in the hypercall number: physical addresses, flat"
    summary: ClassVar[str] = (
        "The guest sets a bit in RAX and passes the guest-physical address of each buffer, in "
        "registers and inside structs. The choice is made per call, so one kernel can mix old "
        "and new. Each buffer must be contiguous in guest-physical space."
    )
    asked: ClassVar[Cite] = mail(
        "Beulich", "28 Sep 2022", "98b857b8-f36a-e935-8318-f17dfc3457ab@suse.com"
    )
    hazards: ClassVar[Mapping[str, Admitted]] = PRIVATE_FRAMES
    parameters: ClassVar[tuple[Parameter, ...]] = (
        NOT_CONTIGUOUS,
        Parameter(
            name="continuation",
            default="keep",
            choices=("keep", "lost"),
            help="Whether a preempted call keeps the bit; in the 2025 patch it is lost.",
            source="ours, from hypercall_create_continuation()",
        ),
        Parameter(
            name="multicall",
            default="independent",
            choices=("independent", "inherited"),
            help="Entries of a multicall carry their own bit; in the 2025 patch they inherit "
            "the outer call's, and an entry with its own bit is an unknown call.",
            source="Beulich, 28 Sep 2022; inherited: ours, from the 2025 patch",
        ),
        Parameter(
            name="privcmd",
            default="linear",
            choices=("linear", "physical"),
            help="Calls from user space stay linear, or the kernel translates them too.",
            source="Beulich, 28 Sep 2022",
        ),
    )
    precedents: ClassVar[tuple[Precedent, ...]] = (
        Precedent(
            what="Viridian (Hyper-V's interface, for guests given it): bit 31 of EAX selects "
            "it; RCX holds the call code, RDX and R8 hold the guest-physical addresses of input "
            "and output (32-bit callers: EDX:EAX, EBX:ECX, EDI:ESI). Xen reads the input with "
            "hvm_copy_from_guest_phys(), no walk. Microsoft's TLFS requires parameters to be "
            "aligned to 8 bytes and within a page; Xen checks neither. None of these calls has "
            "output in memory.",
            cite=xen("xen/arch/x86/hvm/viridian/viridian.c", "viridian_hypercall"),
        ),
    )
    replay: ClassVar[type[ReplayModel]] = _Replay

    def refuses(self, xen: Xen) -> str:
        if xen.domain.spec.type == "pv":
            return (
                "PV guests keep linear addresses: any translation needs page references, and "
                "dropping one may free a page where that is not allowed (Beulich and Gross, 29 "
                "Sep 2022)"
            )
        return ""

    def prepare(self, xen: Xen, call: GuestCall) -> GuestCall | Refused:
        if xen.user_access and self.text("privcmd") == "linear":
            return call
        refuse = self.text("not_contiguous") == "refuse"
        return flat_call(xen, call, bit=PHYSICAL_BIT, whole_pages=refuse)

    def dispatch(self, xen: Xen, call: GuestCall) -> int:
        return call.number & ~PHYSICAL_BIT

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        # The flag lives for the length of a call: outside of any (a context
        # switch that updates a registered area) a handle is linear.
        if access.number is not None and access.number & PHYSICAL_BIT:
            return locate_physical(access)
        return locate_linear(xen, access)

    def inner(self, xen: Xen, call: GuestCall, op: int) -> tuple[int, int]:
        if self.text("multicall") == "inherited":
            return op, call.number
        return op & ~PHYSICAL_BIT, op

    def continued(self, xen: Xen, call: GuestCall, number: int) -> GuestCall:
        if self.text("continuation") == "keep":
            return replace(call, number=number | (call.number & PHYSICAL_BIT))
        return super().continued(xen, call, number)
