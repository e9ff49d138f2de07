"""What each object at the prompt shows: its sheet, by its class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from xenexplore.guest.layout.regions import RegionKind
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.sheet import Sheet, SheetTable
from xenexplore.session.buffer import Buffer
from xenexplore.session.fields import StructView
from xenexplore.session.guest import Buffers, Guest
from xenexplore.session.memory import MemoryBytes, MemoryView
from xenexplore.session.p2m import P2mFrame, P2mView
from xenexplore.session.page_tables import PageTablesView, TableEntry
from xenexplore.session.regions import Regions
from xenexplore.session.tlb import RegisteredEntry, TlbSteps, VcpuTlb, VcpuTlbs
from xenexplore.session.values import field_paths
from xenexplore.session.xen import Xen
from xenexplore.steps import Action, Step, TlbInsert, TlbLookup, TlbPurge

__all__ = ["SHEETS", "sheet_of"]

_SIZES = {0: "4 KiB", 9: "2 MiB", 18: "1 GiB"}


def sheet_of(shown: object) -> Sheet:
    """The sheet of one of :data:`SHEETS`."""
    for kind in type(shown).__mro__:
        if kind in SHEETS:
            return SHEETS[kind](shown)
    raise TypeError(f"{type(shown).__name__} has no sheet")


def _plural(count: int, noun: str, many: str = "") -> str:
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def _guest(guest: Guest) -> Sheet:
    spec = guest.spec
    private = {
        "none": "none: Xen reads all of its memory",
        "sev": "SEV: private pages are ciphertext to Xen",
        "snp": "SEV-SNP: private pages are ciphertext to Xen, which cannot write them",
    }
    facts = [
        ("type", spec.type.upper() + (" (no P2M: gfn is mfn)" if spec.type == "pv" else "")),
        ("kernel", guest.domain.layout.name),
        ("memory", spell.size(spec.memory)),
        ("encryption", private[spec.encryption]),
        ("places", ", ".join(guest.domain.kinds)),
    ]
    if spec.has_p2m:
        facts.insert(3, ("P2M", f"{_SIZES[spec.p2m_order]} entries"))
    if guest.pending:
        facts.append(("pending", f"{_plural(len(guest.pending), 'action')}: xen.replay() does it"))
    vcpus = SheetTable(
        head=("vCPU", "process", "CR3", "kernel stack", "per-CPU area"),
        rows=tuple(
            (
                str(vcpu.index),
                vcpu.process,
                spell.physical(vcpu.cr3.value),
                spell.linear(vcpu.kernel_stack.value),
                spell.linear(vcpu.percpu.value) if vcpu.percpu.value else "-",
            )
            for vcpu in guest.vcpus[:_MOST_VCPUS]
        ),
        align="rlkkk",
    )
    notes: tuple[str, ...] = ()
    if len(guest.vcpus) > _MOST_VCPUS:
        notes = (f"{len(guest.vcpus) - _MOST_VCPUS} more vCPUs are like these.",)
    tables = (vcpus, _buffer_table(guest)) if guest.buffers else (vcpus,)
    return Sheet(title=repr(guest)[1:-1], facts=tuple(facts), tables=tables, notes=notes)


_MOST_VCPUS = 8


def _buffer_table(guest: Guest) -> SheetTable:
    return SheetTable(
        head=("buffer", "holds", "place", "linear address", "bytes", "frames"),
        rows=tuple(
            (
                one.name,
                _holds(one),
                one.place,
                spell.linear(one.va.value),
                f"{one.size:,}",
                _frames(one),
            )
            for one in guest.buffers.values()
        ),
        align="lllkrk",
    )


def _holds(buffer: Buffer) -> str:
    spec = buffer.spec.contents
    many = f"{len(spec.array)} x " if spec.array else ""
    return f"{many}{spec.struct}" if spec.struct else "text" if spec.text else "bytes"


def _frames(buffer: Buffer) -> str:
    shown = ["none" if gfn is None else spell.frame(gfn.value) for gfn in buffer.frames[:3]]
    left = len(buffer.frames) - len(shown)
    return " ".join(shown) + (f" +{left}" if left else "")


def _buffers(buffers: Buffers) -> Sheet:
    guest = buffers._guest
    if not buffers:
        note = 'None yet: guest.buffer("stack", struct="evtchn_send", port=5) places one.'
        return Sheet(title="Buffers", notes=(note,))
    title = _plural(len(buffers), "buffer")
    return Sheet(title=title, tables=(_buffer_table(guest),))


def _buffer(buffer: Buffer) -> Sheet:
    if buffer.name not in buffer.guest.buffers:
        return Sheet(title=repr(buffer)[1:-1])
    gpa = "not mapped" if buffer.gpa is None else spell.physical(buffer.gpa.value)
    owner = f"process {buffer.process}" if buffer.process else "every address space"
    rights = "writable" if buffer.writable else "read-only"
    facts = [
        ("place", f"{buffer.place}, vCPU {buffer.vcpu}; mapped {rights} in {owner}"),
        ("linear", f"{spell.linear(buffer.va.value)}, {spell.size(buffer.size)}"),
        ("physical", f"{gpa}, frame {_frames(buffer)}"),
    ]
    if buffer.straddles:
        facts.append(("touches", _plural(len(buffer.frames), "page")))
    if buffer.guest.spec.encrypted:
        facts.append(
            ("state", "shared with Xen" if buffer.shared else "private: ciphertext to Xen")
        )
    tables: tuple[SheetTable, ...] = ()
    if field_paths(buffer.struct):
        if buffer.gpa is not None:
            tables = (_field_table(buffer),)
    elif buffer.gpa is not None:
        facts.append(("bytes", buffer.data[:16].hex(" ") + (" .." if buffer.size > 16 else "")))
    return Sheet(title=f"{buffer.name}: {_holds(buffer)}", facts=tuple(facts), tables=tables)


def _field_table(buffer: Buffer) -> SheetTable:
    count = len(buffer.spec.contents.array)
    if count:
        views = [(f"[{n}]", buffer[n]) for n in range(min(count, 16))]
        rows = [(name, repr(view)[1:-1]) for name, view in views]
        return SheetTable(head=("element", "fields"), rows=tuple(rows), align="ll")
    rows = [(name, _value(value)) for name, value in buffer.fields.items()]
    return SheetTable(head=("field", "value"), rows=tuple(rows), align="ll")


def _value(value: object) -> str:
    if isinstance(value, StructView):
        return repr(value)[1:-1]
    if isinstance(value, tuple):
        return ", ".join(_value(item) for item in value[:8]) + (" .." if len(value) > 8 else "")
    if isinstance(value, int) and value >= 1 << 16:
        return f"{value:#x}"
    return str(value)


def _regions(regions: Regions) -> Sheet:
    rows = tuple(
        (
            spell.linear(region.start.value),
            spell.size(region.size),
            region.name + (f", in {region.part_of}" if region.part_of else ""),
            "-" if region.physical is None else spell.physical(region.physical.value),
        )
        for region in regions
        if region.kind is not RegionKind.HOLE
    )
    table = SheetTable(head=("from", "size", "region", "physical"), rows=rows, align="krlk")
    return Sheet(title=regions.layout, tables=(table,))


def _p2m(p2m: P2mView) -> Sheet:
    runs = p2m.runs
    if not runs:
        note = "A PV guest has no P2M that a look-up goes through: its tables hold machine frames."
        return Sheet(title="P2M", notes=(note,))
    rows = tuple(
        (
            spell.frame(run.gfn.value),
            f"{run.frames:,}",
            run.type.name,
            _SIZES[run.order],
        )
        for run in runs
    )
    table = SheetTable(head=("gfn", "frames", "type", "entries of"), rows=rows, align="lrll")
    note = "What lies between is a hole (p2m_mmio_dm). guest.p2m[gfn] is one frame."
    return Sheet(title="P2M: guest frames to machine frames", tables=(table,), notes=(note,))


def _p2m_frame(frame: P2mFrame) -> Sheet:
    return Sheet(
        title=f"gfn {spell.frame(frame.gfn.value)}",
        facts=(
            ("mfn", "none" if frame.mfn is None else spell.frame(frame.mfn.value)),
            ("type", frame.type.name),
            ("entry", _SIZES[frame.order]),
            ("state", "private to the guest" if frame.private else "open to Xen"),
        ),
    )


def _page_tables(tables: PageTablesView) -> Sheet:
    rows = tuple(
        (name, spell.physical(root.value), ", ".join(_running(tables, name)) or "-")
        for name, root in tables.roots.items()
    )
    table = SheetTable(head=("process", "top-level table", "on vCPU"), rows=rows, align="lll")
    facts = (
        ("levels", str(tables.levels)),
        ("frames", f"{len(tables.frames):,}, from {spell.frame(tables.frames[0].value)}"),
    )
    note = "guest.page_tables.entry(va, level) is one entry, to read and to set bit by bit."
    return Sheet(title="Page tables", facts=facts, tables=(table,), notes=(note,))


def _running(tables: PageTablesView, process: str) -> list[str]:
    return [str(v.index) for v in tables._guest.vcpus if v.process == process]


def _entry(entry: TableEntry) -> Sheet:
    target = "page" if entry.leaf else "table"
    return Sheet(
        title=f"Level-{entry.level} entry for {spell.linear(entry.va.value)}",
        facts=(
            ("at", f"guest-physical {spell.physical(entry.at.value)}"),
            ("value", spell.entry(entry.value)),
            ("bits", entry.flags),
            (target, f"frame {spell.frame(entry.frame.value)}"),
        ),
    )


def _dump(data: MemoryBytes) -> Sheet:
    rows = tuple(
        (
            spell.physical(data.gpa.value + at),
            data[at : at + 16].hex(" ", -4),
            "".join(chr(b) if 32 <= b < 127 else "." for b in data[at : at + 16]),
        )
        for at in range(0, len(data), 16)
    )
    who = "the guest" if data.reader == "guest" else "Xen"
    kind = "private, " if data.private else ""
    kind += "ciphertext " if data.private and data.reader == "xen" else ""
    title = f"{_plural(len(data), 'byte')}, {kind}as {who} reads them".replace(", as", " as")
    return Sheet(title=title, tables=(SheetTable(head=("", "", ""), rows=rows, align="kkk"),))


def _memory(memory: MemoryView) -> Sheet:
    domain = memory._guest.domain
    rows = tuple(
        (
            spell.physical(region.range.start.value),
            spell.size(region.range.size),
            region.name,
            region.what,
        )
        for region in domain.gpa_regions
    )
    table = SheetTable(head=("from", "size", "region", ""), rows=rows, align="lrll")
    who = "the guest" if memory.reader == "guest" else "Xen"
    return Sheet(
        title=f"Guest-physical memory, as {who} reads it",
        tables=(table,),
        notes=("memory[gpa : gpa + 16], memory[buffer]; memory.as_xen is what Xen reads.",),
    )


def _xen(xen: Xen) -> Sheet:
    facts = [("design", xen.design), ("guest", repr(xen.guest)[1:-1].removeprefix("Guest: "))]
    if xen.refusal:
        return Sheet(title="Xen", facts=(*facts, ("refused", xen.refusal)))
    outcome = xen.outcome
    counts = outcome.calls
    told = (
        _plural(counts.exits, "exit"),
        _plural(counts.walks, "walk"),
        _plural(counts.tlb_lookups, "look-up"),
        _plural(counts.copies, "copy", "copies"),
    )
    facts += [
        ("so far", f"{_plural(len(xen.actions), 'action')}, {outcome.status}"),
        ("counts", ", ".join(told)),
    ]
    if outcome.hazards:
        facts.append(("hazards", ", ".join(dict.fromkeys(outcome.hazards))))
    rows = tuple(
        (str(number), text) for number, text in list(enumerate(_done(xen), 1))[-_MOST_ACTIONS:]
    )
    tables = (SheetTable(head=("#", "action"), rows=rows, align="rl"),) if rows else ()
    return Sheet(title="Xen", facts=tuple(facts), tables=tables)


_MOST_ACTIONS = 20


def _done(xen: Xen) -> list[str]:
    """What each action's own step says."""
    said = (n.step.detail for n in xen.trace.steps if isinstance(n.step, Action) and not n.depth)
    return ["The design is set up" if one.do == "setup" else next(said) for one in xen.actions]


