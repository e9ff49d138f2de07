"""O0: today's interface.  A handle is a linear address; Xen walks for every piece it copies."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from xenexplore.hypervisor.calls import HandleAccess, Located
from xenexplore.hypervisor.design import Design, Parameter
from xenexplore.hypervisor.linear import locate_linear
from xenexplore.hypervisor.replay_model import ReplayModel, Walked
from xenexplore.steps import Cite, Fault, xen

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["LinearWalk"]


class LinearWalk(Design):
    """Status quo: ``copy_{to,from}_user_hvm()`` walk the tables of ``current``."""

    ident: ClassVar[str] = "O0"
    name: ClassVar[str] = "linear-walk"
    title: ClassVar[str] = "Linear addresses, walked by Xen on every copy (today)"
    summary: ClassVar[str] = (
        "The guest passes linear addresses. For each piece of each copy Xen reads the guest's "
        "page tables, checks permissions as the CPU would, sets Accessed and Dirty bits, and "
        "looks up every table and the final frame in the P2M. Under HAP nothing is cached "
        "between copies; shadow paging searches its vTLB first and remembers each walk there. "
        "Impossible when the tables are encrypted."
    )
    asked: ClassVar[Cite] = xen("xen/arch/x86/hvm/hvm.c", "copy_to_user_hvm")
    guests: ClassVar[tuple[str, ...]] = ("pvh", "hvm", "pv")
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            name="cross_vcpu",
            default="current",
            choices=("current", "subject", "deferred"),
            help="Which vCPU's tables are walked for a copy on behalf of another vCPU.",
            source="Beulich, Pau Monne, 29 Sep 2022",
        ),
    )
    replay: ClassVar[type[ReplayModel]] = Walked

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        vcpu = access.subject if self.text("cross_vcpu") == "subject" else access.current
        return locate_linear(xen, access, vcpu=vcpu)
