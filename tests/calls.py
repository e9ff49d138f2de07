"""Hypercalls for tests: a domain, the buffers that a call needs, and the call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from xenexplore.guest.domain import Domain
from xenexplore.guest.placement.buffers import PlacedBuffer
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import GuestCall
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.execute import Preempt, hypercall
from xenexplore.hypervisor.outcome import Outcome, outcome_of
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import make_option
from xenexplore.steps import Phase, PhaseName

ONE_MAPPED_KINDS = ("kmalloc", "stack", "vmalloc", "percpu", "static", "module", "user")


def word(value: int, size: int = 8) -> bytes:
    return value.to_bytes(size, "little")


@dataclass
class Where:
    """Where a test's buffers live."""

    kind: str = "stack"
    offset: int | None = None
    shared: bool = True
    writable: bool = True

    def put(self, domain: Domain, name: str, data: bytes) -> PlacedBuffer:
        size = max(len(data), 1)
        offset = self.offset
        process = "xl" if self.kind in ("user", "privcmd") else None
        if process:
            domain.switch(0, process)
        return domain.place(
            name,
            self.kind,
            size,
            offset=offset,
            contents=data,
            process=process,
            shared=self.shared if domain.spec.encrypted else None,
            writable=self.writable,
        )


Maker = Callable[[Domain, Where], GuestCall]


def send(domain: Domain, where: Where) -> GuestCall:
    buffer = where.put(domain, "send", word(5, 4))
    return GuestCall(vcpu=0, name="event_channel_op.send", number=32, args=(4, buffer.va.value))


def alloc_unbound(domain: Domain, where: Where) -> GuestCall:
    buffer = where.put(domain, "alloc", word(0x7FF0, 2) + word(0, 2) + word(0, 4))
    return GuestCall(
        vcpu=0, name="event_channel_op.alloc_unbound", number=32, args=(6, buffer.va.value)
    )


def runstate(domain: Domain, where: Where) -> GuestCall:
    buffer = where.put(domain, "runstate", bytes(48))
    return GuestCall(
        vcpu=0, name="vcpu_op.get_runstate_info", number=24, args=(4, 0, buffer.va.value)
    )


def populate(domain: Domain, where: Where, extents: int = 5) -> GuestCall:
    array = where.put(domain, "extents", b"".join(word(0x1000 + n) for n in range(extents)))
    struct = word(array.va.value) + word(extents) + word(0, 4) + word(0, 4) + word(0x7FF0, 8)
    buffer = Where("kmalloc", shared=where.shared).put(domain, "reservation", struct)
    return GuestCall(
        vcpu=0, name="memory_op.populate_physmap", number=12, args=(6, buffer.va.value)
    )


def map_grants(domain: Domain, where: Where, count: int = 3) -> GuestCall:
    one = word(0x100000) + word(2, 4) + word(9, 4) + word(1, 2) + bytes(14)
    buffer = where.put(domain, "grants", one[:32] * count)
    return GuestCall(
        vcpu=0, name="grant_table_op.map_grant_ref", number=20, args=(0, buffer.va.value, count)
    )


def sends(domain: Domain, where: Where) -> GuestCall:
    """A multicall of two EVTCHNOP_sends."""
    first = where.put(domain, "first", word(5, 4))
    second = where.put(domain, "second", word(6, 4))
    entries = b"".join(
        word(32) + word(0) + word(4) + word(buffer.va.value) + bytes(32)
        for buffer in (first, second)
    )
    listed = Where("kmalloc", shared=where.shared).put(domain, "list", entries)
    return GuestCall(vcpu=0, name="multicall", number=13, args=(listed.va.value, 2))


def same_twice(domain: Domain, where: Where) -> GuestCall:
    """A multicall whose two entries name one buffer."""
    buffer = where.put(domain, "both", word(5, 4))
    entry = word(32) + word(0) + word(4) + word(buffer.va.value) + bytes(32)
    listed = Where("kmalloc", shared=where.shared).put(domain, "list", entry * 2)
    return GuestCall(vcpu=0, name="multicall", number=13, args=(listed.va.value, 2))


MAKERS: dict[str, Maker] = {
    "send": send,
    "alloc_unbound": alloc_unbound,
    "runstate": runstate,
    "populate": populate,
    "map_grants": map_grants,
    "sends": sends,
    "same_twice": same_twice,
}


@dataclass
class Ran:
    """A run: everything a test may want to look at."""

    domain: Domain
    xen: Xen
    design: Design
    result: int
    outcome: Outcome

    def contents(self) -> dict[str, bytes]:
        """What the guest finds in its own buffers afterwards, scratch pages left out."""
        return {
            name: self.domain.read(buffer.va, buffer.size, process=buffer.process)
            if buffer.process
            else self.domain.read(buffer.va, buffer.size, vcpu=0)
            for name, buffer in self.domain.buffers.items()
            if not name.startswith(("bounce-", "gfn-list-"))
        }


@cache
def _untouched(spec: GuestSpec) -> Domain:
    return Domain(spec)


def refused(design: Design, spec: GuestSpec | None = None) -> str:
    """Why a design cannot be used with such a guest, or ``""``; one guest of a spec for all."""
    domain = _untouched(spec or GuestSpec())
    why = design.refuses(Xen(domain, design))
    assert not domain.buffers, "refusing is no setup"
    return why


def run_call(
    option: str,
    maker: Maker,
    where: Where | None = None,
    *,
    spec: GuestSpec | None = None,
    params: dict[str, object] | None = None,
    user: bool = False,
    preempt: Preempt | None = None,
    before: Callable[[Xen], None] | None = None,
) -> Ran:
    domain = Domain(spec or GuestSpec())
    call = maker(domain, where or Where())
    design = make_option(option, params)
    xen = Xen(domain, design)
    assert not design.refuses(xen), design.refuses(xen)
    with xen.record.under(
        Phase(cite=design.asked, name=PhaseName.SETUP, who="guest", detail="Set up.")
    ):
        design.setup(xen)
    if before is not None:
        before(xen)
    xen.user_access = user
    result = hypercall(xen, call, preempt=preempt)
    return Ran(domain, xen, design, result, outcome_of(xen.nodes))
