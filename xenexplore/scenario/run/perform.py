"""Carry a scenario's actions out on a machine: one function per action."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from xenexplore.addr import PAGE_SHIFT, Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.hypercalls.plan.predict import PlanChoice
from xenexplore.hypervisor.areas import out_of_user_mode, update_runstate
from xenexplore.hypervisor.calls import GuestCall
from xenexplore.hypervisor.compat import compat_populate
from xenexplore.hypervisor.execute import Preempt, hypercall
from xenexplore.hypervisor.registered import ranges_of
from xenexplore.hypervisor.stubs import migrate, write_hypercall_page
from xenexplore.hypervisor.xen import Xen
from xenexplore.scenario.model import action_records as records
from xenexplore.scenario.model.call_names import canonical_name, find_call, op_argument
from xenexplore.scenario.model.values import Pairs
from xenexplore.scenario.run.build import resolve
from xenexplore.scenario.run.perform_prompt import (
    GUEST,
    PROMPT_DETAILS,
    PROMPT_DOERS,
    address_text,
    registered_buffers,
)
from xenexplore.steps import Action, Check, Cite, Flip, GuestWrite, Note

__all__ = ["perform"]

_GUEST = GUEST
_VC = Cite("AMD APM vol. 2", "15.35.5 VMM Communication Exception (#VC)")
_MULTICALL_ENTRY = 64
_ENTRY_ARGS = 16


def perform(xen: Xen, action: records.ActionSpec) -> None:
    """Do one action; everything that happens is recorded under its step.

    Raises:
        MachineError: the guest cannot do that.
    """
    vcpu = getattr(action, "vcpu", getattr(action, "subject", 0))
    detail = _DETAILS[type(action)](action)
    step = Action(cite=_GUEST, name=action.do, vcpu=vcpu, detail=detail)
    with xen.record.under(step):
        _DOERS[type(action)](xen, action)


def _registers(xen: Xen, name: str, given: Pairs) -> tuple[int, tuple[int, ...]]:
    """Number and argument registers of a call."""
    family, op = find_call(name, xen.domain.release)
    selector = op_argument(family)
    values = {key: resolve(xen.domain, value) for key, value in given}
    if selector is not None and op is not None:
        values[selector] = op.value
    return family.number, tuple(values.get(argument.name, 0) for argument in family.args)


def _title(xen: Xen, name: str) -> str:
    return canonical_name(*find_call(name, xen.domain.release)).replace(" ", ".")


def _preempted(
    points: tuple[int, ...], between: Callable[[], None] | None = None
) -> Preempt | None:
    """Take the points of preemption that a scenario names, counted over all legs.

    ``between`` is what happens elsewhere meanwhile.
    """
    if not points:
        return None
    seen = 0

    def taken(choice: PlanChoice, before: int) -> bool:
        nonlocal seen
        del choice, before
        seen += 1
        if seen in points and between is not None:
            between()
        return seen in points

    return taken


def _call(xen: Xen, action: records.CallAction) -> None:
    if xen.domain.spec.hides_registers and not action.vc_handler:
        detail = "the CPU raises #VC in the guest, and no exit is made"
        xen.emit(Check(cite=_VC, name="VMMCALL finds a #VC handler", passed=False, detail=detail))
        return
    number, args = _registers(xen, action.hypercall, action.given)
    call = GuestCall(
        vcpu=action.vcpu,
        name=_title(xen, action.hypercall),
        number=number,
        args=args,
        cpl=action.cpl,
    )

    def purge() -> None:
        other = (action.vcpu + 1) % xen.domain.spec.vcpus
        detail = f"Meanwhile vCPU {other} purges {action.purge_between}"
        step = Action(cite=_GUEST, name="purge", vcpu=other, detail=detail)
        with xen.record.under(step):
            _purge(xen, records.Purge(vcpu=other, what=action.purge_between))

    between = purge if action.purge_between else None
    xen.user_access = action.user
    try:
        preempt = _preempted(action.preempt, between)
        hypercall(xen, call, preempt=preempt, converted=action.converted)
    finally:
        xen.user_access = False


def _multicall(xen: Xen, action: records.Multicall) -> None:
    domain = xen.domain
    listed = domain.buffers[action.list]
    data = b"".join(_entry(xen, entry) for entry in action.entries)
    if len(data) > listed.size:
        raise MachineError(
            f"buffer {listed.name!r} has {listed.size} bytes: {len(action.entries)} entries "
            f"of a multicall need {len(data)}"
        )
    domain.write(listed.va, data, vcpu=action.vcpu)
    call = GuestCall(
        vcpu=action.vcpu,
        name="multicall",
        number=find_call("multicall")[0].number,
        args=(listed.va.value, len(action.entries)),
        outer=action.outer,
        inner=action.inner,
    )
    hypercall(xen, call, preempt=_preempted(action.preempt))


def _entry(xen: Xen, entry: records.InnerCall) -> bytes:
    """Struct multicall_entry: op, result, six arguments (xen/include/public/xen.h)."""
    number, args = _registers(xen, entry.hypercall, entry.given)
    words = [number, 0, *args]
    data = b"".join(word.to_bytes(8, "little") for word in words)
    return data.ljust(_MULTICALL_ENTRY, b"\0")


def _switch(xen: Xen, action: records.Switch) -> None:
    xen.domain.switch(action.vcpu, action.process)
    root = xen.domain.vcpus[action.vcpu].cr3.hex()
    xen.emit(Note(cite=_GUEST, text=f"vCPU {action.vcpu} loads CR3 {root}."))
    xen.loaded_cr3(action.vcpu)
    xen.design.switched(xen, action.vcpu)


def _remap(xen: Xen, action: records.Remap) -> None:
    buffer = xen.domain.remap(action.buffer, frames=action.frames or None)
    frames = ", ".join(frame.hex() for frame in buffer.frames)
    told = "Xen is not notified" if xen.vtlb is None else "the guest executes INVLPG"
    text = f"{buffer.va.hex()} is now mapped to frame {frames}; {told}."
    xen.emit(Note(cite=_GUEST, text=text))
    xen.invalidated()


def _unmap(xen: Xen, action: records.Unmap) -> None:
    xen.domain.unmap(action.buffer)
    xen.invalidated()


def _protect(xen: Xen, action: records.Protect) -> None:
    xen.domain.set_writable(action.buffer, action.writable)
    xen.invalidated()


def _p2m(xen: Xen, action: records.SetP2mType) -> None:
    for frame in xen.domain.frames_of(action.buffer):
        if frame is not None:
            xen.domain.set_p2m_type(frame, action.type)
            text = f"Frame {frame.hex()} is {action.type} in the P2M from now on."
            xen.emit(Note(cite=_GUEST, text=text))


def _share(xen: Xen, action: records.Share) -> None:
    for frame in xen.domain.frames_of(action.buffer):
        if frame is None or xen.domain.memory.is_private(frame) != action.shared:
            continue
        xen.domain.set_encrypted(frame, not action.shared)
        xen.emit(Flip(cite=_GUEST, gfn=frame, shared=action.shared))


def _register(xen: Xen, action: records.Register) -> None:
    held = registered_buffers(xen)
    if held is not None:
        for entry in ranges_of(xen, action.what, action.vcpu):
            held.insert(xen, action.vcpu, entry)


def _purge(xen: Xen, action: records.Purge) -> None:
    held = registered_buffers(xen)
    if held is None:
        return
    if action.what == "all":
        held.purge_all(xen, action.vcpu)
        return
    for start, size in _ranges(xen, action):
        held.purge(xen, action.vcpu, start, size)


def _ranges(xen: Xen, action: records.Purge) -> list[tuple[Gva, int]]:
    """Linear ranges of a word; of a buffer as it was placed, mapped or not; or an exact one."""
    if action.address is not None:
        return [(Gva(resolve(xen.domain, action.address)), action.size)]
    name = action.what.removeprefix("buffer:")
    if name != action.what:
        buffer = xen.domain.buffers[name]
        return [(buffer.va, buffer.size)]
    return [(e.va, e.size) for e in ranges_of(xen, action.what, action.vcpu)]


def _register_runstate(xen: Xen, action: records.RegisterRunstate) -> None:
    domain = xen.domain
    area, argument = domain.buffers[action.buffer], domain.buffers[action.argument]
    if xen.design.register_area(
        xen, caller=action.vcpu, subject=action.subject, area=area.va, argument=argument.va
    ):
        return
    data = area.va.value.to_bytes(8, "little")
    domain.write(argument.va, data, vcpu=action.vcpu)
    where = domain.truth(argument.va, 8, vcpu=action.vcpu)[0][0]
    assert where is not None, "a placed buffer is mapped"
    what = f"vCPU {action.subject}'s area into the argument struct"
    xen.emit(GuestWrite(cite=_GUEST, gpa=where, size=8, what=what))
    name = "vcpu_op register_runstate_memory_area"
    number, args = _registers(xen, name, (("vcpuid", action.subject), ("arg", argument.va.value)))
    hypercall(xen, GuestCall(vcpu=action.vcpu, name=_title(xen, name), number=number, args=args))


def _update_runstate(xen: Xen, action: records.UpdateRunstate) -> None:
    xen.design.descheduled(xen, action.subject)
    area = xen.areas.get(action.subject)
    if area is None:
        text = f"vCPU {action.subject} has no registered area: nothing is written."
        xen.emit(Note(cite=_GUEST, text=text))
        return
    with out_of_user_mode(xen, action.subject) if action.user_mode else nullcontext():
        update_runstate(xen, area, action.subject)


def _without_page(xen: Xen) -> bool:
    """Whether the option's kernels have no hypercall page, and a note that says so."""
    if xen.design.without_page:
        xen.emit(Note(cite=xen.design.asked, text=xen.design.without_page))
    return bool(xen.design.without_page)


