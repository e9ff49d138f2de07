"""O1: the whole domain passes guest-physical addresses, decided when it is created."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Refused
from xenexplore.hypervisor.design import Admitted, Design, Parameter
from xenexplore.hypervisor.physical import (
    NOT_CONTIGUOUS,
    PRIVATE_FRAMES,
    flat_call,
    locate_physical,
)
from xenexplore.hypervisor.replay_model import (
    Preparation,
    RecordedBuffers,
    ReplayModel,
    Resolution,
)
from xenexplore.steps import Cite, Fault, mail

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["DomainMode"]


class _Replay(ReplayModel):
    """Every handle is translated; Xen makes no walk."""

    def prepares(self, buffers: RecordedBuffers) -> Preparation:
        return Preparation(encoded=True)

    def resolves(self) -> Resolution:
        return Resolution.PHYSICAL


class DomainMode(Design):
    """A creation flag: every handle of the domain, in every call, is a physical address."""

    ident: ClassVar[str] = "O1"
    name: ClassVar[str] = "domain-mode"
    title: ClassVar[str] = "Physical addresses for a whole domain, chosen at creation"
    summary: ClassVar[str] = (
        "A flag of the domain (XEN_DOMCTL_CDF_physaddr_abi in the 2025 series) makes Xen take "
        "every handle as a guest-physical address. No number bit, no walk; but everything that "
        "runs in the domain, including firmware and kexec kernels, must agree, and PV is "
        "rejected with -EINVAL."
    )
    asked: ClassVar[Cite] = mail(
        "Astie", "18 Apr 2025", "cover.1744981654.git.teddy.astie@vates.tech"
    )
    hazards: ClassVar[Mapping[str, Admitted]] = {
        **PRIVATE_FRAMES,
        "wrong-vcpu": (
            50,
            (
                "the caller translates another vCPU's area with its own page tables; Xen keeps "
                "the handle, and updates go there (ours)"
            ),
        ),
    }
    parameters: ClassVar[tuple[Parameter, ...]] = (NOT_CONTIGUOUS,)
    replay: ClassVar[type[ReplayModel]] = _Replay

    def refuses(self, xen: Xen) -> str:
        if xen.domain.spec.type == "pv":
            return "domain creation fails with -EINVAL: the mode is for HVM and PVH only"
        return ""

    def prepare(self, xen: Xen, call: GuestCall) -> GuestCall | Refused:
        return flat_call(xen, call, bit=0, whole_pages=self.text("not_contiguous") == "refuse")

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        return locate_physical(access)