def _tlbs(tlbs: VcpuTlbs) -> Sheet:
    shared = tlbs[0].shared
    shown = [tlbs[0]] if shared else list(tlbs)
    tables = tuple(_tlb_table(one) for one in shown)
    return Sheet(title="Registered buffers", tables=tables)


def _tlb(tlb: VcpuTlb) -> Sheet:
    return Sheet(title="Registered buffers", tables=(_tlb_table(tlb),))


def _tlb_table(tlb: VcpuTlb) -> SheetTable:
    entries = tlb.entries
    whose = "the domain" if tlb.shared else f"vCPU {tlb.vcpu}"
    slots = "as many slots as are asked for" if tlb.capacity is None else f"{tlb.capacity} slots"
    return SheetTable(
        caption=f"Table of {whose}: {_plural(len(entries), 'entry', 'entries')}, {slots}",
        head=("slot", "linear address", "bytes", "physical", "hits", "age", "holds", ""),
        rows=tuple(
            (
                str(one.slot),
                spell.linear(one.va.value),
                spell.span(one.size),
                spell.physical(one.pa.value),
                str(one.hits),
                str(one.age),
                ", ".join(dict.fromkeys((one.label, *one.covers))) or "-",
                "STALE" if one.stale else "",
            )
            for one in entries
        ),
        align="rkrkrrlk",
        bad=frozenset(n for n, one in enumerate(entries) if one.stale),
    )


