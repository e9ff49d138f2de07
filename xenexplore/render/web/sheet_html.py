"""An object at the prompt as HTML: tables in the page's own colours, light or dark."""

from __future__ import annotations

from html import escape

from xenexplore.display import text_of
from xenexplore.render.views.session_sheets import sheet_of
from xenexplore.render.views.sheet import Sheet, SheetTable
from xenexplore.render.web.still import folded_html

__all__ = ["sheet_html", "tables_html"]

_MOST_ROWS = 200
_CELL = "padding:2px 10px 2px 0;vertical-align:top;white-space:nowrap"
#: Jupyter's own colours where there is Jupyter; what suits white and black pages alike elsewhere.
_BAD = "color:var(--jp-error-color1,#d8463a)"
_MONO = "font-family:var(--jp-code-font-family,monospace)"


def sheet_html(shown: object) -> str:
    """An object's :func:`sheet_of`: its facts and tables, its text folded away."""
    return tables_html(sheet_of(shown)) + folded_html(text_of(shown))


def tables_html(sheet: Sheet, *, linked: bool = False) -> str:
    """A sheet's title, facts and tables.

    Args:
        sheet: the sheet.
        linked: rows carry their keys, and a button that picks them: for a view that listens.
    """
    parts = [f"<p><b>{escape(sheet.title)}</b></p>"]
    if sheet.facts:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left;{_CELL}">{escape(label)}</th>'
            f'<td style="text-align:left;{_CELL};white-space:normal">{escape(text)}</td></tr>'
            for label, text in sheet.facts
        )
        parts.append(f"<table>{rows}</table>")
    parts += (_table(one, linked=linked) for one in sheet.tables)
    parts += (f"<p>{escape(note)}</p>" for note in sheet.notes)
    return "".join(parts)


def _table(one: SheetTable, *, linked: bool) -> str:
    sides = ["right" if letter == "r" else "left" for letter in one.align]
    head = "".join(
        f'<th scope="col" style="text-align:{side};{_CELL}">{escape(name)}</th>'
        for name, side in zip(one.head, sides, strict=True)
    )
    keys = one.keys if linked else ()
    body = "".join(
        _row(one, number, row, sides, keys[number] if keys else "")
        for number, row in enumerate(_shown(one))
    )
    caption = (
        f'<caption style="text-align:left;white-space:nowrap">{escape(one.caption)}</caption>'
        if one.caption
        else ""
    )
    left = len(one.rows) - len(_shown(one))
    more = f"<p>... and {left} more</p>" if left else ""
    top = f"<tr>{head}</tr>" if any(one.head) and one.rows else ""
    return f"<table>{caption}{top}{body}</table>{more}"


def _shown(one: SheetTable) -> tuple[tuple[str, ...], ...]:
    return one.rows[:_MOST_ROWS]


def _row(one: SheetTable, number: int, row: tuple[str, ...], sides: list[str], keys: str) -> str:
    bad = f";{_BAD}" if number in one.bad else ""
    texts = [escape(text) for text in row]
    if keys:
        texts[0] = f'<button type="button">{texts[0]}</button>'
    cells = "".join(
        f'<td style="text-align:{side};{_CELL};{_MONO}{bad}">{text}</td>'
        for text, side in zip(texts, sides, strict=True)
    )
    return f'<tr data-k="{escape(keys)}">{cells}</tr>' if keys else f"<tr>{cells}</tr>"
