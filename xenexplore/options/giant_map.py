"""O10: one registration over the directmap, and optionally a second over the kernel image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from xenexplore.hypervisor.calls import HandleAccess, Located
from xenexplore.hypervisor.design import Admitted, Design, Parameter
from xenexplore.hypervisor.registered import TLB_PARAMETERS, RegisteredBuffers, lacking, ranges_of
from xenexplore.hypervisor.replay_model import (
    TABLE_PARAMETERS,
    RecordedGuest,
    ReplayModel,
    Resolution,
)
from xenexplore.hypervisor.stale_entries import STALE_ENTRIES
from xenexplore.steps import Cite, Fault, mail

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["GiantMap"]


_PRIVATE = "meant for unencrypted guests: here the entry covers private memory"


class _Replay(ReplayModel):
    """Registered buffers are searched: one range, or two."""

    follows = TABLE_PARAMETERS | {"second"}
    variants: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "giant-map": {},
        "giant-map+image": {"second": "kernel-image"},
    }
    rank = 6.5  # before the tables of many entries

    def refuses(self, guest: RecordedGuest) -> str:
        return super().refuses(guest) or (_PRIVATE if guest.encrypted else "")

    def resolves(self) -> Resolution:
        return Resolution.SEARCH

    def registers(self) -> tuple[str, ...]:
        return _ranges(self.option)


def _ranges(option: Design) -> tuple[str, ...]:
    second = option.text("second")
    return ("directmap",) if second == "none" else ("directmap", second)


class GiantMap(Design):
    """The software TLB with one entry over all of RAM, at its directmap addresses."""

    ident: ClassVar[str] = "O10"
    name: ClassVar[str] = "giant-map"
    title: ClassVar[str] = "One registration over the directmap (and one over the kernel image)"
    summary: ClassVar[str] = (
        "An unencrypted PVH or HVM guest registers one range: from the start of its directmap, "
        "physical address 0, to the end of RAM, including any hole below 4 GiB. All kmalloc() "
        "memory is covered by one entry. second=kernel-image adds the range that Beulich names. "
        "Vmalloc'ed stacks, modules and user space are not covered."
    )
    asked: ClassVar[Cite] = mail(
        "Gross", "28 Sep 2022", "94aab958-c141-4c43-a249-a55d8e5be735@suse.com"
    )
    hazards: ClassVar[Mapping[str, Admitted]] = STALE_ENTRIES
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            name="second",
            default="none",
            choices=("none", "kernel-image"),
            help="A second registration, over the kernel image.",
            source="Beulich, 29 Sep 2022",
        ),
        *TLB_PARAMETERS,
    )
    replay: ClassVar[type[ReplayModel]] = _Replay

    tlb: RegisteredBuffers

    def refuses(self, xen: Xen) -> str:
        if xen.domain.spec.type == "pv":
            return "a PV guest's GFNs are MFNs; the thread kept linear addresses for it"
        if xen.domain.spec.encrypted:
            return _PRIVATE
        return lacking(xen, _ranges(self))

    def setup(self, xen: Xen) -> None:
        self.tlb = RegisteredBuffers(xen, self)
        for vcpu in self.tlb.owners:
            for word in _ranges(self):
                for entry in ranges_of(xen, word, vcpu):
                    self.tlb.insert(xen, vcpu, entry)

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        return self.tlb.locate(xen, access)

    def switched(self, xen: Xen, vcpu: int) -> None:
        self.tlb.switched(xen, vcpu)
