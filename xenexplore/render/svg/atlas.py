"""The address-space map as a figure of its own: every region, and what each drawing means."""

from __future__ import annotations

from collections.abc import Callable

from xenexplore.render import view_address as spell
from xenexplore.render.svg.canvas import Canvas
from xenexplore.render.svg.focus import Focus, focus_at
from xenexplore.render.svg.head import MARGIN, draw_head
from xenexplore.render.svg.metrics import Span, fitted, spans_of, wrapped
from xenexplore.render.svg.space import draw_space
from xenexplore.render.svg.theme import Theme
from xenexplore.render.view_moment import moment_at
from xenexplore.render.view_places import describe
from xenexplore.render.view_space import SpaceMap, space_at
from xenexplore.render.view_tree import Tree
from xenexplore.scenario.path import Path

__all__ = ["draw_map"]

_WIDTH = 1170.0
_MAP = 760.0
_LIST = (824.0, 322.0)
_MOST = 9


def draw_map(path: Path, index: int, theme: Theme) -> Canvas:
    """Draw both address spaces after a step.

    Args:
        path: the run.
        index: the step, from 0.
        theme: its colours.
    """
    tree = Tree(path.steps)
    space, focus = space_at(path, index, tree), focus_at(tree, index)
    moment = moment_at(path, index, tree)
    title = f"{path.about.title}: address space under {path.option.label}, after step {index}"
    canvas = Canvas(theme, f"xe-{path.about.name}-map-{index}", title, width=_WIDTH)
    canvas.desc = ". ".join(_described(path, run.va.value) for run in space.runs[:_MOST])
    y = draw_head(canvas, path, f"after step {index} / {moment.last}") + 30
    canvas.heading(MARGIN, y, "Where the buffers live")
    canvas.heading(_LIST[0], y, "Buffers and their frames")
    listed = _buffers(canvas, path, space, (_LIST[0], y + 6))
    listed = _legend(canvas, path, space, focus, (_LIST[0], listed + 38))
    regions = len(space.linear)
    height = max(listed - y - 14, 46.0 * regions, 520.0)
    draw_space(canvas, path, space, focus, (MARGIN, y + 12, _MAP, min(height, 900.0)), whole=True)
    canvas.height = round(max(y + 12 + min(height, 900.0), listed) + MARGIN)
    return canvas


def _described(path: Path, va: int) -> str:
    run = next(b for b in path.machine.buffers if b.va.value <= va < b.va.value + b.size)
    return f"{run.name} at {spell.linear(va)}, {describe(path.machine, run.va)}"


def _buffers(canvas: Canvas, path: Path, space: SpaceMap, place: tuple[float, float]) -> float:
    x, y = place
    right = x + _LIST[1]
    if not space.runs:
        canvas.text(x, y + 20, "none", size=12.5, role="quiet")
        return y + 24
    processes = {buffer.name: buffer.process for buffer in path.machine.buffers}
    for run in space.runs[:_MOST]:
        name = Span(text=fitted(run.buffer, 12.5, 200, bold=True), bold=True)
        canvas.text(x, y + 22, (name,), size=12.5)
        process = processes.get(run.buffer)
        where = describe(path.machine, run.va) if process is None else f"process {process}"
        canvas.text(right, y + 22, fitted(where, 11.5, 190), size=11.5, role="quiet", anchor="end")
        at = spans_of(f"{spell.linear(run.va.value)}  {spell.size(run.size)}")
        canvas.text(x, y + 40, at, size=12.5)
        frame = spell.frame(run.gfn)
        last = "" if run.frames == 1 else f" to {spell.frame(run.gfn + run.frames - 1)}"
        kind = "mfn" if path.machine.spec.type == "pv" else "gfn"
        canvas.text(right, y + 40, spans_of(f"{kind} {frame}{last}"), size=12.5, anchor="end")
        y += 42
        if run.alias is not None:
            alias = spans_of(f"{spell.linear(run.alias.value)}")
            canvas.text(x, y + 16, alias, size=12.5, role="good")
            canvas.text(right, y + 16, "the same, by the directmap", size=11.5, role="quiet",
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
    canvas: Canvas, path: Path, space: SpaceMap, focus: Focus, place: tuple[float, float]
) -> float:
    """What is drawn how; only what there is."""
    x, y = place
    canvas.heading(x, y, "How to read it")
    entries: list[tuple[Callable[[float, float], None], str]] = []
    items = [item for span in space.linear for item in span.items]
    if any(not item.now for item in items):
        entries.append((lambda a, b: canvas.rect(a, b, 26, 8, fill="quiet"), "a buffer, a frame"))
    if focus.chunks:
        entries.append((lambda a, b: canvas.rect(a, b, 26, 8, fill="now"), "of the copy at hand"))
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
            "a registered range, and what it stands for",
        ))  # fmt: skip
    if path.machine.spec.encrypted:
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
