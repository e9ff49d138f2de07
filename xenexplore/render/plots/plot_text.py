"""A plot's numbers as text: what stands beside the picture for readers who cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xenexplore.render.text.table import WIDTH, listed, paragraph, table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer

__all__ = ["plot_text", "short_number"]


def short_number(value: float) -> str:
    """A bar's value: whole if it is large or whole, else with one decimal."""
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def plot_text(axes: Axes, title: str, caption: str) -> str:
    """Title, the bars' values, the axis they are measured on, and the caption.

    A plot that is not one bar for each label and series has no values here.
    """
    from matplotlib.container import BarContainer

    bars = [held for held in axes.containers if isinstance(held, BarContainer)]
    lying = bool(bars) and bars[0].orientation == "horizontal"
    names, numbers = (axes.yaxis, axes.xaxis) if lying else (axes.xaxis, axes.yaxis)
    labels = [tick.get_text() for tick in names.get_ticklabels()]
    lines = paragraph(title)
    if bars and all(len(held) == len(labels) for held in bars):
        series = [(str(held.get_label()), _values(held, lying=lying)) for held in bars]
        lines += _grid(labels, series) or _list(labels, series)
        lines += paragraph(f"({numbers.get_label().get_text()})", 2)
    return "\n".join([*lines, *paragraph(caption)]) + "\n"


def _values(bars: BarContainer, *, lying: bool) -> list[str]:
    return [short_number(bar.get_width() if lying else bar.get_height()) for bar in bars.patches]


def _grid(labels: Sequence[str], series: Sequence[tuple[str, list[str]]]) -> list[str]:
    """A column for each series, or nothing where they do not fit beside each other."""
    rows = [["", *(name for name, _ in series)]]
    columns = [values for _, values in series]
    rows += [[label, *cells] for label, *cells in zip(labels, *columns, strict=True)]
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    if sum(widths) + 2 * len(widths) > WIDTH:
        return []
    return table(rows, "l" + "r" * len(series), indent=2)


def _list(labels: Sequence[str], series: Sequence[tuple[str, list[str]]]) -> list[str]:
    """A line for each series."""
    lines = []
    for name, values in series:
        words = [f"{label} {value}" for label, value in zip(labels, values, strict=True)]
        lines += listed(f"{name}:", words, 2)
    return lines
