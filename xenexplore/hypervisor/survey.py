"""The guest looks through its own call: which buffers it passes, and where their handles are.

A design that changes what a handle *is* (a physical address, a list, a bounce
page) asks the guest to find every handle of a call: those in registers and
those inside structs in memory.  That is the "per-call semantic knowledge"
that the thread objects to; here it is taken from the catalogue's copy plan,
run against the guest's own memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from xenexplore.addr import Gva, is_canonical
from xenexplore.errors import MachineError
from xenexplore.hypercalls.plan import FAULT, Call, Choice, predict
from xenexplore.hypervisor.abi import GuestCall, Meaning

if TYPE_CHECKING:
    from xenexplore.guest.domain import Domain
    from xenexplore.hypercalls.plan import Copy

__all__ = ["BufferUse", "meaning_of", "survey"]


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
        role: what it is, in words (of its first piece).
    """

    va: Gva
    size: int
    reads: bool
    writes: bool
    register: int | None
    field: Gva | None
    role: str


def survey(domain: Domain, call: GuestCall) -> tuple[BufferUse, ...]:
    """Every buffer of a call, outermost first, as the guest itself can work it out.

    Raises:
        MachineError: the call's buffers are not all mapped in the guest.
    """
    guest = "pv" if domain.spec.type == "pv" else "hvm"
    plan = predict(Call(number=call.number, args=call.args, guest=guest))
    found: dict[int | Gva, BufferUse] = {}
    read: list[tuple[int, bytes]] = []
    reply: object = None
    while True:
        try:
            step = plan.send(reply)
        except StopIteration:
            return tuple(found.values())
        if isinstance(step, Choice):
            reply = step.usual
            continue
        reply = _reply(domain, call, step)
        address, length = step.address, step.length
        assert isinstance(address, int)
        assert isinstance(length, int)
        if not length:
            continue
        origin = _origin(call, step, read)
        use = found.get(origin)
        one = _use(step, address, length, origin)
        found[origin] = one if use is None else _joined(use, one)
        if step.direction == "from" and isinstance(reply, bytes):
            read.append((address, reply))


def _reply(domain: Domain, call: GuestCall, step: Copy) -> object:
    address, length = step.address, step.length
    assert isinstance(address, int), "contents are known here"
    assert isinstance(length, int), "contents are known here"
    if step.direction != "from":
        return bytes(length)
    try:
        return domain.read(Gva(address), length, vcpu=call.vcpu)
    except MachineError:
        return FAULT


def _use(step: Copy, address: int, length: int, origin: int | Gva) -> BufferUse:
    in_register = isinstance(origin, int)
    return BufferUse(
        va=Gva(address),
        size=length,
        reads=step.direction == "from",
        writes=step.direction != "from",
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


def _origin(call: GuestCall, step: Copy, read: list[tuple[int, bytes]]) -> int | Gva:
    """Where the handle behind a copy is kept: a register's index, or the field's address.

    The nearest handle at or below the address wins; handles in memory are
    looked for at every aligned 8 bytes that the plan has read so far.
    """
    address = step.address
    assert isinstance(address, int)
    best: tuple[int, int, int | Gva] | None = None
    for index, value in enumerate(call.args):
        if value <= address and _handle_like(value):
            best = max(best, (value, 0, index), key=_rank) if best else (value, 0, index)
    for start, data in read:
        for offset in range(-start % 8, len(data) - 7, 8):
            value = int.from_bytes(data[offset : offset + 8], "little")
            if value <= address and _handle_like(value):
                candidate = (value, 1, Gva(start + offset))
                best = max(best, candidate, key=_rank) if best else candidate
    if best is None:
        raise MachineError(f"{call.name}: no register or field holds a handle for {address:#x}")
    return best[2]


def _rank(candidate: tuple[int, int, int | Gva]) -> tuple[int, int]:
    return candidate[0], -candidate[1]


def _handle_like(value: int) -> bool:
    return value >= 4096 and is_canonical(value, 57)


def meaning_of(domain: Domain, use: BufferUse, start: int, vcpu: int) -> Meaning:
    """What the guest means when it encodes a buffer as addresses from ``start``."""
    return Meaning(
        start=start, size=use.size, va=use.va, pieces=domain.truth(use.va, use.size, vcpu=vcpu)
    )
