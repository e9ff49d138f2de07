"""Sheets of a guest, its buffers, tables and memory at the prompt."""

from __future__ import annotations

from xenexplore.guest.layout.regions import RegionKind
from xenexplore.guest.physical import GpaRegion
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.sheet import Sheet, SheetTable, plural
from xenexplore.session.buffer import Buffer
from xenexplore.session.buffers import Buffers
from xenexplore.session.fields import StructView
from xenexplore.session.guest import Guest
from xenexplore.session.memory import MemoryBytes, MemoryView
from xenexplore.session.p2m import P2mFrame, P2mView
from xenexplore.session.page_tables import PageTablesView, TableEntry
from xenexplore.session.regions import Regions
from xenexplore.session.state import GuestState
from xenexplore.session.values import field_paths

__all__ = [
    "buffer_sheet",
    "buffers_sheet",
    "bytes_sheet",
    "guest_sheet",
    "memory_sheet",
    "p2m_frame_sheet",
    "p2m_sheet",
    "page_tables_sheet",
    "regions_sheet",
    "table_entry_sheet",
]

_SIZES = {0: "4 KiB", 9: "2 MiB", 18: "1 GiB"}


def guest_sheet(guest: Guest) -> Sheet:
    """The guest: what it is, its vCPUs, its buffers."""
    spec = guest.spec
    private = {
        "none": "none: Xen can read all of its memory",
        "sev": "SEV: private pages are ciphertext to Xen",
        "snp": "SEV-SNP: private pages are ciphertext to Xen, which cannot write them",
    }
    facts = [
        ("type", spec.type.upper() + (" (no P2M: gfn is mfn)" if spec.type == "pv" else "")),
        ("kernel", guest.domain.layout.name),
        ("memory", spell.size(spec.memory)),
        ("encryption", private[spec.encryption]),
        ("places", ", ".join(guest.domain.kinds)),
        ("runs on", f"Xen {guest.release}, whose public headers define the struct layouts"),
    ]
    if spec.has_p2m:
        facts.insert(3, ("P2M", f"{_SIZES[spec.p2m_order]} entries"))
    if guest.pending:
        facts.append(
            ("pending", f"{plural(len(guest.pending), 'action')}: xen.replay() performs them")
        )
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


def _buffer_table(guest: GuestState) -> SheetTable:
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
            for one in Buffers(guest).values()
        ),
        align="lllkrk",
        keys=tuple(map(_keys, Buffers(guest).values())),
    )


def _keys(buffer: Buffer) -> str:
    """A buffer, its pages and its frames, as the stepper's views name them."""
    first = buffer.va.value >> 12
    pages = (f"vp:{first + n:x}" for n in range(len(buffer.frames)))
    frames = (f"gfn:{gfn.value:x}" for gfn in buffer.frames if gfn is not None)
    return " ".join((f"buf:{buffer.name}", *pages, *frames))


def _holds(buffer: Buffer) -> str:
    spec = buffer.spec.contents
    many = f"{len(spec.array)} x " if spec.array else ""
    return f"{many}{spec.struct}" if spec.struct else "text" if spec.text else "bytes"


def _frames(buffer: Buffer) -> str:
    shown = ["none" if gfn is None else spell.frame(gfn.value) for gfn in buffer.frames[:3]]
    left = len(buffer.frames) - len(shown)
    return " ".join(shown) + (f" +{left}" if left else "")


def buffers_sheet(buffers: Buffers) -> Sheet:
    """Every buffer, a row each."""
    guest = buffers._guest
    if not buffers:
        note = 'None yet: guest.buffer("stack", struct="evtchn_send", port=5) places one.'
        return Sheet(title="Buffers", notes=(note,))
    title = plural(len(buffers), "buffer")
    return Sheet(title=title, tables=(_buffer_table(guest),))


def buffer_sheet(buffer: Buffer) -> Sheet:
    """A buffer: where it lies, and its fields now."""
    if buffer.name not in buffer.guest.domain.buffers:
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
        facts.append(("touches", plural(len(buffer.frames), "page")))
    if buffer.guest.spec.encrypted:
        facts.append(
            ("state", "shared with Xen" if buffer.shared else "private: ciphertext to Xen")
        )
    tables: tuple[SheetTable, ...] = ()
    if field_paths(buffer.struct, buffer.guest.release):
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


def regions_sheet(regions: Regions) -> Sheet:
    """The regions of a linear address space that are no holes."""
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


def p2m_sheet(p2m: P2mView) -> Sheet:
    """Contents of the P2M, as runs."""
    runs = p2m.runs
    if not runs:
        note = "A PV guest has no P2M: its page tables hold machine frames."
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
    note = "The gaps are holes (p2m_mmio_dm). guest.p2m[gfn] is one frame."
    return Sheet(title="P2M: guest frames to machine frames", tables=(table,), notes=(note,))


def p2m_frame_sheet(frame: P2mFrame) -> Sheet:
    """One frame in the P2M."""
    return Sheet(
        title=f"gfn {spell.frame(frame.gfn.value)}",
        facts=(
            ("mfn", "none" if frame.mfn is None else spell.frame(frame.mfn.value)),
            ("type", frame.type.name),
            ("entry", _SIZES[frame.order]),
            ("state", "private to the guest" if frame.private else "accessible to Xen"),
        ),
    )


def page_tables_sheet(tables: PageTablesView) -> Sheet:
    """The address spaces and their roots."""
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


def table_entry_sheet(entry: TableEntry) -> Sheet:
    """One page-table entry."""
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


def bytes_sheet(data: MemoryBytes) -> Sheet:
    """A hex dump."""
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
    title = f"{plural(len(data), 'byte')}, {kind}as {who} reads them".replace(", as", " as")
    return Sheet(title=title, tables=(SheetTable(head=("", "", ""), rows=rows, align="kkk"),))


def _from_and_outermost(region: GpaRegion) -> tuple[int, int]:
    return region.range.start.value, -region.range.size


def memory_sheet(memory: MemoryView) -> Sheet:
    """The guest-physical address space."""
    domain = memory._guest.domain
    rows = tuple(
        (
            spell.physical(region.range.start.value),
            spell.size(region.range.size),
            region.name + (", in RAM" if region.kind == "kernel" else ""),
            region.what,
        )
        for region in sorted(domain.gpa_regions, key=_from_and_outermost)
    )
    table = SheetTable(head=("from", "size", "region", ""), rows=rows, align="lrll")
    who = "the guest" if memory.reader == "guest" else "Xen"
    return Sheet(
        title=f"Guest-physical memory, as {who} reads it",
        tables=(table,),
        notes=("memory[gpa : gpa + 16], memory[buffer]; memory.as_xen is what Xen reads.",),
    )
