"""Execute a hypercall: entry checks, dispatch, the copy plan, continuations, the return value."""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from xenexplore.hypercalls.plan import FAULT, Call, Choice, Outcome, Reply, Steps, predict
from xenexplore.hypercalls.plan import Copy as PlannedCopy
from xenexplore.hypervisor.abi import Access, GuestCall, Refused
from xenexplore.hypervisor.answers import answer_bytes
from xenexplore.hypervisor.copying import copy_from_guest, copy_to_guest
from xenexplore.steps import Check, Exit, Hypercall, Note, Phase, Refusal, Return, xen

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["Preempt", "hypercall", "make_call"]

Preempt = Callable[[Choice, int], bool]
"""Whether a call is preempted at a choice of kind ``continue``: ``(choice, how many so far)``."""

_HVM_HYPERCALL = xen("xen/arch/x86/hvm/hypercall.c", "hvm_hypercall")
_PV_HYPERCALL = xen("xen/arch/x86/pv/hypercall.c", "pv_hypercall")
_CONTINUE = xen("xen/arch/x86/hypercall.c", "hypercall_create_continuation")

_MAX_LEGS = 1024


def hypercall(machine: Xen, call: GuestCall, *, preempt: Preempt | None = None) -> int:
    """One hypercall from the guest's preparation to its finish; returns RAX, signed.

    A refusal by the option is recorded and counts as ``-EOPNOTSUPP``: the
    call is not made.
    """
    with machine.record.under(
        Phase(cite=machine.abi.asked, name="prepare", who="guest", detail="The guest prepares.")
    ):
        made = machine.abi.prepare(machine, call)
        if isinstance(made, Refused):
            machine.emit(Refusal(cite=machine.abi.asked, reason=made.reason))
            return -errno.EOPNOTSUPP
    value = make_call(machine, made, preempt=preempt)
    with machine.record.under(
        Phase(cite=machine.abi.asked, name="finish", who="guest", detail="The guest finishes.")
    ):
        machine.abi.finish(machine, made)
    return value


def make_call(machine: Xen, call: GuestCall, *, preempt: Preempt | None = None) -> int:
    """Make a call that is already encoded: exits, legs, and what RAX holds in the end."""
    pv = machine.domain.spec.type == "pv"
    cite = _PV_HYPERCALL if pv else _HVM_HYPERCALL
    for leg in range(_MAX_LEGS):
        step = Hypercall(
            cite=cite, vcpu=call.vcpu, name=call.name, number=call.number, args=call.args, leg=leg
        )
        with machine.record.under(step):
            machine.emit(
                Exit(cite=cite, vcpu=call.vcpu, instruction="syscall" if pv else "vmmcall")
            )
            value, following = _leg(machine, call, preempt)
            if following is None:
                name = errno.errorcode.get(-value, "") if value < 0 else ""
                machine.emit(Return(cite=cite, vcpu=call.vcpu, value=value, name=name))
                return value
            call = following
    raise AssertionError(f"a call that continues {_MAX_LEGS} times makes no progress")


def _leg(machine: Xen, call: GuestCall, preempt: Preempt | None) -> tuple[int, GuestCall | None]:
    """One execution: the value of RAX, and the call to be made next if it was preempted."""
    if call.cpl:
        machine.emit(
            Check(
                cite=_HVM_HYPERCALL, name="made from ring 0", passed=False, detail=f"CPL {call.cpl}"
            )
        )
        return -errno.EPERM, None
    number = machine.abi.dispatch(machine, call)
    plan = predict(
        Call(
            number=number, args=call.args, guest="pv" if machine.domain.spec.type == "pv" else "hvm"
        )
    )
    outcome = _drive(machine, call, plan, preempt)
    if outcome.how in ("failed", "unmodelled"):
        return _error(outcome), None
    if outcome.how == "continued":
        assert outcome.args is not None
        args = tuple(value for value in outcome.args if isinstance(value, int))
        assert len(args) == len(outcome.args), "contents are known here"
        following = machine.abi.continued(machine, replace(call, args=args), number)
        machine.emit(
            Note(
                cite=_CONTINUE,
                text=f"The call is preempted: Xen rewrites the argument registers, puts "
                f"{following.number:#x} into RAX, and the instruction will execute again.",
            )
        )
        return 0, following
    return 0, None


def _error(outcome: Outcome) -> int:
    """The errno in an outcome's reason, e.g. ``-EFAULT``."""
    for word in outcome.reason.replace(":", " ").split():
        name = word.strip(".,()").removeprefix("-")
        if name in errno.__dict__:
            return -int(getattr(errno, name))
    return -errno.ENOSYS if outcome.how == "unmodelled" else -errno.EINVAL


def _drive(machine: Xen, call: GuestCall, plan: Steps, preempt: Preempt | None) -> Outcome:
    continues = 0
    reply: Reply = None
    while True:
        try:
            step = plan.send(reply)
        except StopIteration as stop:
            outcome = stop.value
            assert isinstance(outcome, Outcome)
            return outcome
        if isinstance(step, Choice):
            reply = step.usual
            if step.kind == "continue" and preempt is not None:
                reply = preempt(step, continues)
                continues += 1
        else:
            reply = _one(machine, call, step)


def _one(machine: Xen, call: GuestCall, step: PlannedCopy) -> Reply:
    address, length = step.address, step.length
    assert isinstance(address, int), "contents are known here"
    assert isinstance(length, int), "contents are known here"
    access = Access(
        direction=step.direction,
        handle=address,
        size=length,
        role=step.role,
        current=call.vcpu,
        subject=call.vcpu,
        number=call.number,
    )
    if not length:
        return b""
    if step.direction == "from":
        data = copy_from_guest(machine, access, call)
        return FAULT if data is None else data
    data = step.data if step.data is not None else answer_bytes(step.role, length)
    if step.direction == "clear":
        data = bytes(length)
    return data if copy_to_guest(machine, access, data, call) else FAULT
