"""Designs with a fault each, which a trial must find; and where it may."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from xenexplore.addr import Gva, split_pages
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Refused
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.linear import locate_linear, walk_piece
from xenexplore.hypervisor.registered import RegisteredBuffers
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.software_tlb import SoftwareTlb
from xenexplore.scenario.trial.judging import Ruling
from xenexplore.steps import Fault

__all__ = ["PLANTED"]

Pieces = Iterator[Located | Fault]


class IgnoresVcpu(SoftwareTlb):
    """Every lookup is made in vCPU 0's table."""

    def locate(self, xen: Xen, access: HandleAccess) -> Pieces:
        return self.tlb.locate(xen, replace(access, current=0))


class _NeverPurged(RegisteredBuffers):
    def purge(self, xen: Xen, vcpu: int, va: Gva, size: int) -> int:
        return 0


class ForgetsToPurge(SoftwareTlb):
    """A purge does nothing."""

    def setup(self, xen: Xen) -> None:
        self.tlb = _NeverPurged(xen, self)


class SkipsTheWriteCheck(SoftwareTlb):
    """A hit is taken for a checked access, also where the guest maps its page read-only."""

    def locate(self, xen: Xen, access: HandleAccess) -> Pieces:
        for found in self.tlb.locate(xen, access):
            yield replace(found, checked=True) if isinstance(found, Located) else found


class RunsPastTheEntry(SoftwareTlb):
    """An access over two pages is taken for contiguous where its first byte lies."""

    def locate(self, xen: Xen, access: HandleAccess) -> Pieces:
        first = next(iter(self.tlb.locate(xen, access)))
        if isinstance(first, Fault):
            yield first
            return
        for gpa, size in split_pages(first.gpa, access.size):
            yield Located(gpa, size, checked=first.checked)


class KeepsWalks(Design):
    """A page that was ever walked is not walked again, whoever asks."""

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        self.known: dict[Gva, Located] = {}

    def locate(self, xen: Xen, access: HandleAccess) -> Pieces:
        for va, size in split_pages(Gva(access.handle), access.size):
            kept = self.known.get(va - va.offset)
            if kept is None:
                found = walk_piece(xen, va, size, write=access.writes, vcpu=access.current)
                if isinstance(found, Fault):
                    yield found
                    return
                kept = Located(found.gpa - found.gpa.offset, 4096, checked=True)
                self.known[va - va.offset] = kept
            yield Located(kept.gpa + va.offset, size, checked=True)


class WalksAsVcpu0(Design):
    """Page tables are always vCPU 0's."""

    def locate(self, xen: Xen, access: HandleAccess) -> Pieces:
        return locate_linear(xen, access, vcpu=0)


class AlignsTo4(Design):
    """The low bits of an address are dropped."""

    def locate(self, xen: Xen, access: HandleAccess) -> Pieces:
        return locate_linear(xen, replace(access, handle=access.handle & ~3))


class SpoilsTheBuffer(Design):
    """The guest leaves a mark in its argument, and forgets it there."""

    def prepare(self, xen: Xen, call: GuestCall) -> GuestCall | Refused:
        last = Gva(call.args[1] if call.number != 24 else call.args[2])
        xen.domain.write(last, b"\x07", vcpu=call.vcpu)
        return call

    def locate(self, xen: Xen, access: HandleAccess) -> Pieces:
        return locate_linear(xen, access)


PLANTED: dict[type[Design], tuple[str, Ruling]] = {
    IgnoresVcpu: ("cross-vcpu", Ruling.DAMAGE),
    ForgetsToPurge: ("remapped", Ruling.DAMAGE),
    SkipsTheWriteCheck: ("read-only", Ruling.LOST),
    RunsPastTheEntry: ("straddling", Ruling.DAMAGE),
    KeepsWalks: ("remapped", Ruling.DAMAGE),
    WalksAsVcpu0: ("cross-vcpu", Ruling.DAMAGE),
    AlignsTo4: ("odd", Ruling.DAMAGE),
    SpoilsTheBuffer: ("plain", Ruling.DIFFERS),
}
"""Class to a condition that shows its fault, and as what."""
