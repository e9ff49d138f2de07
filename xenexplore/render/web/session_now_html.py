"""A session as it is now, as HTML: registered ranges, buffers, and the chosen one's entries."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence

from xenexplore.paging import Walk
from xenexplore.render.views.session_now import BufferNow, TableNow
from xenexplore.session.tlb import RegisteredEntry

__all__ = ["now_html"]

_STYLE = (
    "<style>"
    ".xe-nowpanel{display:flex;flex-wrap:wrap;gap:4px 28px;color:var(--xe-ink);"
    "font:13px/1.5 var(--xe-sans)}"
    ".xe-nowpanel table{border-collapse:collapse;font-family:var(--xe-mono);font-size:12px}"
    ".xe-nowpanel caption{text-align:left;font:600 12px/1.6 var(--xe-sans);"
    "color:var(--xe-quiet);padding-top:6px}"
    ".xe-nowpanel th,.xe-nowpanel td{padding:1px 12px 1px 0;text-align:left;border:0;"
    "background:none;white-space:nowrap}"
    ".xe-nowpanel th{font-weight:400;color:var(--xe-quiet);border-bottom:1px solid var(--xe-line)}"
    ".xe-nowpanel td.is-number{text-align:right}"
    ".xe-nowpanel tr.is-stale td{color:var(--xe-bad)}"
    ".xe-nowpanel tr.is-chosen td:first-child{font-weight:700}"
    "</style>"
)


def now_html(
    tables: Sequence[TableNow], buffers: Sequence[BufferNow], chosen: str, walk: Walk | None
) -> str:
    """The panel.

    Args:
        tables: what is registered.
        buffers: every buffer.
        chosen: name of the buffer that is selected, or ``""``.
        walk: the walk to it, or None.
    """
    parts = [_buffers(buffers, chosen), *(_table(table, chosen) for table in tables)]
    if walk is not None:
        parts.append(_walk(walk, chosen))
    return f'{_STYLE}<div class="xe-nowpanel xe">{"".join(parts)}</div>'


def _grid(caption: str, heads: Iterable[str], rows: Iterable[tuple[str, Iterable[str]]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(one)}</th>' for one in heads)
    body = "".join(
        f'<tr class="{marks}">{"".join(f"<td>{html.escape(cell)}</td>" for cell in cells)}</tr>'
        for marks, cells in rows
    )
    caption = html.escape(caption)
    return (
        f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table>"
    )


def _marks(*, stale: bool, chosen: bool) -> str:
    return " ".join(word for word, on in (("is-stale", stale), ("is-chosen", chosen)) if on)


def _buffers(buffers: Sequence[BufferNow], chosen: str) -> str:
    rows = []
    for one in buffers:
        buffer = one.buffer
        where = "not mapped" if buffer.gpa is None else buffer.gpa.hex()
        registered = ", ".join(
            f"slot {slot}" if vcpu is None else f"vCPU {vcpu} slot {slot}"
            for vcpu, slot in one.registered
        )
        state = registered + (" (stale)" if one.stale else "")
        cells = (buffer.name, buffer.place, buffer.va.hex(), f"{buffer.size:#x}", where, state)
        rows.append((_marks(stale=one.stale, chosen=buffer.name == chosen), cells))
    heads = ("buffer", "place", "linear", "bytes", "guest-physical, now", "registered")
    return _grid("Buffers", heads, rows)


def _table(table: TableNow, chosen: str) -> str:
    whose = "the domain" if table.vcpu is None else f"vCPU {table.vcpu}"
    of = "" if table.capacity is None else f" of {table.capacity}"
    rows = [
        (_marks(stale=bool(entry.stale), chosen=chosen in entry.covers), _entry(entry))
        for entry in table.entries
    ]
    heads = ("slot", "linear", "guest-physical", "bytes", "hits", "covers")
    return _grid(f"Registered by {whose}: {len(table.entries)}{of}", heads, rows)


def _entry(entry: RegisteredEntry) -> tuple[str, ...]:
    covers = ", ".join(entry.covers) or entry.label
    if entry.stale:
        covers += " (stale)"
    return (
        str(entry.slot), entry.va.hex(), entry.pa.hex(), f"{entry.size:#x}", str(entry.hits), covers
    )  # fmt: skip


def _walk(walk: Walk, chosen: str) -> str:
    rows = [
        ("", (str(level.number), level.table.hex(), str(level.index), f"{level.entry:#018x}"))
        for level in walk.levels
    ]
    end = "" if walk.ok else f": {walk.end.value}"
    return _grid(f"Page-table entries of {chosen}{end}", ("level", "table", "index", "entry"), rows)