def _hypercall_page(xen: Xen, action: records.HypercallPage) -> None:
    if _without_page(xen):
        return
    page = xen.domain.buffers[action.buffer]
    if page.va.offset:
        raise MachineError(f"buffer {page.name!r} does not begin on a page")
    frame = xen.domain.frames_of(action.buffer)[0]
    if frame is None:
        raise MachineError(f"buffer {page.name!r} is not mapped")
    number = find_call(action.hypercall, xen.domain.release)[0].number
    write_hypercall_page(xen, Gpa(frame.value << PAGE_SHIFT), action.vendor, number)


def _migrate(xen: Xen, action: records.Migrate) -> None:
    if _without_page(xen):
        return
    migrate(
        xen,
        source=action.source,
        target=action.target,
        number=find_call(action.hypercall, xen.domain.release)[0].number,
        offset=action.offset,
        landing_pad=action.landing_pad,
    )


def _compat_call(xen: Xen, action: records.CompatCall) -> None:
    struct = xen.domain.buffers[action.buffer].va
    xen.user_access = not struct.value >> 63
    try:
        compat_populate(xen, action.vcpu, struct, test_first=action.test_first)
    finally:
        xen.user_access = False


_DOERS: Mapping[type[records.ActionSpec], Callable[[Xen, Any], None]] = {
    records.CallAction: _call,
    records.Multicall: _multicall,
    records.Switch: _switch,
    records.Remap: _remap,
    records.Unmap: _unmap,
    records.Protect: _protect,
    records.SetP2mType: _p2m,
    records.Share: _share,
    records.Register: _register,
    records.Purge: _purge,
    records.RegisterRunstate: _register_runstate,
    records.UpdateRunstate: _update_runstate,
    records.HypercallPage: _hypercall_page,
    records.Migrate: _migrate,
    records.CompatCall: _compat_call,
    **PROMPT_DOERS,
}


