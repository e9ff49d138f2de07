"""Registered buffers: each table with its entries, and what has gone from it."""

from __future__ import annotations

from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.text_metrics import Span, fitted, spans_of, width_of
from xenexplore.render.views import number_format as spell
from xenexplore.scenario.run.trace import Trace
from xenexplore.tlb.history import Registered, ShownEntry, ShownSearch, ShownTable

__all__ = ["draw_tables", "extent_of", "owner_of", "tables_of", "tone_of"]

_MOST = 4


def tables_of(trace: Trace, state: Registered) -> tuple[ShownTable, ...]:
    """The table of every vCPU, empty ones too; or the domain's."""
    if any(table.vcpu is None for table in state.tables):
        return state.tables
    return tuple(state.table(vcpu.index) for vcpu in trace.machine.vcpus)


def owner_of(table: ShownTable) -> str:
    """Owner of the table."""
    return "the domain, one for all vCPUs" if table.vcpu is None else f"vCPU {table.vcpu}"


def extent_of(entry: ShownEntry) -> str:
    """Length of an entry, and where it is valid."""
    where = "" if entry.is_global else " · not global"
    if not entry.is_global and entry.space is not None:
        where = f" · CR3 {spell.physical(entry.space)}"
    return f"+{spell.size(entry.size)}{where}"


def tone_of(search: ShownSearch | None, entry: ShownEntry) -> str:
    """The colour of the entry that answered: bad where the right vCPU's table says otherwise."""
    if search is None or not search.wrong_vcpu:
        return "good"
    va, other = search.step.va, search.other
    agree = other is not None and other.to_physical(va) == entry.to_physical(va)
    return "good" if agree else "bad"


def draw_tables(
    canvas: Canvas, trace: Trace, state: Registered, box: tuple[float, float, float]
) -> float:
    """Draw the tables in brief.

    Args:
        canvas: drawn on.
        trace: the run.
        state: the tables.
        box: x, y and width.

    Returns:
        y of the lower end.
    """
    x, y, width = box
    shown = tables_of(trace, state)
    for table in shown[:_MOST]:
        y += 22
        canvas.text(x, y, (Span(text=owner_of(table), bold=True),), size=12.5)
        if table.lookups:
            misses = f"{table.misses} miss{'' if table.misses == 1 else 'es'}"
            said = f"{table.hits} hit{'' if table.hits == 1 else 's'} · {misses}"
            canvas.text(x + width, y, said, size=12, role="quiet", anchor="end")
        y += 7
        canvas.rule(x, y, x + width)
        for entry in table.entries[:_MOST]:
            y += 21
            _entry(canvas, state, table, entry, (x, y, width))
        y = _rest(canvas, table, (x, y))
        y += 8
    if len(shown) > _MOST:
        y += 18
        canvas.text(x, y, f"and {len(shown) - _MOST} more vCPUs", size=12, role="quiet")
    return y


def _entry(
    canvas: Canvas,
    state: Registered,
    table: ShownTable,
    entry: ShownEntry,
    box: tuple[float, float, float],
) -> None:
    x, y, width = box
    search = state.search
    answered = (
        search is not None and search.step.hit and search.step.slot == entry.slot
        and table.vcpu in (search.step.asked, None)
    )  # fmt: skip
    role = "ink"
    if answered:
        role = tone_of(search, entry)
    canvas.text(x + 18, y, f"[{entry.slot}]", size=12.5, role=role)
    va = spans_of(spell.linear(entry.va.value))
    canvas.text(x + 50, y, va, size=12.5, role=role)
    at = x + 56 + width_of(va, 12.5)
    canvas.text(at, y, fitted(extent_of(entry), 11.5, 136), size=11.5, role="quiet")
    pa = spans_of(spell.physical(entry.pa.value))
    canvas.text(x + 376, y, pa, size=12.5, role=role, anchor="end")
    label = fitted(entry.label, 12, width - 390)
    canvas.text(x + 388, y, label, size=12, role=role)


def _rest(canvas: Canvas, table: ShownTable, place: tuple[float, float]) -> float:
    x, y = place
    if not table.entries:
        y += 20
        canvas.text(x + 18, y, "no entry", size=12, role="quiet")
    if len(table.entries) > _MOST:
        y += 20
        more = len(table.entries) - _MOST
        canvas.text(x + 18, y, f"and {more} more entries", size=12, role="quiet")
    if table.gone:
        y += 20
        last = table.gone[-1]
        name = f"[{last.entry.slot}] {last.entry.label}".rstrip()
        others = f", and {len(table.gone) - 1} more" if len(table.gone) > 1 else ""
        said = f"gone: {name}, {last.how} at step {last.step}{others}"
        canvas.text(x + 18, y, said, size=12, role="quiet")
    return y
