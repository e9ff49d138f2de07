"""How an entry shows itself: a few lines at a prompt, a table in a notebook."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from xenexplore.hypercalls.catalogue.entries import Family, SubOp, family
from xenexplore.hypercalls.outline.entry_facts import facts_of
from xenexplore.hypercalls.outline.outline import outline
from xenexplore.hypercalls.structs import StructLayout, structs_for

__all__ = ["family_html", "family_text", "op_html", "op_text", "registers"]

GUEST_NAMES = {"hvm": "HVM/PVH", "pv": "PV", "arm": "Arm64"}


def op_text(op: SubOp) -> str:
    """The repr of a sub-op."""
    one = family(op.family)
    lines = [
        f"<{op.title}: {op.summary}",
        f"  number {one.number}, sub-op {op.value} ({op.constant})",
    ]
    layout = _layout(op)
    if layout:
        lines.append(f"  {layout.c or layout.name}: {layout.size} bytes")
    facts = facts_of(op)
    if facts.handles:
        lines.append(f"  handles: {', '.join(h.path for h in facts.handles)}")
    pieces = "one piece" if facts.copies == 1 else f"{facts.copies or 'no'} pieces"
    plan = f"copy plan of {pieces}" if facts.modelled else "copy plan not modelled"
    return "\n".join([*lines, f"  guests: {_guests(op.guests)}; {plan}>"])


def family_text(one: Family) -> str:
    """The repr of a hypercall."""
    args = ", ".join(f"{a.type} {a.name}" for a in one.args)
    lines = [f"<{one.name}({args}): {one.summary}", f"  number {one.number}"]
    if one.ops:
        names = ", ".join(op.name for op in one.ops.values())
        lines.append(f"  {len(one.ops)} sub-ops: {names}")
    return "\n".join([*lines, f"  guests: {_guests(one.guests)}>"])


def registers(one: Family, guest: str) -> tuple[tuple[str, str], ...]:
    """Register and what it carries, the number first."""
    number = "x16" if guest == "arm" else "rax"
    rows = [(number, f"{one.number} (the hypercall's number)")]
    rows += [
        (register, f"{argument.type} {argument.name}")
        for register, argument in zip(one.registers(guest), one.args, strict=True)
    ]
    return tuple(rows)


def op_html(op: SubOp) -> str:
    """The notebook's table of a sub-op."""
    one = family(op.family)
    guest = op.guests[0]
    parts = [
        f"<h4>{escape(op.title)}</h4><p>{escape(op.summary)}</p>",
        _rows(
            [
                ("Sub-op", f"{op.value} ({op.constant})"),
                *((register, what) for register, what in registers(one, guest)),
                ("Guests", _guests(op.guests)),
                ("Caller", op.who),
                ("Source", "; ".join(op.sources) + " (Xen 4.17)"),
            ]
        ),
    ]
    layout = _layout(op)
    if layout:
        parts.append(_struct_html(layout))
    parts.append(_plan_html(op, guest))
    return "".join(parts)


def family_html(one: Family) -> str:
    """The notebook's table of a hypercall."""
    guest = next(iter(one.guests), "hvm")
    parts = [
        f"<h4>{escape(one.name)}</h4><p>{escape(one.summary)}</p>",
        _rows(
            [
                *registers(one, guest),
                ("Guests", _guests(one.guests)),
                ("Caller", one.who),
                ("Source", "; ".join(one.sources) + " (Xen 4.17)"),
            ]
        ),
    ]
    if one.ops:
        rows = [
            (str(op.value), op.name, op.struct_of(op.guests[0]), _guests(op.guests), op.summary)
            for op in one.ops.values()
        ]
        parts.append(_table(("#", "Sub-op", "Struct", "Guests", ""), rows))
    else:
        parts.append(_plan_html(one, guest))
    return "".join(parts)


def _layout(op: SubOp) -> StructLayout | None:
    structs = family(op.family).structs(op.guests[0])
    struct = op.struct_of(op.guests[0])
    return structs.get(struct) if struct else None


def _guests(kinds: Iterable[str]) -> str:
    return ", ".join(GUEST_NAMES[kind] for kind in kinds) or "none"


def _struct_html(layout: StructLayout) -> str:
    rows = [(str(f.offset), str(f.size), f.name, f.type) for f in layout.fields]
    title = f"<p><b>{escape(layout.c or layout.name)}</b>: {layout.size} bytes"
    return f"{title}, xen/{escape(layout.header)}</p>" + _table(
        ("Offset", "Size", "Field", "Type"), rows
    )


def _plan_html(entry: Family | SubOp, guest: str) -> str:
    if entry.missing:
        return f"<p>Copy plan not modelled: {escape(entry.missing)}</p>"
    lines = []
    for line in outline(entry, guest):
        role = f"  <i>{escape(line.role)}</i>" if line.role else ""
        lines.append("&nbsp;" * 4 * line.depth + escape(line.text) + role)
    body = "<br>".join(lines) or "Xen copies nothing."
    return f"<p><b>Copy plan</b></p><p style='font-family:monospace'>{body}</p>"


def _rows(pairs: Iterable[tuple[str, str]]) -> str:
    return _table((), [(f"{name}", text) for name, text in pairs if text])


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    cell = "style='text-align:left'"
    top = "".join(f"<th {cell}>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td {cell}>{escape(text)}</td>" for text in row) + "</tr>"
        for row in rows
    )
    return f"<table>{f'<tr>{top}</tr>' if head else ''}{body}</table>"


def struct_of(entry: Family | SubOp, arch: str) -> StructLayout | None:
    """The layout of an entry's argument struct on one architecture."""
    return structs_for(arch).get(entry.struct) if entry.struct else None
