"""Execute a hypercall: entry checks, dispatch, the copy plan, continuations, the return value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from xenexplore.errors import MachineError
from xenexplore.hypercalls.catalogue.entries import family_of
from xenexplore.hypercalls.language.values import choose, settle
from xenexplore.hypercalls.plan.predict import FAULT, PlanChoice, PlanOutcome, Reply, Steps, predict
from xenexplore.hypercalls.plan.predict import PlanCopy as PlannedCopy
from xenexplore.hypervisor.answers import answer_bytes
from xenexplore.hypervisor.areas import deferred_to
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Refused
from xenexplore.hypervisor.copying import copy_from_guest, copy_to_guest
from xenexplore.hypervisor.mistakes import blamed, mistake
from xenexplore.hypervisor.passed_buffers import planned_call
from xenexplore.steps import (
    ERRNOS,
    Check,
    Direction,
    Ending,
    Hypercall,
    Note,
    Phase,
    PhaseName,
    Refusal,
    returned,
    xen,
)

if TYPE_CHECKING:
    from xenexplore.hypervisor.xen import Xen

__all__ = ["Preempt", "hypercall", "make_call"]

Preempt = Callable[[PlanChoice, int], bool]
"""Whether a call is preempted at a choice of kind ``continue``: ``(choice, how many so far)``."""

_HVM_HYPERCALL = xen("xen/arch/x86/hvm/hypercall.c", "hvm_hypercall")
_PV_HYPERCALL = xen("xen/arch/x86/pv/hypercall.c", "pv_hypercall")
_CONTINUE = xen("xen/arch/x86/hypercall.c", "hypercall_create_continuation")

_MULTICALL = xen("xen/common/multicall.c", "do_multicall")

_MAX_LEGS = 1024


def hypercall(
    xen: Xen, call: GuestCall, *, preempt: Preempt | None = None, converted: bool = True
) -> int:
    """One hypercall from the guest's preparation to its finish; returns RAX, signed.

    ``converted``: the calling code knows the design; else it makes today's call, and the
    guest's side of the design has no part in it.

    A refusal by the option is recorded and counts as ``-EOPNOTSUPP``: the
    call is not made.  What the guest cannot do for the option, before the call
    or after it, is a refusal too: other options may not need it.

    Raises:
        DesignError: a hook of the design raises, or gives what it must not.
    """
    with blamed(xen.design):
        if not converted:
            return make_call(xen, call, preempt=preempt)
        return _hypercall(xen, call, preempt)


def _hypercall(xen: Xen, call: GuestCall, preempt: Preempt | None) -> int:
    with xen.record.headed(
        Phase(
            cite=xen.design.asked, name=PhaseName.PREPARE, who="guest", detail="The guest prepares."
        )
    ):
        try:
            made = xen.design.prepare(xen, call)
        except MachineError as error:
            made = Refused(str(error))
        if isinstance(made, Refused):
            return _refused(xen, made.reason)
        if not isinstance(made, GuestCall):
            raise mistake(
                xen.design, "prepare", expected="the call as it is made, or an xe.Refused",
                got=repr(made), hint="return call",
            )  # fmt: skip
    value = make_call(xen, made, preempt=preempt)
    with xen.record.headed(
        Phase(
            cite=xen.design.asked, name=PhaseName.FINISH, who="guest", detail="The guest finishes."
        )
    ):
        try:
            xen.design.finish(xen, made)
        except MachineError as error:
            return _refused(xen, str(error))
    xen.restore()
    return value


def _refused(xen: Xen, reason: str) -> int:
    xen.emit(Refusal(cite=xen.design.asked, reason=reason))
    xen.restore()
    return -ERRNOS["EOPNOTSUPP"]


def make_call(xen: Xen, call: GuestCall, *, preempt: Preempt | None = None) -> int:
    """Make a call that is already encoded: exits, legs, and the final value of RAX."""
    pv = xen.domain.spec.type == "pv"
    cite = _PV_HYPERCALL if pv else _HVM_HYPERCALL
    for leg in range(_MAX_LEGS):
        step = Hypercall(
            cite=cite, vcpu=call.vcpu, name=call.name, number=call.number,
            args=xen.design.registers(call), leg=leg,
        )  # fmt: skip
        with xen.record.under(step):
            xen.leave(cite, call.vcpu)
            ended = _leg(xen, call, preempt)
            if not isinstance(ended, GuestCall):
                value, what = ended
                xen.emit(returned(cite, call.vcpu, value, what))
                return value
            call = ended
    raise AssertionError(f"a call that continues {_MAX_LEGS} times makes no progress")


def _leg(xen: Xen, call: GuestCall, preempt: Preempt | None) -> tuple[int, str] | GuestCall:
    """One execution: RAX and what that is, or the call to be made next if it was preempted."""
    if call.cpl:
        xen.emit(
            Check(
                cite=_HVM_HYPERCALL, name="made from ring 0", passed=False, detail=f"CPL {call.cpl}"
            )
        )
        return -ERRNOS["EPERM"], ""
    number = xen.design.dispatch(xen, call)
    plan = predict(planned_call(xen.domain, replace(call, number=number)))
    outcome = _drive(xen, call, plan, preempt)
    if outcome.how is Ending.UNMODELLED:
        raise MachineError(
            f"{call.name}: the catalogue has no copy plan for it ({outcome.reason}), so what Xen "
            "does is unknown"
        )
    if outcome.how is Ending.CONTINUED:
        assert outcome.args is not None
        args = tuple(value for value in outcome.args if isinstance(value, int))
        assert len(args) == len(outcome.args), "contents are known here"
        following = xen.design.continued(xen, replace(call, args=args), number)
        xen.emit(
            Note(
                cite=_CONTINUE,
                text=f"The call is preempted: Xen rewrites the argument registers, puts "
                f"{following.number:#x} into RAX, and the instruction will execute again.",
            )
        )
        return following
    return _answer(outcome)


def _answer(outcome: PlanOutcome) -> tuple[int, str]:
    """The value that a handler returned, and its kind."""
    value = settle(outcome.value)
    if isinstance(value, int):
        return value, outcome.what
    return 0, f"in place of {outcome.what}, which is not modelled"


def _drive(xen: Xen, call: GuestCall, plan: Steps, preempt: Preempt | None) -> PlanOutcome:
    continues = 0
    reply: Reply = None
    number = call.number
    while True:
        try:
            step = plan.send(reply)
        except StopIteration as stop:
            outcome = stop.value
            assert isinstance(outcome, PlanOutcome)
            return outcome
        if isinstance(step, PlanChoice):
            reply = step.usual
            if step.kind == "continue" and preempt is not None:
                reply = preempt(step, continues)
                continues += 1
            continue
        of_list = step.type == "multicall_entry"
        reply = _one(xen, call, step, call.number if of_list else number)
        if of_list and isinstance(reply, bytes) and not step.direction.writes:
            reply, number = _entry(xen, call, reply)


def _entry(xen: Xen, call: GuestCall, data: bytes) -> tuple[bytes, int]:
    """A multicall's entry as it is dispatched, and the number its handles are resolved under."""
    op = int.from_bytes(data[:8], "little")
    dispatched, number = xen.design.inner(xen, call, op)
    family = family_of(dispatched, xen.domain.release)
    guest = "pv" if xen.domain.spec.type == "pv" else "hvm"
    if family is None or guest not in family.guests:
        _check_entry(xen, "its number is that of a hypercall", f"{dispatched:#x}: result -ENOSYS")
    elif family.name == "multicall":
        # The plan refuses it, as do_multicall() does while _MCSF_in_multicall is set.
        _check_entry(xen, "it is not a multicall itself", "result -EINVAL")
    return dispatched.to_bytes(8, "little") + data[8:], number


