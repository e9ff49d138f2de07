"""View "How Xen gets there": the rows of a copy, done, current and still to come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.glyphs import draw_glyph
from xenexplore.render.drawing.text_metrics import (
    Span,
    fitted,
    plain,
    spans_of,
    width_of,
    wrapped,
)
from xenexplore.render.views.moment import Moment
from xenexplore.render.views.rows import StepRow
from xenexplore.render.views.step_labels import row_columns, shape_of
from xenexplore.render.views.step_tree import StepTree

__all__ = ["draw_rows"]

_HEIGHT = 29.0
_LINE = 17.0
_LABEL = 30.0
_MAIN = 116.0
_SIZE = 12.5
_MOST = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    row: StepRow
    main: tuple[tuple[Span, ...], ...]
    side: str
    more: tuple[tuple[Span, ...], ...]

    @property
    def height(self) -> float:
        lines = len(self.main) + len(self.more)
        return _HEIGHT + (lines - 1) * _LINE


def draw_rows(
    canvas: Canvas, tree: StepTree, moment: Moment, box: tuple[float, float, float]
) -> float:
    """Draw the rows of a moment.

    Args:
        canvas: drawn on.
        tree: the run's steps.
        moment: the moment.
        box: x, y and width.

    Returns:
        y of the lower end.
    """
    x, y, width = box
    first, last = _window(len(moment.rows), moment.current)
    if first:
        canvas.text(x + _LABEL, y + 12, f"… {first} rows before", size=11.5, role="quiet")
        y += 20
    for place in range(first, last):
        shown = _laid(tree, moment.rows[place], width)
        _draw(canvas, tree, moment, shown, (x, y, width))
        y += shown.height
    if last < len(moment.rows):
        rest = len(moment.rows) - last
        canvas.text(x + _LABEL, y + 14, f"… {rest} rows after", size=11.5, role="quiet")
        y += 20
    return y


def _window(count: int, current: int) -> tuple[int, int]:
    """The rows shown: all, or those around the current one."""
    if count <= _MOST:
        return 0, count
    first = min(max(0, current - _MOST // 2), count - _MOST)
    return first, first + _MOST


def _laid(tree: StepTree, row: StepRow, width: float) -> _Shown:
    words = row.words
    text, side, aside = row_columns(tree.steps[row.last].step, words)
    room = width - _MAIN - 10
    used = width_of(spans_of(text), _SIZE)
    both = f"{side} · {aside}" if side and aside else side or aside
    if used + 14 + width_of(spans_of(both), 11.5) <= room:
        side = both
    left = room - (width_of(spans_of(side), 11.5) + 14 if side else 0)
    if used <= left:
        main: tuple[tuple[Span, ...], ...] = (spans_of(text),)
    elif side and used <= room:
        more = (*wrapped(side, 11.5, room), *_more(words.more, room))
        return _Shown(row=row, main=(spans_of(text),), side="", more=more)
    else:
        kept = fitted(side, 11.5, room / 2)
        left = room - (width_of(spans_of(kept), 11.5) + 14 if kept else 0)
        main, side = wrapped(text, _SIZE, left, most=3), kept
    return _Shown(row=row, main=main, side=side, more=_more(words.more, room))


def _more(lines: Sequence[str], room: float) -> tuple[tuple[Span, ...], ...]:
    return tuple(spans for line in lines for spans in wrapped(line, 11.5, room, most=2))


def _draw(
    canvas: Canvas, tree: StepTree, moment: Moment, shown: _Shown, box: tuple[float, float, float]
) -> None:
    x, y, width = box
    row, words = shown.row, shown.row.words
    index = moment.number
    now = row.first <= index <= row.last
    ahead = row.first > index
    tone = {"miss": "bad", "bad": "bad"}.get(words.tone, "good")
    role = "now" if now else "faint" if ahead else tone
    if now:
        canvas.rect(x, y, width, shown.height, fill="tint")
    dash = (5.0, 3.0) if role == "bad" else ()
    canvas.line(
        ("M", x + 1.5, y), ("L", x + 1.5, y + shown.height), stroke=role, thick=3, dash=dash
    )
    middle = y + _HEIGHT / 2
    glyph = "bad" if now and tone == "bad" else "line" if ahead else role
    shape = shape_of(type(tree.steps[row.last].step))
    draw_glyph(canvas, shape, x + 17, middle, glyph, filled=now)
    name = " ".join(words.label.replace("[ ", "[").replace("[ ", "[").split())
    label = Span(text=fitted(name, _SIZE, _MAIN - _LABEL - 6, bold=True), bold=not ahead)
    canvas.text(x + _LABEL, middle + 4.5, (label,), size=_SIZE, role="quiet" if ahead else "ink")
    for place, spans in enumerate(shown.main):
        at = middle + 4.5 + place * _LINE
        canvas.text(x + _MAIN, at, spans, size=_SIZE, role="quiet" if ahead else "ink")
    side = "bad" if tone == "bad" else "good" if words.tone == "good" else "quiet"
    canvas.text(x + width - 10, middle + 4.5, plain(shown.side), size=11.5, role=side, anchor="end")
    for place, spans in enumerate(shown.more):
        at = middle + 4.5 + (len(shown.main) + place) * _LINE
        canvas.text(x + _MAIN, at, spans, size=11.5, role="quiet")
