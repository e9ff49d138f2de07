"""Carry out the actions that came with the prompt: place, write, set an entry, insert, look up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from xenexplore.addr import Gva, split_pages
from xenexplore.errors import MachineError
from xenexplore.hypervisor.registered import RegisteredBuffers
from xenexplore.hypervisor.xen import Xen
from xenexplore.paging import USER_WRITE, WRITE, PageTableEntry, walk
from xenexplore.scenario.model import prompt_actions as records
from xenexplore.scenario.model.action import ActionSpec
from xenexplore.scenario.model.contents import contents_bytes, field_writes
from xenexplore.scenario.model.values import Value
from xenexplore.scenario.run.build import fill, place, resolve
from xenexplore.steps import Cite, Note, counted
from xenexplore.tlb import TlbEntry

__all__ = ["GUEST", "PROMPT_DETAILS", "PROMPT_DOERS", "address_text", "registered_buffers"]

GUEST = Cite("the scenario", "what the guest does")


def registered_buffers(xen: Xen) -> RegisteredBuffers | None:
    """The option's registered buffers, or None with a note that it has none."""
    if xen.design.tlb is not None:
        return xen.design.tlb
    text = f"The option {xen.design.name} has no registered buffers: nothing happens."
    xen.emit(Note(cite=GUEST, text=text))
    return None


def _place(xen: Xen, action: records.Place) -> None:
    place(xen.domain, action.buffer)
    fill(xen.domain, action.buffer)
    buffer = xen.domain.buffers[action.buffer.name]
    frames = ", ".join(frame.hex() for frame in buffer.frames)
    text = f"Buffer {buffer.name!r}: {counted(buffer.size, 'byte')} at {buffer.va.hex()}"
    xen.emit(Note(cite=GUEST, text=f"{text}, frame {frames}."))


def _write(xen: Xen, action: records.Write) -> None:
    domain = xen.domain
    if action.gpa is not None:
        data = contents_bytes(action.contents, lambda ref: resolve(domain, ref))
        if not domain.memory.guest.write(action.gpa.value + action.contents.at, data):
            raise MachineError(
                f"the guest cannot write {len(data)} bytes at guest-physical {action.gpa.hex()}: "
                "a frame there is not RAM that it can write"
            )
        return
    buffer = domain.buffers[action.buffer]
    for offset, data in _pieces(xen, action):
        if offset + len(data) > buffer.size:
            raise MachineError(
                f"buffer {buffer.name!r} has {buffer.size} bytes: {len(data)} at offset {offset} "
                "do not fit"
            )
        va = buffer.va + offset
        _check_writable(xen, va, len(data), action.vcpu, buffer.process)
        domain.write(va, data, vcpu=action.vcpu, process=buffer.process)


def _pieces(xen: Xen, action: records.Write) -> Iterator[tuple[int, bytes]]:
    """Offset in the buffer, and bytes, of each write."""
    contents, domain = action.contents, xen.domain
    if not contents.fields:
        yield contents.at, contents_bytes(contents, lambda ref: resolve(domain, ref))
        return
    buffer = domain.buffers[action.buffer]
    start, size = buffer.va + contents.at, contents.size - contents.at
    if contents.size > buffer.size:
        raise MachineError(
            f"buffer {buffer.name!r} has {buffer.size} bytes: a {contents.struct} of {size} at "
            f"offset {contents.at} does not fit"
        )
    held = bytearray(domain.read(start, size, vcpu=action.vcpu, process=buffer.process))
    for offset, data in field_writes(
        contents, contents.fields, held, lambda ref: resolve(domain, ref)
    ):
        yield contents.at + offset, data


def _check_writable(xen: Xen, va: Gva, size: int, vcpu: int, process: str | None) -> None:
    """The CPU's own walk for the write: a fault there is an error here.

    Raises:
        MachineError: the guest's CPU would not let it write there.
    """
    domain = xen.domain
    state = domain.paging_state(vcpu, process=process)
    access = WRITE if process is None else USER_WRITE
    for piece, _ in split_pages(va, size):
        found = walk(domain.memory.guest, state, piece, access)
        if not found.ok:
            raise MachineError(
                f"the guest cannot write {size} bytes at {va.hex()}: {found.end.value}"
            )


def _entry(xen: Xen, action: records.SetEntry) -> None:
    va = Gva(resolve(xen.domain, action.address))
    process = action.process or None
    at, before = xen.domain.entry(va, action.level, vcpu=action.vcpu, process=process)
    value = before.value if action.value is None else action.value
    for name in action.set_bits:
        value |= before.mask(name)
    for name in action.clear_bits:
        value &= ~before.mask(name)
    xen.domain.set_entry(va, action.level, value, vcpu=action.vcpu, process=process)
    after = PageTableEntry(value, before.level, before.mode, before.c_bit)
    text = (
        f"The level-{action.level} entry at {at.hex()} was {before.value:#x} ({before.flags}), "
        f"is {value:#x} ({after.flags})."
    )
    xen.emit(Note(cite=GUEST, text=text))


def _insert(xen: Xen, action: records.Insert) -> None:
    held = registered_buffers(xen)
    if held is not None:
        va = Gva(resolve(xen.domain, action.address))
        entry = TlbEntry(va, action.gpa, action.size, action.is_global, None, action.label)
        held.insert(xen, action.vcpu, entry)


def _lookup(xen: Xen, action: records.Lookup) -> None:
    held = registered_buffers(xen)
    if held is not None:
        va = Gva(resolve(xen.domain, action.address))
        held.lookup(xen, action.vcpu, va, action.size)


PROMPT_DOERS: Mapping[type[ActionSpec], Callable[[Xen, Any], None]] = {
    records.Place: _place,
    records.Write: _write,
    records.SetEntry: _entry,
    records.Insert: _insert,
    records.Lookup: _lookup,
}


def _written(action: records.Write) -> str:
    contents = action.contents
    where = f"buffer {action.buffer!r}" if action.gpa is None else f"memory at {action.gpa.hex()}"
    if contents.fields:
        shown = ", ".join(
            f"{path} = {value if not isinstance(value, int) else _number(value)}"
            for path, value in contents.fields
        )
        return f"The guest writes {where}: {shown}"
    at = f" from offset {contents.at}" if contents.at else ""
    return f"The guest writes {where}: {counted(contents.size - contents.at, 'byte')}{at}"


def _number(value: int) -> str:
    return str(value) if abs(value) < 1 << 16 else f"{value:#x}"


def _changed(action: records.SetEntry) -> str:
    where = address_text(action.address)
    words = [f"sets {', '.join(action.set_bits)}"] if action.set_bits else []
    words += [f"clears {', '.join(action.clear_bits)}"] if action.clear_bits else []
    done = " and ".join(words) or f"writes {action.value or 0:#x}"
    return f"The guest {done} in the level-{action.level} entry for {where}"


def address_text(value: Value) -> str:
    """An action's linear address as its step shows it."""
    return f"{value:#x}" if isinstance(value, int) else str(value)


PROMPT_DETAILS: Mapping[type[ActionSpec], Callable[[Any], str]] = {
    records.Place: lambda a: f"The guest allocates buffer {a.buffer.name!r} ({a.buffer.place})",
    records.Write: _written,
    records.SetEntry: _changed,
    records.Insert: lambda a: (
        f"vCPU {a.vcpu} registers {counted(a.size, 'byte')} at {address_text(a.address)} "
        f"as {a.gpa.hex()}"
    ),
    records.Lookup: lambda a: (
        f"{counted(a.size, 'byte')} at {address_text(a.address)} looked up for vCPU {a.vcpu}"
    ),
}