def _check_entry(xen: Xen, name: str, detail: str) -> None:
    """An entry of a multicall fails: its result says so, and the other entries follow."""
    step = Check(
        cite=_MULTICALL, name=f"the multicall's entry: {name}", passed=False, detail=detail
    )
    xen.emit(step)


def _one(xen: Xen, call: GuestCall, step: PlannedCopy, number: int) -> Reply:
    address, length = choose(step.address), choose(step.length)
    # A registered area belongs to the vCPU that was named; current writes it at once.
    subject = call.vcpu if step.subject is None else choose(step.subject)
    current = call.vcpu
    if subject != current and xen.design.defers:
        current = deferred_to(xen, subject, current)
    kind = f"{step.type}.{step.member}" if step.member else step.type
    access = HandleAccess(
        direction=step.direction,
        handle=address,
        size=length,
        role=f"{kind} ({step.role})" if step.role else kind,
        type=kind,
        current=current,
        subject=subject,
        number=number,
    )
    if not length:
        return b""
    if step.subject is not None:
        xen.remember_area(call, access, step.type)
    if not step.direction.writes:
        read = copy_from_guest(xen, access, call)
        return FAULT if read is None else read
    data = step.data if step.data is not None else answer_bytes(step.role, length)
    if step.direction is Direction.CLEAR:
        data = bytes(length)
    return data if copy_to_guest(xen, access, data, call) else FAULT