_DETAILS: Mapping[type[records.ActionSpec], Callable[[Any], str]] = {
    records.CallAction: lambda a: (
        f"vCPU {a.vcpu} calls {a.hypercall}"
        + (" for a process" * a.user)
        + (" from code unaware of the design" * (not a.converted))
    ),
    records.Multicall: lambda a: (
        f"vCPU {a.vcpu} makes a multicall of {len(a.entries)} "
        + ("entry" if len(a.entries) == 1 else "entries")
    ),
    records.Switch: lambda a: f"vCPU {a.vcpu} switches to process {a.process!r}",
    records.Remap: lambda a: f"The guest maps other frames at buffer {a.buffer!r}",
    records.Unmap: lambda a: f"The guest unmaps buffer {a.buffer!r}",
    records.Protect: lambda a: (
        f"The guest maps buffer {a.buffer!r} {'writable' if a.writable else 'read-only'}"
    ),
    records.SetP2mType: lambda a: f"The frames of buffer {a.buffer!r} become {a.type}",
    records.Share: lambda a: (
        f"The guest {'shares' if a.shared else 'takes back'} buffer {a.buffer!r}"
    ),
    records.Register: lambda a: f"vCPU {a.vcpu} registers {a.what}",
    records.Purge: lambda a: (
        f"vCPU {a.vcpu} purges {a.what}"
        if a.address is None
        else f"vCPU {a.vcpu} purges {a.size} bytes at {address_text(a.address)}"
    ),
    records.RegisterRunstate: lambda a: (
        f"vCPU {a.vcpu} registers the runstate area of vCPU {a.subject}"
    ),
    records.UpdateRunstate: lambda a: (
        f"Xen updates the runstate area of vCPU {a.subject} at a context switch"
        + (" out of user mode" * a.user_mode)
    ),
    records.HypercallPage: lambda a: f"vCPU {a.vcpu} requests the hypercall page",
    records.Migrate: lambda a: (
        f"vCPU {a.vcpu}, paused at offset {a.offset} of a stub, moves from {a.source} to {a.target}"
    ),
    records.CompatCall: lambda a: (
        f"A 32-bit caller on vCPU {a.vcpu} calls populate_physmap; Xen tests for its own area "
        + ("first" if a.test_first else "too late")
    ),
    **PROMPT_DETAILS,
}
