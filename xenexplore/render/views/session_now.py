"""A session as it is now: how each buffer is mapped, and what is registered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xenexplore.errors import MachineError
from xenexplore.paging import Walk
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.session_sheets import sheet_of
from xenexplore.render.views.sheet import Sheet, SheetTable
from xenexplore.session.xen import Xen
from xenexplore.steps import Node

__all__ = ["buffer_of_keys", "buffer_of_step", "now_sheet"]


def now_sheet(xen: Xen, chosen: str = "") -> Sheet:
    """Buffers, registered ranges (stale ones marked), and one buffer's page-table entries.

    Args:
        xen: the session.
        chosen: name of the buffer whose entries are shown, or ``""``.
    """
    tables = sheet_of(xen.guest.buffers).tables
    try:
        registered = sheet_of(xen.tlb).tables
    except MachineError:  # a design without registered buffers, or one that refuses the guest
        registered = ()
    entries = (_entries(xen, chosen),) if chosen else ()
    return Sheet(title="The session now", tables=(*tables, *registered, *entries))


def _entries(xen: Xen, name: str) -> SheetTable:
    buffer = xen.guest.buffers[name]
    # By the guest's own CPU: what its tables say, encrypted or not.
    walk: Walk = xen.guest.walk(buffer, vcpu=buffer.vcpu, process=buffer.process, by="cpu")
    rows = tuple(
        (str(level.number), spell.physical(level.table.value), str(level.index), spell.entry(entry))
        for level, entry in zip(walk.levels, walk.entries, strict=True)
    )
    if walk.gpa is not None:
        end = spell.physical(walk.gpa.value)
    else:
        end = f"{walk.end.value}, at level {walk.failed_level}"
    return SheetTable(
        caption=f"Page-table entries of {name}: {end}",
        head=("level", "table", "index", "entry"),
        rows=rows,
        align="rkrk",
        keys=tuple(f"f:{one.number} gfn:{one.table.value >> 12:x}" for one in walk.levels),
        bad=frozenset() if walk.ok else frozenset({len(rows) - 1}),
    )


def buffer_of_step(xen: Xen, nodes: Sequence[Node], step: int) -> str:
    """Name of the buffer that a step is about, or ``""``.

    That of its own address, or of the nearest step around it that has one; else of the first
    step within it, or within the nearest step around it.
    """
    around = [step] if 0 <= step < len(nodes) else []
    while around and nodes[around[-1]].parent >= 0:
        around.append(nodes[around[-1]].parent)
    within = ([index, *_within(nodes, index)] for index in around)
    for index in (*around, *(inner for some in within for inner in some)):
        name = _buffer_at(xen, nodes[index])
        if name:
            return name
    return ""


def _within(nodes: Sequence[Node], step: int) -> Iterator[int]:
    for node in nodes[step + 1 :]:
        if node.depth <= nodes[step].depth:
            break
        yield node.index


def _buffer_at(xen: Xen, node: Node) -> str:
    for field in ("va", "linear", "source"):
        address = getattr(node.step, field, None)
        if address is None:
            continue
        for name, buffer in xen.guest.domain.buffers.items():
            if buffer.va.value <= address.value < buffer.va.value + buffer.size:
                return name
    return ""


def buffer_of_keys(xen: Xen, keys: str) -> str:
    """Name of the buffer that a pick in the stepper stands for, or ``""``.

    Args:
        xen: the session.
        keys: of what was picked, as the stepper's views share them: ``buf:NAME``;
            ``vp:PAGE`` and ``gfn:FRAME``, in hexadecimal; ``slot:VCPU:SLOT``.
    """
    buffers = xen.guest.buffers
    for key in keys.split():
        word, _, rest = key.partition(":")
        for name, buffer in buffers.items():
            page, frames = buffer.va.value >> 12, buffer.frames
            pages = {f"{page + n:x}" for n in range(len(frames))}
            gfns = {f"{gfn.value:x}" for gfn in frames if gfn is not None}
            if (
                (word == "buf" and rest == name)
                or (word == "vp" and rest in pages)
                or (word == "gfn" and rest in gfns)
                or (word == "slot" and name in _covered(xen, rest))
            ):
                return name
    return ""


def _covered(xen: Xen, key: str) -> tuple[str, ...]:
    """The buffers that an entry covers, by its table and slot."""
    vcpu, _, slot = key.partition(":")
    table = xen.tlb[int(vcpu) if vcpu.isdecimal() else 0]
    return next((one.covers for one in table if str(one.slot) == slot), ())
