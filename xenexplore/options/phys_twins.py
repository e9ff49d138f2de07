"""O12: physical twins of the calls that register an area; merged in Xen 4.18."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

from xenexplore.addr import Gpa, Gva
from xenexplore.hypervisor.areas import register_runstate_physical
from xenexplore.hypervisor.calls import HandleAccess, Located
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.linear import locate_linear
from xenexplore.hypervisor.replay_model import ReplayModel, Walked
from xenexplore.steps import Cite, Fault, xen

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["PhysTwins"]


class PhysTwins(Design):
    """Registered areas by physical address; every argument struct still by linear address."""

    ident: ClassVar[str] = "O12"
    name: ClassVar[str] = "phys-twins"
    title: ClassVar[str] = "Physical twins of two calls that register a linear address (Xen 4.18)"
    summary: ClassVar[str] = (
        "VCPUOP_register_runstate_phys_area and VCPUOP_register_vcpu_time_phys_area name the "
        "area by guest-physical address. Xen keeps the page mapped, so updates need no "
        "translation and no current vCPU. Everything else stays as today, including the fetch "
        "of the struct that carries the physical address."
    )
    asked: ClassVar[Cite] = xen("xen/common/domain.c", "VCPUOP_register_runstate_phys_area", "4.18")
    guests: ClassVar[tuple[str, ...]] = ("pvh", "hvm", "pv")
    replay: ClassVar[type[ReplayModel]] = Walked

    def register_area(
        self, xen: Xen, *, caller: int, subject: int, area: Gva, argument: Gva
    ) -> bool:
        register_runstate_physical(xen, caller, subject, area=area, argument=argument)
        return True

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        if access.number is None and access.physical_area:
            yield Located(Gpa(access.handle), access.size, checked=False)
            return
        yield from locate_linear(xen, access)
