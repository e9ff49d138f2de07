"""O9: static per-vCPU bounce buffers for encrypted guests; or flipping pages call by call."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from xenexplore.addr import PAGE_SIZE, Gva, gpa_to_gfn
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Meaning, Refused
from xenexplore.hypervisor.design import Design, Parameter
from xenexplore.hypervisor.linear import locate_linear
from xenexplore.hypervisor.passed_buffers import BufferUse, passed_buffers, unmapped
from xenexplore.hypervisor.physical import PHYSICAL_BIT, flat_call, locate_physical
from xenexplore.hypervisor.replay_model import (
    Mask,
    Preparation,
    RecordedBuffers,
    RecordedGuest,
    ReplayModel,
    Resolution,
)
from xenexplore.steps import Cite, Fault, Flip, GuestCopy, mail

if TYPE_CHECKING:
    from xenexplore.addr import Gfn
    from xenexplore.guest.placement.buffers import PlacedBuffer
    from xenexplore.hypervisor.xen import Xen

__all__ = ["Bounce"]


@dataclass(frozen=True, slots=True)
class _Bounced:
    use: BufferUse
    at: int


_NOTHING_TO_FLIP = "the guest is not encrypted: there is no state to flip"


class _Replay(ReplayModel):
    """Every buffer is copied, call by call; or the pages of every buffer are flipped."""

    follows = frozenset({"mode"})

    @property
    def _flips(self) -> bool:
        return self.option.text("mode") == "flip"

    def refuses(self, guest: RecordedGuest) -> str:
        nothing = self._flips and not guest.encrypted
        return super().refuses(guest) or (_NOTHING_TO_FLIP if nothing else "")

    def refuses_buffers(self, buffers: RecordedBuffers) -> tuple[str, Mask]:
        reason = f"the arguments do not fit in fewer than {PAGE_SIZE} bytes"
        if self._flips or not len(buffers.size):
            return reason, False
        import numpy as np

        room = (buffers.size + 7) & ~7
        calls, group = np.unique(buffers.call, return_inverse=True)
        used = np.bincount(group, weights=room, minlength=len(calls)).astype(np.int64)
        # The last buffer's padding is not counted.
        last = np.append(np.flatnonzero(np.diff(buffers.call)), len(buffers.call) - 1)
        used -= (room - buffers.size)[last]
        return reason, np.isin(buffers.call, calls[used >= PAGE_SIZE])

    def prepares(self, buffers: RecordedBuffers) -> Preparation:
        if self._flips:
            return Preparation(encoded=True, flipped=True)
        return Preparation(copied=True)

    def resolves(self) -> Resolution:
        return Resolution.PHYSICAL if self._flips else Resolution.BOUNCE

    def shares(self) -> int:
        return 0 if self._flips else 1


class Bounce(Design):
    """One shared page per vCPU: copy in, call by physical address, copy back."""

    ident: ClassVar[str] = "O9"
    name: ClassVar[str] = "bounce"
    title: ClassVar[str] = "Static per-vCPU bounce buffers (or flipping pages for each call)"
    summary: ClassVar[str] = (
        "Each vCPU has one page that is shared with Xen. The guest copies arguments into it, "
        "makes the call with physical addresses (which needs O2 as its carrier), and copies "
        "results back. Two rules come from XCP-ng's Linux patches, not from the thread: "
        "interrupts are off in the meantime, and all arguments of a call must fit in less than "
        "a page. mode=flip instead changes the encryption state of the buffers' own pages "
        "around each call; the cost of a flip is not counted (copying the page out and back; "
        "with SEV-SNP also an exit and PVALIDATE)."
    )
    asked: ClassVar[Cite] = mail(
        "Gross", "28 Sep 2022", "94aab958-c141-4c43-a249-a55d8e5be735@suse.com"
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            name="mode",
            default="static",
            choices=("static", "flip"),
            help="A static shared page per vCPU, or two changes of state per page and call.",
            source="Gross, Chen, 28 and 29 Sep 2022",
        ),
    )
    replay: ClassVar[type[ReplayModel]] = _Replay

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        self.pages: dict[int, PlacedBuffer] = {}
        self.bounced: list[_Bounced] = []
        self.flipped: list[Gfn] = []

    def refuses(self, xen: Xen) -> str:
        if xen.domain.spec.type == "pv":
            return "a PV guest's GFNs are MFNs; the thread kept linear addresses for it"
        if self.text("mode") == "flip" and not xen.domain.spec.encrypted:
            return _NOTHING_TO_FLIP
        return ""

    def setup(self, xen: Xen) -> None:
        if self.text("mode") == "flip":
            return
        for vcpu in range(xen.domain.spec.vcpus):
            self.pages[vcpu] = xen.domain.place(
                f"bounce-{vcpu}", "kmalloc", PAGE_SIZE, offset=0, vcpu=vcpu, shared=True
            )
            if xen.domain.spec.encrypted:
                frame = self.pages[vcpu].frames[0]
                xen.emit(Flip(cite=self.asked, gfn=frame, shared=True))

    def prepare(self, xen: Xen, call: GuestCall) -> GuestCall | Refused:
        uses = passed_buffers(xen.domain, call)
        missing = unmapped(xen.domain, uses, call.vcpu)
        if missing:
            return Refused(missing)
        if self.text("mode") == "flip":
            return self._flip(xen, call, uses)
        return self._bounce(xen, call, uses)

    def _bounce(
        self, xen: Xen, call: GuestCall, uses: tuple[BufferUse, ...]
    ) -> GuestCall | Refused:
        page = self.pages[call.vcpu]
        base = page.frames[0].value << 12
        self.bounced, fill, meanings = [], 0, []
        for use in uses:
            fill = (fill + 7) & ~7
            at, fill = fill, fill + use.size
            self.bounced.append(_Bounced(use, at))
        if fill >= PAGE_SIZE:
            return Refused(
                f"the arguments need {fill} bytes and the bounce page holds fewer than "
                f"{PAGE_SIZE} (XCP-ng's limit)"
            )
        for item in self.bounced:
            self._copy_in(xen, call, page, item)
        for item in self.bounced:
            value = base + item.at
            gpa = xen.domain.truth(page.va + item.at, 1, vcpu=call.vcpu)[0][0]
            meanings.append(
                Meaning(
                    start=value,
                    size=item.use.size,
                    va=item.use.va,
                    pieces=((gpa, item.use.size),),
                )
            )
            call = self._encode(xen, call, page, item, value)
        return replace(call, number=call.number | PHYSICAL_BIT, meanings=tuple(meanings))

    def _copy_in(self, xen: Xen, call: GuestCall, page: PlacedBuffer, item: _Bounced) -> None:
        data = bytes(item.use.size)
        if item.use.reads:
            data = xen.domain.read(item.use.va, item.use.size, vcpu=call.vcpu)
            self._copied(xen, item.use.va, page.va + item.at, item.use.size, inbound=True)
        xen.domain.write(page.va + item.at, data, vcpu=call.vcpu)

    def _encode(
        self, xen: Xen, call: GuestCall, page: PlacedBuffer, item: _Bounced, value: int
    ) -> GuestCall:
        """Handles in registers, and those in structs, which are rewritten in the bounced copy."""
        own = item.use.register if item.use.register is not None else item.use.field
        for place in (own, *item.use.twins):
            assert place is not None
            if isinstance(place, int):
                call = call.with_arg(place, value)
                continue
            outer = next(o for o in self.bounced if self._holds(o.use, place))
            where = page.va + outer.at + (place.value - outer.use.va.value)
            xen.rewrite(where, value, vcpu=call.vcpu)
        return call

    @staticmethod
    def _holds(use: BufferUse, field: Gva) -> bool:
        """Whether a field is in a struct that the call passes (each handle in memory is)."""
        return use.va <= field and field.value < use.va.value + use.size

    def _copied(self, xen: Xen, source: Gva, target: Gva, size: int, *, inbound: bool) -> None:
        xen.emit(
            GuestCopy(cite=self.asked, source=source, target=target, size=size, inbound=inbound)
        )

    def _flip(self, xen: Xen, call: GuestCall, uses: tuple[BufferUse, ...]) -> GuestCall | Refused:
        self.flipped = []
        for use in uses:
            for gpa, _ in xen.domain.truth(use.va, use.size, vcpu=call.vcpu):
                if gpa is None:
                    return Refused(f"{use.role} is not mapped")
                gfn = gpa_to_gfn(gpa)
                if gfn not in self.flipped and xen.domain.memory.is_private(gfn):
                    self.flipped.append(gfn)
        for gfn in self.flipped:
            self._set(xen, gfn, shared=True)
        return flat_call(xen, call, bit=PHYSICAL_BIT, whole_pages=False)

    def _set(self, xen: Xen, gfn: Gfn, *, shared: bool) -> None:
        """Change a page's state; the guest keeps its contents over the change."""
        kept = xen.domain.memory.guest.read(gfn.value << 12, PAGE_SIZE)
        assert kept is not None
        xen.domain.set_encrypted(gfn, encrypted=not shared)
        xen.domain.memory.guest.write(gfn.value << 12, kept)
        xen.emit(Flip(cite=self.asked, gfn=gfn, shared=shared))

    def dispatch(self, xen: Xen, call: GuestCall) -> int:
        return call.number & ~PHYSICAL_BIT

    def inner(self, xen: Xen, call: GuestCall, op: int) -> tuple[int, int]:
        # Entries are bounced with the list: their handles are physical as the call's are.
        return op, call.number

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        if access.number is not None and access.number & PHYSICAL_BIT:
            return locate_physical(access)
        return locate_linear(xen, access)

    def continued(self, xen: Xen, call: GuestCall, number: int) -> GuestCall:
        return replace(call, number=number | (call.number & PHYSICAL_BIT))

    def finish(self, xen: Xen, call: GuestCall) -> None:
        page = self.pages.get(call.vcpu)
        xen.restore()  # the copy back leaves the caller's own handles as they were
        for item in self.bounced:
            if page is not None and item.use.writes:
                data = xen.domain.read(page.va + item.at, item.use.size, vcpu=call.vcpu)
                xen.domain.write(item.use.va, data, vcpu=call.vcpu)
                self._copied(xen, page.va + item.at, item.use.va, item.use.size, inbound=False)
        for gfn in self.flipped:
            self._set(xen, gfn, shared=False)
        self.bounced, self.flipped = [], []
