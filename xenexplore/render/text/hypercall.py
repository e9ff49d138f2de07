"""The catalogue in 72 columns: one entry with its structs and copy plan, or a list of entries."""

from __future__ import annotations

from collections.abc import Iterable

from xenexplore.hypercalls.callers import Caller, caller_of
from xenexplore.hypercalls.catalogue.abis import GUESTS
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, family
from xenexplore.hypercalls.outline.describe import GUEST_NAMES, registers
from xenexplore.hypercalls.outline.entry_facts import facts_of
from xenexplore.hypercalls.outline.outline import outline
from xenexplore.hypercalls.outline.outline_line import OutlineLine
from xenexplore.hypercalls.releases import Releases
from xenexplore.hypercalls.structs import StructLayout, Structs
from xenexplore.render.text.table import heading, paragraph, table

__all__ = ["entry_text", "list_text"]

_ERRNOS = (
    'Errnos: "returns" lists those determined by the arguments and the kind of caller, "may '
    "return\" the unusual ones that depend on Xen's state. XSM is the default policy; a FLASK "
    "denial returns -EACCES. A copy that faults returns -EFAULT unless stated otherwise."
)


def entry_text(entry: Family | SubOp, who: Caller | None = None) -> str:
    """One hypercall or sub-op.

    Args:
        entry: what to show.
        who: whose registers, layouts and plan; None: the first kind of guest that has
            it, of which nothing else is known.
    """
    one = family(entry.family, entry.xen) if isinstance(entry, SubOp) else entry
    kinds = tuple(entry.guests)
    caller = who or caller_of(kinds[0] if kinds else "hvm")
    guest = caller.handlers
    lines = heading(entry.title, "=")
    lines += ["", *paragraph(entry.summary), ""]
    lines += _facts(entry, one)
    lines += ["", *heading("Registers")]
    lines += table(
        [(register.upper(), what) for register, what in registers(one, guest)], "ll", indent=2
    )
    if isinstance(entry, Family) and entry.ops:
        lines += ["", *heading("Sub-ops"), *_ops(entry.ops.values())]
    structs = one.structs(guest)
    struct = entry.struct_of(guest)
    layout = structs.get(struct) if struct else None
    if layout:
        lines += ["", *_struct(layout, structs)]
    elif struct:
        lines += ["", *heading(f"{struct}: {structs.sizeof(struct)} bytes")]
    of = f" for a caller of kind {caller.title}" if who else ""
    lines += ["", *heading(f"Copy plan{of}"), *_plan(entry, caller)]
    if entry.notes:
        lines += ["", *heading("Notes"), *paragraph(" ".join(entry.notes.split()))]
    return "\n".join(lines) + "\n"


def _facts(entry: Family | SubOp, one: Family) -> list[str]:
    rows = [("Number", str(one.number))]
    if isinstance(entry, SubOp):
        rows.append(("Sub-op", f"{entry.value}, {entry.constant}"))
    guests = ", ".join(
        f"{GUEST_NAMES[kind]} ({one.guests[kind]})" for kind in GUESTS if kind in entry.guests
    )
    rows.append(("Guests", guests or "none"))
    if entry.who:
        rows.append(("Caller", entry.who))
    if span := str(Releases(entry.since, entry.until)):
        rows.append(("Releases", span))
    rows.append(("Header", f"xen/include/public/{one.header}"))
    rows += [("Source", f"{source} (Xen {entry.xen})") for source in entry.sources]
    if entry.unbounded:
        rows.append(("No limit", entry.unbounded))
    lines: list[str] = []
    for name, text in rows:
        wrapped = paragraph(text, indent=10)
        wrapped[0] = f"{name:<10}" + wrapped[0][10:]
        lines += wrapped
    return lines


def _ops(ops: Iterable[SubOp]) -> list[str]:
    rows = [(str(op.value), op.name, op.struct_of(op.guests[0])) for op in ops]
    return table(rows, "rll", indent=2)


def _struct(layout: StructLayout, structs: Structs) -> list[str]:
    lines = heading(f"{layout.c or layout.name}: {layout.size} bytes, aligned to {layout.align}")
    rows = [("offset", "size", "field", "type")]
    rows += [(str(f.offset), str(f.size), f.name, f.type) for f in layout.fields]
    lines += table(rows, "rrll", indent=2)
    handles = structs.handles(layout.name)
    if handles:
        lines += ["", *heading("Guest handles inside it")]
        lines += table(
            [(f"+{h.offset}", h.path, f"to {h.pointee}") for h in handles], "rll", indent=2
        )
    return lines


def _plan(entry: Family | SubOp, caller: Caller) -> list[str]:
    if entry.missing:
        return paragraph(f"Not modelled: {entry.missing}")
    lines: list[str] = []
    number = 0
    for line in outline(entry, caller):
        if line.access is not None:
            number += 1
        lines += _plan_line(line, number)
    if any("return" in line for line in lines):
        lines += ["", *paragraph(_ERRNOS)]
    return lines or ["Xen copies nothing."]


def _plan_line(line: OutlineLine, number: int) -> list[str]:
    lead = f"{number:>2}. " if line.access is not None else "    "
    # Deep nesting must leave room for words.
    indent = 4 + 2 * min(line.depth, 10)
    text = paragraph(line.text, indent=indent, hanging=2)
    text[0] = lead + text[0][4:]
    if line.role:
        text += paragraph(f"({line.role})", indent=indent + 2, hanging=1)
    return text


def list_text(entries: Iterable[Family | SubOp]) -> str:
    """One line for each entry, and what the marks mean."""
    rows: list[tuple[str, ...]] = [("number", "name", "bytes", "h", "p", "u")]
    count = 0
    for entry in entries:
        rows.append(_row(entry))
        count += 1
    lines = table(rows, "rlrlll")
    lines += ["", f"{count} entries."]
    lines += paragraph(
        "bytes: size of the argument's struct. h: it contains a handle. p: a buffer can be "
        "longer than a page. u: no fixed limit for one call. -: not modelled."
    )
    return "\n".join(lines) + "\n"


def _row(entry: Family | SubOp) -> tuple[str, ...]:
    one = family(entry.family, entry.xen) if isinstance(entry, SubOp) else entry
    facts = facts_of(entry)
    number = f"{one.number}.{entry.value}" if isinstance(entry, SubOp) else str(one.number)
    arm_only = tuple(entry.guests) == ("arm",)
    guest = "arm" if arm_only else "hvm"
    struct = entry.struct_of(guest)
    size = str(one.structs(guest).sizeof(struct)) if struct else ""
    marks = (
        "h" if facts.nested else "",
        "p" if facts.exceeds_page else "",
        "u" if facts.unbounded else "" if facts.modelled else "-",
    )
    return (number, entry.title, size, *marks)
