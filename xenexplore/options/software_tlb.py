"""O7: registered buffers as a software TLB, per vCPU; handles stay linear addresses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from xenexplore.addr import PAGE_SIZE, Gpa
from xenexplore.hypervisor.calls import HandleAccess, Located
from xenexplore.hypervisor.design import Design, Parameter, Precedent
from xenexplore.hypervisor.registered import (
    TLB_PARAMETERS,
    RegisteredBuffers,
    lacking,
    ranges_of,
)
from xenexplore.hypervisor.replay_model import TABLE_PARAMETERS, ReplayModel, Resolution
from xenexplore.steps import Cite, Fault, GuestWrite, ListRead, ListWord, mail, xen

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen
    from xenexplore.tlb import TlbEntry

__all__ = ["SoftwareTlb"]

_ENTRY_BYTES = 24  # va, pa, size: three 64-bit words; the thread fixes no layout (ours)


class _Replay(ReplayModel):
    """Registered buffers are searched; the ranges that the thread names are registered."""

    follows = TABLE_PARAMETERS | {"register"}
    variants: ClassVar[Mapping[str, Mapping[str, object]]] = {
        "software-tlb": {"register": ("directmap", "kernel-image", "stack")}
    }

    def resolves(self) -> Resolution:
        return Resolution.SEARCH


class SoftwareTlb(Design):
    """Registered (VA, PA, size) triples are searched before any walk."""

    ident: ClassVar[str] = "O7"
    name: ClassVar[str] = "software-tlb"
    title: ClassVar[str] = "Registered buffers as a per-vCPU software TLB"
    summary: ClassVar[str] = (
        "The guest registers ranges (virtual address, physical address, size). On each copy Xen "
        "searches these first: a hit needs no walk. On a miss Xen walks as today, or fails if "
        "the guest is encrypted. form=vcpuop (O7b) registers one piece per call, in five "
        "registers and with no buffer; form=table (O7a) passes a table by physical address."
    )
    asked: ClassVar[Cite] = mail(
        "Gross", "28 Sep 2022", "94aab958-c141-4c43-a249-a55d8e5be735@suse.com"
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            name="form",
            default="vcpuop",
            choices=("vcpuop", "table"),
            help="One buffer-less call per piece (O7b), or a table by physical address (O7a).",
            source="Gross, 28 Sep 2022; Beulich, 29 Sep 2022",
        ),
        Parameter(
            name="register",
            default=(),
            help="Registered on every vCPU at the start: directmap, kernel-image, percpu, "
            "stack, buffer:NAME.",
        ),
        *TLB_PARAMETERS,
    )
    precedents: ClassVar[tuple[Precedent, ...]] = (
        Precedent(
            what="Shadow paging's vTLB: 13 remembered walks per vCPU, on the path of these "
            "copies; filled by Xen, flushed with the guest's own TLB. Scenario shadow-vtlb.",
            cite=xen("xen/arch/x86/mm/shadow/private.h", "vtlb_lookup"),
        ),
    )
    replay: ClassVar[type[ReplayModel]] = _Replay

    tlb: RegisteredBuffers

    def refuses(self, xen: Xen) -> str:
        if xen.domain.spec.type == "pv":
            return (
                "PV guests: gfn equals mfn, and each translation would need page references "
                "(Beulich, 29 Sep 2022)"
            )
        return lacking(xen, self.texts("register"))

    def setup(self, xen: Xen) -> None:
        self.tlb = RegisteredBuffers(xen, self)
        for vcpu in self.tlb.owners:
            entries = [e for word in self.texts("register") for e in ranges_of(xen, word, vcpu)]
            if self.text("form") == "table":
                self._register_table(xen, vcpu, entries)
            else:
                for entry in entries:
                    self.tlb.insert(xen, vcpu, entry)

    def _register_table(self, xen: Xen, vcpu: int, entries: list[TlbEntry]) -> None:
        """O7a: the table is in guest memory and is named by its physical address."""
        if not entries:
            return
        room = PAGE_SIZE // _ENTRY_BYTES
        for start in range(0, len(entries), room):
            chunk = entries[start : start + room]
            (frame,) = xen.domain.alloc_frames(1, contiguous=True)
            if xen.domain.spec.encrypted:
                xen.domain.set_encrypted(frame, encrypted=False)
            table = Gpa(frame.value << 12)
            data = b"".join(
                word.to_bytes(8, "little")
                for entry in chunk
                for word in (entry.va.value, entry.pa.value, entry.size)
            )
            xen.domain.memory.guest.write(table.value, data)
            xen.emit(GuestWrite(cite=self.asked, gpa=table, size=len(data), what="the table"))
            xen.leave(self.asked, vcpu)
            for number, entry in enumerate(chunk):
                at = table + number * _ENTRY_BYTES
                if xen.read_physical(at, _ENTRY_BYTES) is None:
                    return
                xen.emit(
                    ListRead(
                        cite=self.asked,
                        gpa=at,
                        size=_ENTRY_BYTES,
                        element=number,
                        value=entry.va.value,
                        meaning=ListWord.ADDRESS,
                    )
                )
                self.tlb.insert_quietly(xen, vcpu, entry)

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        return self.tlb.locate(xen, access)

    def switched(self, xen: Xen, vcpu: int) -> None:
        self.tlb.switched(xen, vcpu)
