"""O8: large buffers as GFN lists, with the lists in registered buffers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from xenexplore.addr import PAGE_SIZE
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Refused
from xenexplore.hypervisor.design import Admitted, Design, Parameter
from xenexplore.hypervisor.lists import SgList, build_list, locate_listed
from xenexplore.hypervisor.passed_buffers import meaning_of, passed_buffers
from xenexplore.hypervisor.physical import encode_handle, guest_translate
from xenexplore.hypervisor.registered import TLB_PARAMETERS, RegisteredBuffers, lacking, ranges_of
from xenexplore.hypervisor.replay_model import (
    TABLE_PARAMETERS,
    Preparation,
    RecordedBuffers,
    ReplayModel,
    Resolution,
)
from xenexplore.hypervisor.stale_entries import STALE_ENTRIES
from xenexplore.steps import Cite, Direction, Fault, mail

if TYPE_CHECKING:
    from xenexplore.guest.placement.buffers import PlacedBuffer
    from xenexplore.hypervisor.xen import Xen

__all__ = ["GfnLists"]

INDIRECT_BIT = 1 << 29
"""Ours: marks the indirect variant of a call; the thread does not define the mark."""

_SLOTS = PAGE_SIZE // 8


class _Replay(ReplayModel):
    """Registered buffers are searched; a buffer of more than a page is a registered list."""

    follows = TABLE_PARAMETERS | {"register"}
    lists_registered = True
    variants: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "gfn-lists": {"register": ("directmap", "kernel-image", "stack")}
    }

    def prepares(self, buffers: RecordedBuffers) -> Preparation:
        large = buffers.pages > 1
        return Preparation(encoded=large, listed=large)

    def resolves(self) -> Resolution:
        return Resolution.SEARCH


class GfnLists(Design):
    """Indirect variants of calls: the handle names a GFN list inside a registered buffer."""

    ident: ClassVar[str] = "O8"
    name: ClassVar[str] = "gfn-lists"
    title: ClassVar[str] = "GFN lists for large buffers, inside registered buffers"
    summary: ClassVar[str] = (
        "Small buffers use the software TLB. A buffer of more than a page is passed as a list "
        "of GFNs in a registered page: Xen finds the list with a TLB lookup, reads the GFNs, "
        "and copies by guest-physical address. The marking of the indirect variant is ours, and "
        "so is the limit of one registered page per vCPU, for one list of 511 frames: the "
        "thread sets none."
    )
    asked: ClassVar[Cite] = mail(
        "Gross", "28 Sep 2022", "94aab958-c141-4c43-a249-a55d8e5be735@suse.com"
    )
    hazards: ClassVar[Mapping[str, Admitted]] = {
        **STALE_ENTRIES,
        "area-crossing-a-page": (
            50,
            (
                "the handle of an area outlives its call: at the next update nothing marks it "
                "as a list, and Xen overwrites the list (ours)"
            ),
        ),
    }
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            name="register",
            default=(),
            help="What else is registered on every vCPU at the start.",
            source="Gross, 28 Sep 2022",
        ),
        *TLB_PARAMETERS,
    )
    replay: ClassVar[type[ReplayModel]] = _Replay

    tlb: RegisteredBuffers

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        self.pages: dict[int, PlacedBuffer] = {}
        self.lists: list[tuple[int, int, SgList]] = []

    def refuses(self, xen: Xen) -> str:
        if xen.domain.spec.type == "pv":
            return "a PV guest's GFNs are MFNs; the thread kept linear addresses for it"
        return lacking(xen, self.texts("register"))

    def setup(self, xen: Xen) -> None:
        self.tlb = RegisteredBuffers(xen, self)
        for vcpu in range(xen.domain.spec.vcpus):
            page = xen.domain.place(
                f"gfn-list-{vcpu}", "kmalloc", PAGE_SIZE, offset=0, vcpu=vcpu, shared=True
            )
            self.pages[vcpu] = page
            covered = False
            if vcpu == 0 or self.text("scope") == "vcpu":
                for word in self.texts("register"):
                    for entry in ranges_of(xen, word, vcpu):
                        self.tlb.insert(xen, vcpu, entry)
            covered = any(
                slot.va <= page.va and page.va.value + PAGE_SIZE <= slot.va.value + slot.size
                for slot in self.tlb.tables.entries(vcpu)
            )
            if not covered:
                for entry in ranges_of(xen, f"buffer:{page.name}", vcpu):
                    self.tlb.insert(xen, vcpu, entry)

    def prepare(self, xen: Xen, call: GuestCall) -> GuestCall | Refused:
        self.lists.clear()
        meanings = list(call.meanings)
        page = self.pages[call.vcpu]
        slot = 0
        for use in passed_buffers(xen.domain, call):
            if use.va.offset + use.size <= PAGE_SIZE:
                continue
            pieces = []
            for gpa, size in guest_translate(xen, use.va, use.size, call.vcpu):
                if gpa is None:
                    return Refused(f"{use.role} is not completely mapped")
                pieces.append((gpa, size))
            if slot or len(pieces) + 1 > _SLOTS:
                return Refused(
                    f"{use.role}: the registered list page holds one list of {_SLOTS - 1} frames "
                    "(our limit; the thread sets none)"
                )
            made = build_list(xen, tuple(pieces), "gfn-array", 1, page.frames)
            slot += len(pieces) + 1
            self.lists.append((page.va.value, use.size, made))
            meanings.append(meaning_of(xen.domain, use, page.va.value, call.vcpu))
            call = encode_handle(xen, call, use, page.va.value)
        bit = INDIRECT_BIT if self.lists else 0
        return replace(call, number=call.number | bit, meanings=tuple(meanings))

    def dispatch(self, xen: Xen, call: GuestCall) -> int:
        return call.number & ~INDIRECT_BIT

    def inner(self, xen: Xen, call: GuestCall, op: int) -> tuple[int, int]:
        return op, op | (call.number & INDIRECT_BIT)

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        for start, size, lst in self.lists:
            if (
                access.number is not None
                and access.number & INDIRECT_BIT
                and start <= access.handle < start + size
            ):
                yield from self._indirect(xen, access, start, lst)
                return
        yield from self.tlb.locate(xen, access)

    def _indirect(
        self, xen: Xen, access: HandleAccess, start: int, lst: SgList
    ) -> Iterator[Located | Fault]:
        """Find the list through the TLB (one lookup of its 8-byte words), then follow it."""
        for found in self.tlb.locate(
            xen, replace(access, handle=start, size=8, direction=Direction.FROM)
        ):
            if isinstance(found, Fault):
                yield found
                return
        yield from locate_listed(xen, lst, access.handle - start, access.size)

    def continued(self, xen: Xen, call: GuestCall, number: int) -> GuestCall:
        return replace(call, number=number | (call.number & INDIRECT_BIT))

    def switched(self, xen: Xen, vcpu: int) -> None:
        self.tlb.switched(xen, vcpu)
