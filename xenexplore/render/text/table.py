"""Layout helpers for 72-column text: tables, wrapped paragraphs, headings, grouped numbers."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

__all__ = ["WIDTH", "fit", "grouped", "heading", "listed", "paragraph", "percent", "table"]

WIDTH = 72


def grouped(number: int) -> str:
    """An integer with commas: ``41,391``."""
    return f"{number:,}"


def fit(text: str, width: int) -> str:
    """``text`` cut to ``width`` columns, ``..`` marking the cut."""
    return text if len(text) <= width else text[: max(width - 2, 0)] + ".."


def percent(part: float, whole: float = 1.0) -> str:
    """A share, never rounded up to 100% nor down to 0%."""
    if not whole:
        return "-"
    share = 100 * part / whole
    if share in (0, 100):
        return f"{share:.0f}%"
    if share < 0.05:
        return "<0.1%"
    if share >= 99.95:
        return ">99.9%"
    return f"{share:.1f}%"


def heading(text: str, underline: str = "-") -> list[str]:
    """A heading and its underline (wrapped where it is long)."""
    lines = textwrap.wrap(text, WIDTH) or [""]
    return [*lines, underline * max(map(len, lines))]


def paragraph(text: str, indent: int = 0, hanging: int = 0) -> list[str]:
    """Wrapped text; lines after the first are indented by ``hanging`` more."""
    lead = " " * indent
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=lead,
        subsequent_indent=lead + " " * hanging,
        break_on_hyphens=False,
    ) or [lead.rstrip()]


def listed(label: str, items: Sequence[str], indent: int = 0) -> list[str]:
    """``label item, item, ...``, never broken inside an item, continued under the first one."""
    lead = " " * indent + label + " "
    lines, line = [], lead
    for index, item in enumerate(items):
        word = item + ("," if index + 1 < len(items) else "")
        if len(line) + len(word) > WIDTH and line.strip() and line != lead:
            lines.append(line.rstrip())
            line = " " * len(lead)
        line += word + " "
    return [*lines, line.rstrip()]


def table(rows: Sequence[Sequence[str]], align: str, *, indent: int = 0, gap: int = 2) -> list[str]:
    """Rows of cells in columns, as wide as their cells need.

    The widest left-aligned column gives way where the table would pass 72
    columns.

    Args:
        rows: cells; every row has as many as ``align`` has letters.
        align: ``l`` or ``r`` for each column.
        indent: spaces before each line.
        gap: spaces between columns.
    """
    if not rows:
        return []
    widths = [max(len(row[i]) for row in rows) for i in range(len(align))]
    over = indent + sum(widths) + gap * (len(align) - 1) - WIDTH
    if over > 0:
        left = [i for i, letter in enumerate(align) if letter == "l"]
        widest = max(left or range(len(align)), key=lambda i: widths[i])
        widths[widest] = max(widths[widest] - over, 3)
    lines = []
    for row in rows:
        cells = [
            fit(cell, width).ljust(width) if letter == "l" else cell.rjust(width)
            for cell, width, letter in zip(row, widths, align, strict=True)
        ]
        lines.append((" " * indent + (" " * gap).join(cells)).rstrip())
    return lines
