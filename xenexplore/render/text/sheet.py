"""An object at the prompt as text of 72 columns."""

from __future__ import annotations

from collections.abc import Iterator

from xenexplore.render.text.box import Ink
from xenexplore.render.text.table import heading, paragraph, table
from xenexplore.render.views.session_sheets import sheet_of
from xenexplore.render.views.sheet import Sheet, SheetTable

__all__ = ["lines_text", "sheet_text"]

_MOST_ROWS = 40


def sheet_text(shown: object) -> str:
    """An object's :func:`sheet_of`, ASCII, ending in a newline."""
    return lines_text(sheet_of(shown))


def lines_text(sheet: Sheet) -> str:
    """A sheet as text."""
    ink = Ink()
    return "".join(f"{ink.text(line)}\n" for line in _lines(sheet))


def _lines(sheet: Sheet) -> Iterator[str]:
    yield from heading(sheet.title)
    width = max((len(label) for label, _ in sheet.facts), default=0)
    for label, text in sheet.facts:
        first, *others = paragraph(text, width + 2)
        yield f"{label:<{width}}  {first.strip()}"
        yield from others
    for one in sheet.tables:
        yield ""
        yield from _table(one)
    for note in sheet.notes:
        yield ""
        yield from paragraph(note)


def _table(one: SheetTable) -> Iterator[str]:
    if one.caption:
        yield from paragraph(one.caption)
    rows = one.rows[:_MOST_ROWS]
    if not rows:
        return
    shown = _padded([one.head, *rows] if any(one.head) else list(rows), one.align)
    yield from table(shown, one.align, indent=1)
    if len(one.rows) > len(rows):
        yield f"  ... and {len(one.rows) - len(rows)} more"


def _padded(rows: list[tuple[str, ...]], align: str) -> list[tuple[str, ...]]:
    """Cells of columns that are never cut, at their full width."""
    widths = [max(len(row[i]) for row in rows) if rows else 0 for i in range(len(align))]
    return [
        tuple(
            cell.ljust(width) if letter == "k" else cell
            for cell, width, letter in zip(row, widths, align, strict=True)
        )
        for row in rows
    ]