def _registered(one: RegisteredEntry) -> Sheet:
    where = "every address space" if one.is_global else "one address space"
    facts = [
        ("linear", f"{spell.linear(one.va.value)} {spell.span(one.size)}"),
        ("physical", spell.physical(one.pa.value)),
        ("declared", where + (f", tag {one.space:#x}" if one.space is not None else "")),
        ("hits", f"{one.hits} of {_plural(one.age, 'look-up')} since it was registered"),
    ]
    if one.covers:
        facts.append(("covers", ", ".join(one.covers)))
    if one.overlaps:
        facts.append(("overlaps", ", ".join(one.overlaps)))
    if one.stale:
        pages = ", ".join(spell.linear(va.value) for va in one.stale[:4])
        facts.append(("stale", f"the page tables map another frame at {pages}"))
    return Sheet(title=f"Slot {one.slot} {one.label}".rstrip(), facts=tuple(facts))


def _steps(steps: TlbSteps) -> Sheet:
    if not steps:
        return Sheet(title="Nothing happened")
    rows = tuple((str(n), spell.regroup(step.say())) for n, step in enumerate(steps))
    if len(rows) == 1:
        return _step(steps[0])
    return Sheet(title=_plural(len(rows), "step"), notes=tuple(text for _, text in rows))


def _step(step: Step) -> Sheet:
    said = (spell.regroup(step.say()), f"Source: {step.cite}")
    return Sheet(title=_title(step), notes=said)


def _title(step: Step) -> str:
    if isinstance(step, TlbLookup):
        return "Hit" if step.hit else "Miss"
    refused = getattr(step, "result", 0)
    done = "Registered" if isinstance(step, TlbInsert) else "Purged"
    return f"Refused: {spell.errno_name(refused)}" if refused else done


SHEETS: Mapping[type, Callable[[Any], Sheet]] = {
    Guest: _guest,
    Buffers: _buffers,
    Buffer: _buffer,
    Regions: _regions,
    P2mView: _p2m,
    P2mFrame: _p2m_frame,
    PageTablesView: _page_tables,
    TableEntry: _entry,
    MemoryBytes: _dump,
    MemoryView: _memory,
    Xen: _xen,
    VcpuTlbs: _tlbs,
    VcpuTlb: _tlb,
    RegisteredEntry: _registered,
    TlbSteps: _steps,
    TlbInsert: _step,
    TlbLookup: _step,
    TlbPurge: _step,
}
"""Class to what makes its sheet."""
