"""The analysis as plots: SVG text, the same bytes every time.

Every figure carries its workload and limits in its caption.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from xenexplore.analysis.findings import DomainFindings, Findings
from xenexplore.errors import MachineError
from xenexplore.options.registry import REGISTERS_ONLY
from xenexplore.render.plots.counts import (
    draw_break_even,
    draw_entries,
    draw_fastabi,
    draw_repeats,
    draw_sizes,
)
from xenexplore.render.plots.plot_text import plot_text
from xenexplore.render.web.still import folded_html, picture_html

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["PLOT_CLASS", "PlotFigure", "figure_svg", "figures_of"]

#: The class around a plot in a notebook: its bytes are those of one matplotlib.
PLOT_CLASS = "xe-plot"

# Okabe and Ito's palette: told apart by colour-blind readers, and in grey by lightness.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#999999")
_STYLES = ("-", "--", ":", "-.")
_MOST_SLOTS = 64


@dataclass(frozen=True, slots=True)
class PlotFigure:
    """One figure.

    Attributes:
        name: for a file name; ``title``; ``caption``: recording, workload, limits.
        drawn_svg: the picture, with title and description for screen readers.
        drawn_text: the same at 72 columns: title, numbers where they are bars, caption.
    """

    name: str
    title: str
    caption: str
    drawn_svg: str
    drawn_text: str

    def __repr__(self) -> str:
        return f"<PlotFigure {self.name}: {self.title}>"

    def text(self) -> str:
        """The figure as text of 72 columns."""
        return self.drawn_text

    def svg(self) -> str:
        """The figure as an SVG document."""
        return self.drawn_svg

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        """Bundle that a notebook shows: the picture, and the text beside it."""
        picture = picture_html(self.drawn_svg[self.drawn_svg.index("<svg") :], self.title)
        text = folded_html(self.drawn_text)
        return {
            "text/plain": self.drawn_text,
            "text/html": f'<div class="{PLOT_CLASS}">{picture}</div>{text}',
        }


def figures_of(findings: Findings) -> tuple[PlotFigure, ...]:
    """A plot for each question of the report.

    Args:
        findings: of a workload (``xe.report``).

    >>> from xenexplore.api.analysis import report
    >>> [one.name for one in figures_of(report("synthetic:calls=50:tasks=2:vcpus=1"))][:2]
    ['regions', 'ranges']
    """
    return tuple(_figure(findings, *plot) for plot in _plots(findings))


def _plots(findings: Findings) -> list[tuple[str, str, Callable[[Axes], None]]]:
    """Name, title and drawing function of each plot."""
    shown = [domain for domain in findings.domains if domain.coverage.accesses]
    return [
        ("regions", "Where hypercall buffers are", lambda axes: _regions(axes, shown)),
        ("ranges", "Accesses served by registered ranges", lambda axes: _ranges(axes, shown)),
        ("misses", "Misses of a table that registers pages on a miss",
         lambda axes: _misses(axes, shown)),
        ("reads", "Entries that Xen reads to find the bytes, per supported hypercall",
         lambda axes: _reads(axes, shown)),
        ("entries", "Pages needed for a share of the accesses",
         lambda axes: draw_entries(axes, shown)),
        ("sizes", "Bytes passed per hypercall", lambda axes: draw_sizes(axes, shown)),
        ("repeats", "Repeated walks within one hypercall",
         lambda axes: draw_repeats(axes, shown)),
        (REGISTERS_ONLY.name, "Hypercalls that fit in registers",
         lambda axes: draw_fastabi(axes, shown)),
        ("break-even", "Lookup and walk compared",
         lambda axes: draw_break_even(axes, findings.break_even, findings.costs.unit.value)),
    ]  # fmt: skip


def figure_svg(findings: Findings, *, figure: str = "ranges", theme: str = "light") -> str:
    """One figure by name, as an SVG document.

    Raises:
        MachineError: there is no such figure, or another theme than ``"light"`` is asked for.
    """
    if theme != "light":
        raise MachineError(f"no theme {theme!r} of a figure: figures are drawn on white")
    plots = _plots(findings)
    chosen = next((plot for plot in plots if plot[0] == figure), None)
    if chosen is None:
        known = ", ".join(name for name, _, _ in plots)
        raise MachineError(f"no figure {figure!r}: there are {known}")
    return _figure(findings, *chosen).svg()


def _figure(findings: Findings, name: str, title: str, draw: Callable[[Axes], None]) -> PlotFigure:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    kind = "Recording" if findings.recorded else "SYNTHETIC workload"
    caption = f"{kind} {findings.source}: {'; '.join(findings.limits)}."
    settings: dict[str, Any] = {"svg.hashsalt": "xenexplore", "svg.fonttype": "none",
                                "font.family": "sans-serif", "font.size": 10}  # fmt: skip
    with mpl.rc_context(settings):  # type: ignore[arg-type]
        figure = Figure(figsize=(7.2, 3.6), layout="constrained")
        axes = figure.add_subplot()
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
        figure.suptitle(f"{title} ({findings.source})", fontsize=11)
        out = io.StringIO()
        about = {"Date": None, "Creator": "xenexplore", "Title": title, "Description": caption}
        figure.savefig(out, format="svg", metadata=about)
        text = plot_text(axes, f"{title} ({findings.source})", caption)
    return PlotFigure(name, title, caption, out.getvalue(), text)


def _regions(axes: Axes, shown: list[DomainFindings]) -> None:
    names: dict[str, int] = {}
    for domain in shown:
        for group in domain.coverage.groups:
            names[group.name] = names.get(group.name, 0) + group.accesses
    order = sorted(names, key=lambda name: (-names[name], name))
    left = [0.0] * len(shown)
    for index, name in enumerate(order):
        shares = [
            sum(100 * g.share for g in domain.coverage.groups if g.name == name) for domain in shown
        ]
        axes.barh(range(len(shown)), shares, left=left, label=name,
                  color=_COLOURS[index % len(_COLOURS)], edgecolor="white")  # fmt: skip
        left = [a + b for a, b in zip(left, shares, strict=True)]
    axes.set_yticks(range(len(shown)), [domain.coverage.name for domain in shown])
    axes.invert_yaxis()
    axes.set_xlim(0, 100)
    axes.set_xlabel("% of accesses inside hypercalls")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.25), ncols=3, fontsize=8, frameon=False)


def _ranges(axes: Axes, shown: list[DomainFindings]) -> None:
    steps = ("directmap", "+ kernel image", "+ hardirq stack", "+ task stacks")
    width = 0.8 / max(len(shown), 1)
    for index, domain in enumerate(shown):
        cover = domain.coverage
        shares = (cover.directmap, cover.with_image, cover.with_irq, cover.with_stacks)
        rates = [100 * share for share in shares]
        at = [step + index * width for step in range(len(steps))]
        bars = axes.bar(at, rates, width, label=cover.name, color=_COLOURS[index % len(_COLOURS)])
        axes.bar_label(bars, [f"{rate:.1f}" for rate in rates], fontsize=8)
    axes.set_xticks([step + 0.4 - width / 2 for step in range(len(steps))], steps)
    axes.set_ylim(0, 110)
    axes.set_ylabel("% of accesses without a walk")
    axes.legend(fontsize=8, frameon=False, loc="upper left")


def _misses(axes: Axes, shown: list[DomainFindings]) -> None:
    for index, domain in enumerate(shown):
        for curve, style in zip(domain.curves, _STYLES, strict=False):
            few = curve.capacity <= _MOST_SLOTS
            axes.plot(curve.capacity[few], 100 * curve.ratio()[few], style,
                      color=_COLOURS[index % len(_COLOURS)], drawstyle="steps-post",
                      label=f"{domain.coverage.name}, {curve.policy}")  # fmt: skip
    axes.set_yscale("log")
    axes.set_xlabel("slots per vCPU")
    axes.set_ylabel("% of pieces that miss")
    axes.legend(fontsize=8, frameon=False, ncols=2)


def _reads(axes: Axes, shown: list[DomainFindings]) -> None:
    able = [domain for domain in shown if domain.walked]
    first = able[0].replays if able else ()
    labels = [one.design.label for one in first if one.refused < one.hypercalls]
    height = 0.8 / max(len(able), 1)
    for index, domain in enumerate(able):
        values = [one.reads_per_call for one in domain.replays if one.design.label in labels]
        at = [row + index * height for row in range(len(values))]
        axes.barh(at, values, height, label=domain.coverage.name,
                  color=_COLOURS[index % len(_COLOURS)])  # fmt: skip
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(labels))], labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("page-table, P2M and list entries read")
    axes.legend(fontsize=8, frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
