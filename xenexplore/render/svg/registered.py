"""Registered buffers in full: the table of each vCPU, side by side, and the latest lookup."""

from __future__ import annotations

from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.glyphs import draw_glyph
from xenexplore.render.drawing.text_metrics import Span, fitted, spans_of, width_of, wrapped
from xenexplore.render.drawing.theme import Theme
from xenexplore.render.svg.head import MARGIN, draw_head
from xenexplore.render.svg.tables import extent_of, owner_of, tables_of, tone_of
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.moment import moment_at
from xenexplore.render.views.step_labels import shape_of, step_label
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import TlbLookup, TlbPurge
from xenexplore.tlb.history import (
    Gone,
    Registered,
    ShownEntry,
    ShownSearch,
    ShownTable,
    registered_at,
)

__all__ = ["draw_registered"]

_CARD = 356.0
_GAP = 27.0
_ACROSS = 3
_MOST = 10
_MOST_GONE = 4
_MOST_PURGES = 4
_ENTRY = 42.0


def draw_registered(trace: Trace, index: int, theme: Theme) -> Canvas:
    """Draw the tables after a step.

    Args:
        trace: the run.
        index: the step, from 0.
        theme: its colours.
    """
    state = registered_at(trace.steps, index, trace.registered)
    tables = tables_of(trace, state) if state.used else ()
    width = 2 * MARGIN + _ACROSS * _CARD + (_ACROSS - 1) * _GAP
    title = (
        f"{trace.about.title}: registered buffers under {trace.option.label}, after step {index}"
    )
    canvas = Canvas(theme, f"xe-{trace.about.name}-registered-{index}", title, width=width)
    moment = moment_at(trace, index, StepTree(trace.steps))
    y = draw_head(canvas, trace, f"after step {index} / {moment.last}") + 34
    canvas.heading(MARGIN, y, "Registered buffers, as Xen searches them")
    y += 10
    if not state.used:
        canvas.desc = "This option registers no buffers."
        canvas.text(MARGIN, y + 22, canvas.desc, size=14)
        y += 30
    for start in range(0, len(tables), _ACROSS):
        lower = y
        for place, table in enumerate(tables[start : start + _ACROSS]):
            x = MARGIN + place * (_CARD + _GAP)
            lower = max(lower, _card(canvas, state, table, (x, y + 14)))
        y = lower
    y = _said(canvas, state, y + 20, width)
    if state.used:
        canvas.desc = f"{len(tables)} tables. " + (
            "" if state.search is None else _asked(state.search)
        )
    canvas.height = round(y + MARGIN)
    return canvas


def _card(
    canvas: Canvas, state: Registered, table: ShownTable, place: tuple[float, float]
) -> float:
    x, y = place
    y += 16
    owner = Span(text=owner_of(table), bold=True)
    canvas.text(x, y, (owner,), size=14)
    _roles(canvas, state, table, (x + width_of((owner,), 14) + 12, y))
    if table.lookups:
        hits = f"{table.hits:,} hit{'' if table.hits == 1 else 's'}"
        said = f"{hits} · {table.misses:,} miss{'' if table.misses == 1 else 'es'}"
        canvas.text(x + _CARD, y, said, size=12, role="quiet", anchor="end")
    y += 9
    canvas.rule(x, y, x + _CARD)
    for entry in table.entries[:_MOST]:
        _entry(canvas, entry, (x, y), answered=_answered(state, table, entry))
        y += _ENTRY
    if len(table.entries) > _MOST:
        rest = f"and {len(table.entries) - _MOST:,} more entries"
        canvas.text(x, y + 20, rest, size=12, role="quiet")
        y += 26
    if not table.entries:
        canvas.text(x, y + 24, "no entry", size=12.5, role="quiet")
        y += 32
    for gone in table.gone[-_MOST_GONE:]:
        _gone(canvas, gone, (x, y))
        y += _ENTRY
    for refused in table.refused[-_MOST_GONE:]:
        canvas.text(x, y + 18, f"step {refused}: refused", size=12, role="bad")
        y += 22
    return y


def _roles(
    canvas: Canvas, state: Registered, table: ShownTable, place: tuple[float, float]
) -> None:
    """The table that was asked, and the one that should have been."""
    search = state.search
    if search is None or table.vcpu is None:
        return
    x, y = place
    if table.vcpu == search.step.asked:
        role = "bad" if search.wrong_vcpu or not search.step.hit else "good"
        draw_glyph(canvas, shape_of(TlbLookup), x + 7, y - 4, role, filled=True)
        canvas.text(x + 20, y, "searched", size=12, role=role)
    elif search.wrong_vcpu and table.vcpu == search.step.subject:
        draw_glyph(canvas, shape_of(TlbLookup), x + 7, y - 4, "now")
        canvas.text(x + 20, y, "should have been searched", size=12, role="now")


