"""The guest's analysis of its own call: the buffers that it passes, and their handles.

A design that changes what a handle *is* (a physical address, a list, a bounce
page) asks the guest to find every handle of a call: those in registers and
those inside structs in memory.  That is the "per-call semantic knowledge"
that the thread objects to; here it is taken from the catalogue's copy plan,
run against the guest's own memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xenexplore.addr import PAGE_SIZE, Gva
from xenexplore.errors import MachineError
from xenexplore.hypercalls.callers import CALLERS
from xenexplore.hypercalls.language.values import choose
from xenexplore.hypercalls.plan.predict import FAULT, PlanCall, PlanChoice, Reply, predict
from xenexplore.hypercalls.structs import Structs, structs_for
from xenexplore.hypervisor.calls import GuestCall, Meaning

if TYPE_CHECKING:
    from xenexplore.guest.domain import Domain
    from xenexplore.hypercalls.plan.predict import PlanCopy

__all__ = ["BufferUse", "meaning_of", "passed_buffers", "planned_call", "unmapped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferUse:
    """One buffer that a call passes, and where its handle is kept.

    Attributes:
        va: its first byte.
        size: bytes, from the first to the last that Xen touches.
        reads: whether Xen reads any of it.
        writes: whether Xen writes any of it.
        register: index of the argument register that holds the handle, or None.
        field: linear address of the 8-byte handle in memory, or None.
        twins: other places that hold the very same handle.
        role: what it is, in words (of its first piece).
    """

    va: Gva
    size: int
    reads: bool
    writes: bool
    register: int | None
    field: Gva | None
    role: str
    twins: tuple[int | Gva, ...] = ()


_OF_DOM0 = ("hardware", "control")


def planned_call(domain: Domain, call: GuestCall) -> PlanCall:
    """A guest's call as input of its copy plan, with the known facts about the caller.

    What sets dom0 apart is not: a guest's description does not say.
    """
    spec = domain.spec
    caller = CALLERS[spec.type]
    facts = {name: value for name, value in caller.facts.items() if name not in _OF_DOM0}
    facts |= {"vcpus": spec.vcpus, "current": call.vcpu}
    return PlanCall(
        number=call.number,
        args=call.args,
        guest=caller.handlers,
        facts=facts,
        xen=domain.release,
    )


def passed_buffers(domain: Domain, call: GuestCall) -> tuple[BufferUse, ...]:
    """Every buffer of a call, outermost first, as the guest itself can work it out.

    Raises:
        MachineError: the call's buffers are not all mapped in the guest.
    """
    plan = predict(planned_call(domain, call))
    found: dict[int | Gva, BufferUse] = {}
    fields: dict[int, int] = {}
    reply: Reply = None
    while True:
        try:
            step = plan.send(reply)
        except StopIteration:
            return tuple(_with_twins(call, use, fields) for use in found.values())
        if isinstance(step, PlanChoice):
            reply = step.usual
            continue
        reply = _reply(domain, call, step)
        address, length = choose(step.address), choose(step.length)
        if not length:
            continue
        origin = _origin(call, step, fields)
        use = found.get(origin)
        one = _use(step, address, length, origin)
        found[origin] = one if use is None else _joined(use, one)
        if not step.direction.writes and isinstance(reply, bytes) and not step.member:
            structs = structs_for("x86_64", domain.release)
            fields.update(_handles_read(structs, step, address, reply))


def _reply(domain: Domain, call: GuestCall, step: PlanCopy) -> Reply:
    address, length = choose(step.address), choose(step.length)
    if step.direction.writes:
        return bytes(length)
    try:
        return domain.read(Gva(address), length, vcpu=call.vcpu)
    except MachineError:
        return FAULT


def _use(step: PlanCopy, address: int, length: int, origin: int | Gva) -> BufferUse:
    in_register = isinstance(origin, int)
    return BufferUse(
        va=Gva(address),
        size=length,
        reads=not step.direction.writes,
        writes=step.direction.writes,
        register=origin if isinstance(origin, int) else None,
        field=None if in_register else origin,  # type: ignore[arg-type]
        role=step.role,
    )


def _joined(one: BufferUse, other: BufferUse) -> BufferUse:
    start = min(one.va.value, other.va.value)
    end = max(one.va.value + one.size, other.va.value + other.size)
    return replace(
        one,
        va=Gva(start),
        size=end - start,
        reads=one.reads or other.reads,
        writes=one.writes or other.writes,
    )


def _origin(call: GuestCall, step: PlanCopy, fields: dict[int, int]) -> int | Gva:
    """Origin of the handle behind a copy: a register's index, or the field's address.

    The nearest handle at or below the copy's address wins; on a tie, the register.
    """
    address = step.address
    assert isinstance(address, int), "contents are known here"
    best: tuple[int, int | Gva] | None = None
    for index, value in enumerate(call.args):
        if PAGE_SIZE <= value <= address and (best is None or value > best[0]):
            best = (value, index)
    for at, value in fields.items():
        if PAGE_SIZE <= value <= address and (best is None or value > best[0]):
            best = (value, Gva(at))
    if best is None and address in call.args:
        return call.args.index(address)  # a NULL handle, or one in the first page
    if best is None:
        raise MachineError(f"{call.name}: no register or field holds a handle for {address:#x}")
    return best[1]


def _with_twins(call: GuestCall, use: BufferUse, fields: dict[int, int]) -> BufferUse:
    """Note where else the same handle is kept, e.g. in two entries of a multicall."""
    own: int | Gva
    if use.register is not None:
        own, value = use.register, call.args[use.register]
    else:
        assert use.field is not None
        own, value = use.field, fields[use.field.value]
    places: list[int | Gva] = [i for i, held in enumerate(call.args) if held == value]
    places += [Gva(at) for at, held in fields.items() if held == value]
    return replace(use, twins=tuple(place for place in places if place != own))


def _handles_read(structs: Structs, step: PlanCopy, address: int, data: bytes) -> dict[int, int]:
    """Handles in what the plan has just read: field address to value, from the layouts.

    A multicall's entries hold registers, any of which may be a handle.
    """
    if step.type == "multicall_entry":
        offsets, size = [16 + 8 * index for index in range(6)], 64
    else:
        offsets = [handle.offset for handle in structs.handles(step.type)]
        size = structs.sizeof(step.type) if offsets else len(data)
    return {
        address + base + offset: int.from_bytes(data[base + offset : base + offset + 8], "little")
        for base in range(0, len(data) - size + 1, size or 1)
        for offset in offsets
    }


def unmapped(domain: Domain, uses: tuple[BufferUse, ...], vcpu: int) -> str:
    """Reason why the guest cannot touch its own buffers, or ``""``: some page is not mapped."""
    for use in uses:
        for gpa, _ in domain.truth(use.va, use.size, vcpu=vcpu):
            if gpa is None:
                return f"the guest itself cannot touch {use.role} at {use.va.hex()}: not mapped"
    return ""


def meaning_of(domain: Domain, use: BufferUse, start: int, vcpu: int) -> Meaning:
    """The guest's meaning when it encodes a buffer as addresses from ``start``."""
    return Meaning(
        start=start, size=use.size, va=use.va, pieces=domain.truth(use.va, use.size, vcpu=vcpu)
    )
