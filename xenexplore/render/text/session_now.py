"""A session as it is now, as text of 72 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from xenexplore.render.views.session_now import BufferNow, TableNow

__all__ = ["now_text"]


def now_text(tables: Sequence[TableNow], buffers: Sequence[BufferNow]) -> str:
    """Buffers and registered ranges, a line or two each."""
    return "".join(f"{line}\n" for line in _lines(tables, buffers))


def _lines(tables: Sequence[TableNow], buffers: Sequence[BufferNow]) -> Iterator[str]:
    yield "Buffers, as they are mapped now"
    for one in buffers:
        buffer = one.buffer
        where = "not mapped" if buffer.gpa is None else f"-> {buffer.gpa.hex()}"
        stale = "  STALE" if one.stale else ""
        yield f"  {buffer.name:16.16} {buffer.va.hex()} {where} {buffer.size:#x}{stale}"
    for table in tables:
        whose = "the domain" if table.vcpu is None else f"vCPU {table.vcpu}"
        of = "" if table.capacity is None else f" of {table.capacity}"
        yield f"Registered by {whose}: {len(table.entries)}{of}"
        for entry in table.entries:
            stale = "  STALE" if entry.stale else ""
            yield (
                f"  {entry.slot:3} {entry.va.hex()} -> {entry.pa.hex()} {entry.size:#x}"
                f" hits {entry.hits}{stale}"
            )