def _answered(state: Registered, table: ShownTable, entry: ShownEntry) -> str:
    """The colour of an entry that answered, or would have."""
    search = state.search
    if search is None:
        return "ink"
    if search.step.slot == entry.slot and table.vcpu in (search.step.asked, None):
        if not search.step.hit:
            return "bad"
        return tone_of(search, entry)
    own = search.wrong_vcpu and table.vcpu == search.step.subject and search.other == entry
    return "now" if own else "ink"


def _entry(canvas: Canvas, entry: ShownEntry, place: tuple[float, float], *, answered: str) -> None:
    x, y = place
    canvas.line(("M", x + 1.5, y + 3), ("L", x + 1.5, y + _ENTRY - 3), thick=3,
                stroke="line" if answered == "ink" else answered,
                dash=(5.0, 3.0) if answered == "bad" else ())  # fmt: skip
    canvas.text(x + 14, y + 17, f"[{entry.slot}]", size=12.5, role=answered)
    where = f"{spell.linear(entry.va.value)} → {spell.physical(entry.pa.value)}"
    canvas.text(x + 48, y + 17, spans_of(where), size=12.5, role=answered)
    hits = f"{entry.hits:,} hit{'' if entry.hits == 1 else 's'}"
    canvas.text(x + _CARD, y + 17, hits, size=12, role="quiet", anchor="end")
    since = f"since step {entry.since}"
    canvas.text(x + _CARD, y + 34, since, size=11.5, role="quiet", anchor="end")
    room = _CARD - 48 - width_of(since, 11.5) - 12
    label = fitted(f"{entry.label}  {extent_of(entry)}".strip(), 11.5, room)
    canvas.text(x + 48, y + 34, label, size=11.5, role="quiet")


def _gone(canvas: Canvas, gone: Gone, place: tuple[float, float]) -> None:
    x, y = place
    entry = gone.entry
    canvas.line(("M", x + 1.5, y + 3), ("L", x + 1.5, y + _ENTRY - 3), stroke="quiet",
                dash=(1, 3))  # fmt: skip
    where = spans_of(f"{spell.linear(entry.va.value)} → {spell.physical(entry.pa.value)}")
    canvas.text(x + 14, y + 17, f"[{entry.slot}]", size=12.5, role="quiet")
    canvas.text(x + 48, y + 17, where, size=12.5, role="quiet")
    middle = y + 13.5
    canvas.line(("M", x + 48, middle), ("L", x + 48 + width_of(where, 12.5), middle),
                stroke="quiet")  # fmt: skip
    said = fitted(f"{entry.label}  {gone.how} at step {gone.step}".strip(), 11.5, _CARD - 48)
    canvas.text(x + 48, y + 34, said, size=11.5, role="quiet")


def _said(canvas: Canvas, state: Registered, y: float, width: float) -> float:
    """The latest purges and the latest lookup, in words."""
    lines = [(index, _purge(step)) for index, step in state.purges[-_MOST_PURGES:]]
    if state.search is not None:
        lines.append((state.search.index, _asked(state.search)))
    if lines:
        canvas.rule(MARGIN, y, width - MARGIN)
        y += 8
    for index, text in lines:
        canvas.text(MARGIN, y + 20, f"step {index}", size=12.5, role="quiet")
        for line in wrapped(text, 12.5, width - 2 * MARGIN - 80):
            y += 20
            canvas.text(MARGIN + 80, y, line, size=12.5)
    return y


def _purge(step: TlbPurge) -> str:
    words = step_label(step)
    more = f" ({', '.join(words.more)})" if words.more else ""
    return f"{words.label}, {words.main}: {words.side}{more}."


def _asked(search: ShownSearch) -> str:
    step = search.step
    table = "The domain's table" if step.shared else f"vCPU {step.asked}'s table"
    at = spell.linear(step.va.value)
    said = f"{table} was searched for {at}: "
    if step.gpa is None:
        said += "miss."
    else:
        name = f"[{step.slot}] {step.label}".rstrip()
        said += f"hit, {name} → {spell.physical(step.gpa.value)}."
    if not search.wrong_vcpu:
        return said
    own = "has no entry for it"
    if search.other is not None:
        gpa = spell.physical(search.other.to_physical(step.va).value)
        own = f"has [{search.other.slot}] {search.other.label} → {gpa}"
    return f"{said} The access is for vCPU {step.subject}, whose own table {own}."
