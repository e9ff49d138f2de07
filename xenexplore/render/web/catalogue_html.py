"""A catalogue entry as a notebook's table."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

from xenexplore.hypercalls.catalogue.entries import Family, SubOp, family
from xenexplore.hypercalls.outline.describe import guests_text, registers, struct_of
from xenexplore.hypercalls.outline.outline import outline
from xenexplore.hypercalls.structs import StructLayout

__all__ = ["entry_html"]


def entry_html(entry: Family | SubOp) -> str:
    """Registers, struct and copy plan of an entry as HTML tables."""
    return _op_html(entry) if isinstance(entry, SubOp) else _family_html(entry)


def _op_html(op: SubOp) -> str:
    one = family(op.family, op.xen)
    guest = op.guests[0]
    parts = [
        f"<h4>{escape(op.title)}</h4><p>{escape(op.summary)}</p>",
        _rows(
            [
                ("Sub-op", f"{op.value} ({op.constant})"),
                *((register, what) for register, what in registers(one, guest)),
                ("Guests", guests_text(op.guests)),
                ("Caller", op.who),
                ("Source", "; ".join(op.sources) + f" (Xen {op.xen})"),
            ]
        ),
    ]
    layout = struct_of(op, "arm64" if op.guests == ("arm",) else "x86_64")
    if layout:
        parts.append(_struct_html(layout))
    parts.append(_plan_html(op, guest))
    return "".join(parts)


def _family_html(one: Family) -> str:
    guest = next(iter(one.guests), "hvm")
    parts = [
        f"<h4>{escape(one.name)}</h4><p>{escape(one.summary)}</p>",
        _rows(
            [
                *registers(one, guest),
                ("Guests", guests_text(one.guests)),
                ("Caller", one.who),
                ("Source", "; ".join(one.sources) + f" (Xen {one.xen})"),
            ]
        ),
    ]
    if one.ops:
        rows = [
            (str(op.value), op.name, op.struct_of(op.guests[0]), guests_text(op.guests), op.summary)
            for op in one.ops.values()
        ]
        parts.append(_table(("#", "Sub-op", "Struct", "Guests", ""), rows))
    else:
        parts.append(_plan_html(one, guest))
    return "".join(parts)


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
