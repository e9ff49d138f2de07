"""An object at the prompt as a picture: its sheet's facts, tables and notes."""

from __future__ import annotations

from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.text_metrics import Span, plain, width_of, wrapped
from xenexplore.render.drawing.theme import theme_of
from xenexplore.render.views.session_sheets import sheet_of
from xenexplore.render.views.sheet import Sheet, SheetTable

__all__ = ["draw_sheet", "sheet_svg"]

_MOST_ROWS = 40
_EDGE = 16.0
_GAP = 18.0
_LINE = 19.0
_SIZE = 12.5
_NARROWEST = 520.0


def sheet_svg(shown: object, *, theme: str = "light") -> str:
    """An object's :func:`sheet_of`, as an SVG document.

    Args:
        shown: the object.
        theme: ``"light"`` or ``"dark"``.

    Raises:
        MachineError: there is no such theme.
    """
    return draw_sheet(sheet_of(shown), theme).svg()


def draw_sheet(sheet: Sheet, theme: str = "light") -> Canvas:
    """A sheet as a drawing; arguments as for :func:`sheet_svg`."""
    widest = max((sum(_widths(table)) for table in sheet.tables), default=0.0)
    canvas = Canvas(
        theme_of(theme), "xe-sheet", sheet.title, width=max(_NARROWEST, widest + 2 * _EDGE)
    )
    room = canvas.width - 2 * _EDGE
    y = _paragraph(canvas, sheet.title, _EDGE, 8.0, room, bold=True)
    y = _facts(canvas, sheet.facts, y, room)
    for table in sheet.tables:
        y = _table(canvas, table, y + 10, room)
    for note in sheet.notes:
        y = _paragraph(canvas, note, _EDGE, y + 8, room)
    canvas.height = y + 12
    said = [f"{label}: {text}" for label, text in sheet.facts]
    said += [table.caption for table in sheet.tables if table.caption]
    canvas.desc = "; ".join(said) or sheet.title
    return canvas


def _paragraph(
    canvas: Canvas, text: str, x: float, y: float, room: float, *, bold: bool = False
) -> float:
    for spans in wrapped(text, _SIZE, room, bold=bold):
        y += _LINE
        canvas.text(x, y, spans, size=_SIZE)
    return y


def _facts(canvas: Canvas, facts: tuple[tuple[str, str], ...], y: float, room: float) -> float:
    labels = [(Span(text=plain(label), bold=True),) for label, _ in facts]
    column = max((width_of(spans, _SIZE) for spans in labels), default=0.0) + _GAP
    for spans, (_, text) in zip(labels, facts, strict=True):
        canvas.text(_EDGE, y + _LINE, spans, size=_SIZE, role="quiet")
        y = _paragraph(canvas, text, _EDGE + column, y, room - column)
    return y


def _table(canvas: Canvas, table: SheetTable, y: float, room: float) -> float:
    if table.caption:
        y = _paragraph(canvas, table.caption, _EDGE, y, room, bold=True) + 2
    widths = _widths(table)
    if any(table.head) and table.rows:
        y += _LINE
        _row(canvas, table, tuple(Span(text=plain(name), bold=True) for name in table.head),
             widths, y, role="quiet")  # fmt: skip
        canvas.rule(_EDGE, y + 6, _EDGE + sum(widths))
        y += 4
    for number, row in enumerate(table.rows[:_MOST_ROWS]):
        y += _LINE
        role = "bad" if number in table.bad else "ink"
        _row(canvas, table, tuple(map(_cell, row)), widths, y, role=role)
    left = len(table.rows) - _MOST_ROWS
    return _paragraph(canvas, f"... and {left} more", _EDGE, y, room) if left > 0 else y


def _cell(text: str) -> Span:
    return Span(text=plain(text), mono=True)


def _row(
    canvas: Canvas, table: SheetTable, cells: tuple[Span, ...], widths: list[float], y: float,
    *, role: str,
) -> None:  # fmt: skip
    x = _EDGE
    for letter, span, width in zip(table.align, cells, widths, strict=True):
        if letter == "r":
            canvas.text(x + width - _GAP, y, (span,), size=_SIZE, role=role, anchor="end")
        else:
            canvas.text(x, y, (span,), size=_SIZE, role=role)
        x += width


def _widths(table: SheetTable) -> list[float]:
    """Width of each column, with the space to its right."""
    mono = width_of((Span(text="0", mono=True),), _SIZE)
    return [
        max(
            width_of((Span(text=plain(name), bold=True),), _SIZE),
            *(mono * len(plain(row[place])) for row in table.rows[:_MOST_ROWS]),
            0.0,
        )
        + _GAP
        for place, name in enumerate(table.head)
    ]
