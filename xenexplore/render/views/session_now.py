"""A session as it is now: what is registered, and how each buffer is mapped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xenexplore.errors import MachineError
from xenexplore.session.buffer import Buffer
from xenexplore.session.tlb import RegisteredEntry, VcpuTlb
from xenexplore.session.xen import Xen
from xenexplore.steps import Node

__all__ = ["BufferNow", "TableNow", "buffer_of_step", "buffers_now", "tables_now"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TableNow:
    """One table of registered buffers.

    Attributes:
        vcpu: whose it is; None: the domain's.
        capacity: its slots, or None where there is no limit.
        entries: what is registered now; each says whether it is stale.
    """

    vcpu: int | None
    capacity: int | None
    entries: tuple[RegisteredEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BufferNow:
    """One buffer: where it is, and which registered ranges cover it.

    Attributes:
        buffer: the buffer.
        mapped: whether the guest's tables map its first byte now.
        registered: ``vCPU, slot`` of each entry that covers the whole of it; the vCPU is
            None for the domain's table.
        stale: whether one of these translates to a frame that is not the buffer's now.
    """

    buffer: Buffer
    mapped: bool
    registered: tuple[tuple[int | None, int], ...]
    stale: bool


def tables_now(xen: Xen) -> tuple[TableNow, ...]:
    """The tables of a design that has registered buffers; of one without, none."""
    if xen.refusal:
        return ()
    try:
        tables = tuple(xen.tlb)
    except MachineError:
        return ()
    shown: tuple[VcpuTlb, ...] = tables[:1] if tables[0].shared else tables
    return tuple(
        TableNow(
            vcpu=None if table.shared else table.vcpu,
            capacity=table.capacity,
            entries=table.entries,
        )
        for table in shown
    )


def buffers_now(xen: Xen, tables: tuple[TableNow, ...]) -> Iterator[BufferNow]:
    """Every buffer, in the order in which they were placed."""
    domain = xen.guest.domain
    for name, buffer in xen.guest.buffers.items():
        held = domain.buffers[name]
        covering = [
            (table, entry) for table in tables for entry in table.entries if name in entry.covers
        ]
        where = domain.truth(held.va, 1, vcpu=held.vcpu, process=held.process)
        yield BufferNow(
            buffer=buffer,
            mapped=where[0][0] is not None,
            registered=tuple((table.vcpu, entry.slot) for table, entry in covering),
            stale=any(page in entry.stale for _, entry in covering for page in held.pages),
        )


def buffer_of_step(xen: Xen, nodes: Sequence[Node], step: int) -> str:
    """Name of the buffer that a step is about, or ``""``.

    That of its own address; else of the nearest step around it that has one; else of the
    first one within it.
    """
    around = step
    while 0 <= around < len(nodes):
        name = _buffer_at(xen, nodes[around])
        if name:
            return name
        around = nodes[around].parent
    for node in nodes[step + 1 :]:
        if node.depth <= nodes[step].depth:
            break
        name = _buffer_at(xen, node)
        if name:
            return name
    return ""


def _buffer_at(xen: Xen, node: Node) -> str:
    for field in ("va", "linear", "source"):
        address = getattr(node.step, field, None)
        if address is None:
            continue
        for name, buffer in xen.guest.domain.buffers.items():
            if buffer.va.value <= address.value < buffer.va.value + buffer.size:
                return name
    return ""
