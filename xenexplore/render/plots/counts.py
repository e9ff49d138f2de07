"""Plots of what is counted once per domain: entries, sizes, repeats, registers, break-even."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xenexplore.addr import PAGE_SIZE
from xenexplore.analysis.findings import DomainFindings
from xenexplore.analysis.measures.cost import BreakEven
from xenexplore.render.plots.plot_text import short_number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_break_even", "draw_entries", "draw_fastabi", "draw_repeats", "draw_sizes"]

_SERVED, _OTHER = "#0072B2", "#D55E00"
_COLOURS = (_SERVED, _OTHER, "#009E73", "#CC79A7")
_SHARES = ("90%", "99%", "99.9%", "100%")
_MOST_OPS = 12


def _grouped(axes: Axes, labels: tuple[str, ...], rows: list[tuple[str, list[float]]]) -> None:
    """Bars side by side, each with its value above it."""
    width = 0.8 / max(len(rows), 1)
    for index, (name, values) in enumerate(rows):
        at = [place + index * width for place in range(len(labels))]
        bars = axes.bar(at, values, width, label=name, color=_COLOURS[index % len(_COLOURS)])
        axes.bar_label(bars, [short_number(value) for value in values], fontsize=8)
    axes.set_xticks([place + 0.4 - width / 2 for place in range(len(labels))], labels)
    axes.legend(fontsize=8, frameon=False, loc="upper left")


def draw_entries(axes: Axes, shown: list[DomainFindings]) -> None:
    """Single pages, chosen in hindsight, that serve each share of a domain's accesses."""
    rows = []
    for domain in shown:
        pages = domain.entries[0]
        rows.append((domain.coverage.name, [float(needed or 0) for needed in pages.needed]))
    _grouped(axes, _SHARES, rows)
    axes.set_ylabel("pages registered")
    axes.set_xlabel("share of accesses served; pages chosen in hindsight")


def draw_sizes(axes: Axes, shown: list[DomainFindings]) -> None:
    """Bytes of a hypercall's buffers: percentiles and the most, beside one page."""
    rows = [
        (d.coverage.name, [float(n) for n in (*d.sizes.percentiles, d.sizes.call_bytes)])
        for d in shown
    ]
    _grouped(axes, ("50%", "99%", "99.9%", "most"), rows)
    axes.axhline(PAGE_SIZE, color="#000000", linestyle="--", linewidth=0.8)
    axes.text(-0.05, PAGE_SIZE * 1.2, "one page: a bounce page must stay below", fontsize=8)
    axes.set_yscale("log")
    axes.margins(y=0.2)
    axes.set_ylabel("bytes of a call's buffers")
    axes.set_xlabel("of the hypercalls that pass buffers")


def draw_repeats(axes: Axes, shown: list[DomainFindings]) -> None:
    """Pieces that a memory of the walks of the same hypercall would save."""
    rows = []
    for domain in shown:
        near = domain.locality
        pieces = max(near.pieces, 1)
        saved = [100 * near.saved / pieces, 100 * near.saved_by_all / pieces]
        rows.append((domain.coverage.name, saved))
    _grouped(axes, ("the last walk", "all walks of the call"), rows)
    axes.set_ylim(0, 100)
    axes.set_ylabel("% of pieces whose walk is saved")
    axes.set_xlabel("walks remembered until the hypercall ends")


def draw_fastabi(axes: Axes, shown: list[DomainFindings]) -> None:
    """The most frequent sub-ops, and whether they fit in registers by our criterion."""
    calls: dict[tuple[str, bool], int] = {}
    for domain in shown:
        for op in domain.fast.ops:
            key = op.name, not op.reason
            calls[key] = calls.get(key, 0) + op.calls
    order = sorted(calls, key=lambda key: (-calls[key], key))[:_MOST_OPS]
    for fits, colour, label in ((True, _SERVED, "fit registers"), (False, _OTHER, "do not")):
        at = [row for row, key in enumerate(order) if key[1] is fits]
        hatch = "" if fits else "//"
        axes.barh(at, [calls[order[row]] for row in at], color=colour, label=label, hatch=hatch,
                  edgecolor="white")  # fmt: skip
    axes.set_yticks(range(len(order)), [name for name, _ in order], fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("hypercalls, all domains; our criterion, not the series' own lists")
    axes.legend(fontsize=8, frameon=False, loc="lower right")


def draw_break_even(axes: Axes, pairs: tuple[BreakEven, ...], unit: str) -> None:
    """Memory reads that a hit saves, and how many entries may be compared for it."""
    sizes = {0: "4 KiB", 9: "2 MiB", 18: "1 GiB"}
    labels = tuple(f"{sizes[pair.leaf]} over {sizes[pair.p2m_order]}" for pair in pairs)
    rows = [
        ("reads saved by a hit", [float(pair.reads) for pair in pairs]),
        (f"compares that cost as much ({unit})", [float(pair.compares) for pair in pairs]),
    ]
    _grouped(axes, labels, rows)
    axes.set_ylabel("reads; entries compared")
    axes.set_xlabel("guest page over P2M page")
    axes.margins(y=0.25)
