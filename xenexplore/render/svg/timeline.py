"""The line of time: a run's steps around the current one, what is far from it folded."""

from __future__ import annotations

from collections.abc import Sequence

from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.glyphs import draw_glyph
from xenexplore.render.drawing.text_metrics import Span, fitted, width_of
from xenexplore.render.views.step_labels import bracket_label, shape_of, short_label, step_label
from xenexplore.render.views.step_tree import StepTree

__all__ = ["draw_timeline", "shown_steps"]

_MOST = 22
_BRACKETS = 4


def draw_timeline(
    canvas: Canvas, tree: StepTree, index: int, box: tuple[float, float, float]
) -> float:
    """Draw the line of time.

    Args:
        canvas: drawn on.
        tree: the run's steps.
        index: the current step.
        box: x, y and width.

    Returns:
        y of the lower end.
    """
    x, y, width = box
    shown = shown_steps(tree, index)
    slot = width / max(len(shown), 12)
    at = {step: x + slot * (place + 0.5) for place, step in enumerate(shown)}
    y += 24
    _line(canvas, shown, at, index, y)
    before = shown[0] > 0
    after = tree.end(shown[-1]) < len(tree.steps) - 1
    if before:
        canvas.line(("M", x, y), ("L", at[shown[0]], y), stroke="good", dash=(1, 4))
    if after:
        canvas.line(("M", at[shown[-1]], y), ("L", x + width, y), stroke="line", dash=(1, 4))
    for step in shown:
        _mark(canvas, tree, step, index, at[step], y, slot, folded=_folded(tree, shown, step))
    y = _brackets(canvas, tree, shown, at, (y + 41, slot))
    return _whole(canvas, tree, index, (x, y + 14, width))


def shown_steps(tree: StepTree, index: int) -> list[int]:
    """The steps that the line shows, ascending; what is around ``index`` is always open.

    Others are opened as long as there is room, the nearest first.  Where even
    that is too much, the ones next to ``index`` are kept.
    """
    opened = set(tree.around(index))
    shown = _visible(tree, opened)
    if len(shown) < _MOST:
        folded = [at for at in range(len(tree.steps)) if tree.children(at) and at not in opened]
        folded.sort(key=lambda at: (_distance(tree, at, index), at))
        for at in folded:
            if tree.steps[at].parent >= 0 and tree.steps[at].parent not in opened:
                continue
            more = len(tree.children(at))
            if len(shown) + more > _MOST:
                break
            opened.add(at)
            shown = _visible(tree, opened)
    if len(shown) > _MOST:
        place = shown.index(index)
        first = min(max(0, place - _MOST // 2), len(shown) - _MOST)
        shown = shown[first : first + _MOST]
    return shown


def _distance(tree: StepTree, at: int, index: int) -> int:
    return at - index if at > index else index - tree.end(at)


def _visible(tree: StepTree, opened: set[int]) -> list[int]:
    found: list[int] = []
    pending = list(reversed(tree.children(-1)))
    while pending:
        at = pending.pop()
        found.append(at)
        if at in opened:
            pending += reversed(tree.children(at))
    return found


def _folded(tree: StepTree, shown: Sequence[int], step: int) -> bool:
    place = shown.index(step)
    following = shown[place + 1] if place + 1 < len(shown) else len(tree.steps)
    return bool(tree.children(step)) and following > tree.end(step)


def _line(canvas: Canvas, shown: Sequence[int], at: dict[int, float], index: int, y: float) -> None:
    done = max((step for step in shown if step <= index), default=shown[0])
    first, last = at[shown[0]], at[shown[-1]]
    canvas.line(("M", first, y), ("L", at[done], y), stroke="good", thick=1.6)
    canvas.line(("M", at[done], y), ("L", last, y), stroke="line", thick=1.6)


def _mark(
    canvas: Canvas, tree: StepTree, step: int, index: int, x: float, y: float, slot: float,
    *, folded: bool,
) -> None:  # fmt: skip
    record = tree.steps[step].step
    now = step == index
    bad = step <= index and _went_wrong(tree, step, folded=folded)
    role = "bad" if bad else "now" if now else "good" if step <= index else "quiet"
    draw_glyph(canvas, shape_of(type(record)), x, y, role, filled=now)
    label = short_label(record)
    if folded and width_of(f"{label} ▸", 10.5) <= slot - 3:
        label += " ▸"
    text = fitted(label, 10.5, slot - 3, bold=now)
    spans = (Span(text=text, bold=now),)
    canvas.text(x, y + 23, spans, size=10.5, role="ink" if now else "quiet", anchor="middle")


def _went_wrong(tree: StepTree, step: int, *, folded: bool) -> bool:
    if not folded:
        return step_label(tree.steps[step].step).tone in ("bad", "miss")
    return any(step_label(node.step).tone == "bad" for node in tree.inside(step))


def _brackets(
    canvas: Canvas, tree: StepTree, shown: Sequence[int], at: dict[int, float],
    place: tuple[float, float],
) -> float:  # fmt: skip
    """Brackets over the steps that they span, one line a level; returns the lower end."""
    y, slot = place
    levels: dict[int, list[int]] = {}
    for step in shown:
        if tree.children(step) and not _folded(tree, shown, step):
            levels.setdefault(tree.steps[step].depth, []).append(step)
    for depth in sorted(levels)[:_BRACKETS]:
        for step in levels[depth]:
            inside = [other for other in shown if step <= other <= tree.end(step)]
            left, right = at[step] - slot * 0.3, at[inside[-1]] + slot * 0.2
            text = bracket_label(tree.steps[step].step)
            name = fitted(text, 10.5, max(20.0, right - left - 16))
            start = left + 12 + width_of(name, 10.5)
            canvas.line(("M", left, y - 7), ("L", left, y - 3), ("L", left + 5, y - 3),
                        stroke="line")  # fmt: skip
            canvas.text(left + 8, y, name, size=10.5, role="quiet")
            if start < right:
                canvas.line(("M", start, y - 3), ("L", right, y - 3), ("L", right, y - 7),
                            stroke="line")  # fmt: skip
        y += 15
    return y


def _whole(canvas: Canvas, tree: StepTree, index: int, box: tuple[float, float, float]) -> float:
    """The whole run as one line, with what went wrong and the current step."""
    x, y, width = box
    last = max(1, len(tree.steps) - 1)
    canvas.rule(x, y, x + width)
    canvas.line(("M", x, y), ("L", x + width * index / last, y), stroke="good", thick=1.6)
    ticks: set[int] = set()
    for node in tree.steps:
        if step_label(node.step).tone == "bad":
            ticks.add(round(width * node.index / last))
    for tick in sorted(ticks):
        canvas.line(("M", x + tick, y - 7), ("L", x + tick, y - 2), stroke="bad", thick=1.4)
    canvas.circle(x + width * index / last, y, 5, fill="now")
    return y + 8
