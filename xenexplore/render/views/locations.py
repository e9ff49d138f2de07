"""Locations: the region and buffer of an address, the buffer that holds a frame."""

from __future__ import annotations

from xenexplore.addr import Gpa, Gva
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.guest.placement.buffers import PlacedBuffer
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.guest_snapshot import GuestSnapshot
from xenexplore.steps import ListRead, Piece, RegisterPass, TlbLookup

__all__ = ["buffer_at", "describe", "handles", "holders", "second_mapping"]

_KINDS = {
    "kmalloc": "heap",
    "stack": "kernel stack",
    "vmalloc": "vmalloc'ed",
    "percpu": "per-CPU variable",
    "static": "static data",
    "module": "module data",
    "user": "user memory",
    "privcmd": "privcmd buffer",
}

# Why a frame of Linux has a second linear address.  Source: Linux,
# alloc_thread_stack_node() in kernel/fork.c; Documentation/arch/x86/x86_64/mm.rst.
_SECOND = {
    "stack": "Linux maps a kernel stack a second time, in vmalloc space (CONFIG_VMAP_STACK).",
    "vmalloc": "vmalloc() maps its frames a second time.",
    "static": "The kernel image has a mapping of its own beside the directmap.",
    "module": "A module's data is vmalloc'ed: its frames are mapped a second time.",
    "user": "A process maps its pages at addresses of its own.",
    "privcmd": "The process maps these pages at addresses of its own.",
}


_IN_VMALLOC = (
    "Linux maps the frames of vmalloc space a second time there; with CONFIG_VMAP_STACK also "
    "kernel stacks."
)


def buffer_at(machine: GuestSnapshot, va: Gva, vcpu: int | None = None) -> PlacedBuffer | None:
    """The buffer that holds a linear address, as the run began.

    Where several processes have one there, that of the process that runs on
    ``vcpu`` comes first.
    """
    found = [buffer for buffer in machine.buffers if va in buffer.range]
    running = next((v.process for v in machine.vcpus if v.index == vcpu), None)
    found.sort(key=lambda buffer: buffer.process not in (None, running))
    return found[0] if found else None


def holders(machine: GuestSnapshot, gpa: Gpa) -> tuple[PlacedBuffer, ...]:
    """The buffers that had a page in that frame as the run began."""
    return tuple(
        buffer
        for buffer in machine.buffers
        if any(frame.value == gpa.value >> 12 for frame in buffer.frames)
    )


def describe(machine: GuestSnapshot, va: Gva, vcpu: int | None = None) -> str:
    """Place of a linear address: ``"vmalloc (kernel stack)"``."""
    region = machine.region_of(va)
    buffer = buffer_at(machine, va, vcpu)
    hole = region is None or region.kind is RegionKind.HOLE
    where = "not in any region" if region is None or hole else region.name
    kind = _KINDS.get(buffer.kind, "") if buffer is not None else ""
    return f"{where} ({kind})" if kind and kind != where else where


def second_mapping(machine: GuestSnapshot, va: Gva, vcpu: int | None = None) -> str:
    """Reason why the frame at a linear address has another too; ``""`` where we cannot say."""
    if machine.spec.kernel != "linux":
        return ""
    buffer, region = buffer_at(machine, va, vcpu), machine.region_of(va)
    known = _SECOND.get(buffer.kind, "") if buffer is not None else ""
    if known:
        return known
    vmalloc = region is not None and region.kind is RegionKind.VMALLOC
    return _IN_VMALLOC if vmalloc else ""


def handles(tree: StepTree, copy: int) -> str:
    """Kind of address of a copy's handle, judged by what was done with it.

    ``"linear"``, ``"physical"``, ``"list"`` or ``"registers"``.
    """
    inside = [node.step for node in tree.inside(copy)][1:]
    if any(isinstance(step, TlbLookup | Piece) for step in inside):
        return "linear"
    if any(isinstance(step, ListRead) for step in inside):
        return "list"
    if not inside or any(isinstance(step, RegisterPass) for step in inside):
        return "registers"
    return "physical"
