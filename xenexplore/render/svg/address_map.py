"""The address-space map as a figure of its own: every region, and what each drawing means."""

from __future__ import annotations

from collections.abc import Callable

from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.text_metrics import Span, fitted, spans_of, wrapped
from xenexplore.render.drawing.theme import Theme
from xenexplore.render.svg.address_spaces import draw_address_spaces
from xenexplore.render.svg.focus import Focus, focus_at
from xenexplore.render.svg.head import MARGIN, draw_head
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.locations import describe
from xenexplore.render.views.moment import moment_at
from xenexplore.render.views.space_map import SpaceMap, space_at
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.trace import Trace

__all__ = ["draw_map"]

_WIDTH = 1170.0
_MAP = 760.0
_LIST = (824.0, 322.0)
_MOST = 9


def draw_map(trace: Trace, index: int, theme: Theme) -> Canvas:
    """Draw both address spaces after a step.

    Args:
        trace: the run.
        index: the step, from 0.
        theme: its colours.
    """
    tree = StepTree(trace.steps)
    space, focus = space_at(trace, index, tree), focus_at(tree, index)
    moment = moment_at(trace, index, tree)
    title = f"{trace.about.title}: address space under {trace.option.label}, after step {index}"
    canvas = Canvas(theme, f"xe-{trace.about.name}-map-{index}", title, width=_WIDTH)
    canvas.desc = ". ".join(_described(trace, run.va.value) for run in space.runs[:_MOST])
    y = draw_head(canvas, trace, f"after step {index} / {moment.last}") + 30
    canvas.heading(MARGIN, y, "Where the buffers live")
    canvas.heading(_LIST[0], y, "Buffers and their frames")
    listed = _buffers(canvas, trace, space, (_LIST[0], y + 6))
    listed = _legend(canvas, trace, space, focus, (_LIST[0], listed + 38))
    regions = len(space.linear)
    height = max(listed - y - 14, 46.0 * regions, 520.0)
    draw_address_spaces(
        canvas, trace, space, focus, (MARGIN, y + 12, _MAP, min(height, 900.0)), whole=True
    )
    canvas.height = round(max(y + 12 + min(height, 900.0), listed) + MARGIN)
    return canvas


def _described(trace: Trace, va: int) -> str:
    run = next(b for b in trace.machine.buffers if b.va.value <= va < b.va.value + b.size)
    return f"{run.name} at {spell.linear(va)}, {describe(trace.machine, run.va)}"


def _buffers(canvas: Canvas, trace: Trace, space: SpaceMap, place: tuple[float, float]) -> float:
    x, y = place
    right = x + _LIST[1]
    if not space.runs:
        canvas.text(x, y + 20, "none", size=12.5, role="quiet")
        return y + 24
    processes = {buffer.name: buffer.process for buffer in trace.machine.buffers}
    for run in space.runs[:_MOST]:
        name = Span(text=fitted(run.buffer, 12.5, 200, bold=True), bold=True)
        canvas.text(x, y + 22, (name,), size=12.5)
        process = processes.get(run.buffer)
        where = describe(trace.machine, run.va) if process is None else f"process {process}"
        canvas.text(right, y + 22, fitted(where, 11.5, 190), size=11.5, role="quiet", anchor="end")
        at = spans_of(f"{spell.linear(run.va.value)}  {spell.size(run.size)}")
        canvas.text(x, y + 40, at, size=12.5)
        frame = spell.frame(run.gfn)
        last = "" if run.frames == 1 else f" to {spell.frame(run.gfn + run.frames - 1)}"
        kind = "mfn" if trace.machine.spec.type == "pv" else "gfn"
        canvas.text(right, y + 40, spans_of(f"{kind} {frame}{last}"), size=12.5, anchor="end")
        y += 42
        if run.alias is not None:
            alias = spans_of(f"{spell.linear(run.alias.value)}")
            canvas.text(x, y + 16, alias, size=12.5, role="good")
            canvas.text(right, y + 16, "the same, in the directmap", size=11.5, role="quiet",
                        anchor="end")  # fmt: skip
            y += 18
        y += 8
        canvas.rule(x, y, right, stroke="faint")
    if len(space.runs) > _MOST:
        rest = f"and {len(space.runs) - _MOST:,} more runs of frames"
        canvas.text(x, y + 20, rest, size=12, role="quiet")
        y += 24
    return y


def _legend(
    canvas: Canvas, trace: Trace, space: SpaceMap, focus: Focus, place: tuple[float, float]
) -> float:
    """Legend of the drawing; only what there is."""
    x, y = place
    canvas.heading(x, y, "How to read it")
    entries: list[tuple[Callable[[float, float], None], str]] = []
    items = [item for span in space.linear for item in span.items]
    if any(not item.now for item in items):
        entries.append((lambda a, b: canvas.rect(a, b, 26, 8, fill="quiet"), "a buffer, a frame"))
    if focus.chunks:
        entries.append((lambda a, b: canvas.rect(a, b, 26, 8, fill="now"), "of the current copy"))
    if any(chunk.wrong for chunk in focus.chunks):
        entries.append(
            (
                lambda a, b: canvas.rect(a, b, 26, 8, fill="bad"),
                "not what the caller meant: crossed",
            )
        )
    if any(item.kind == "alias" for item in items):
        entries.append((
            lambda a, b: canvas.rect(a, b, 26, 8, fill="paper", stroke="good", dash=(3, 2)),
            "a frame's other address, in the directmap",
        ))  # fmt: skip
    if space.registered:
        entries.append((
            lambda a, b: canvas.rect(a, b - 1, 26, 10, stroke="good", thick=1.8),
            "a registered range and its frames",
        ))  # fmt: skip
    if trace.machine.spec.encrypted:
        entries.append((lambda a, b: _private(canvas, a, b), "private to the guest: hatched"))
    entries.append((lambda a, b: _dotted(canvas, a, b), "a gap: nothing mapped, or not drawn"))
    y += 4
    for draw, text in entries:
        draw(x, y + 13)
        for line in wrapped(text, 12, _LIST[1] - 40):
            y += 21
            canvas.text(x + 38, y, line, size=12)
    return y + 6


def _private(canvas: Canvas, x: float, y: float) -> None:
    canvas.rect(x, y, 26, 8, fill="quiet")
    canvas.hatch(x, y, 26, 8, "paper")


def _dotted(canvas: Canvas, x: float, y: float) -> None:
    for side in (x, x + 26):
        canvas.line(("M", side, y - 2), ("L", side, y + 10), stroke="quiet", dash=(1, 3))
