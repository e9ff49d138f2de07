"""One moment of a run: the still picture of what the browser's stepper shows."""

from __future__ import annotations

from xenexplore.render.svg.canvas import Canvas
from xenexplore.render.svg.focus import focus_at
from xenexplore.render.svg.head import MARGIN, draw_head
from xenexplore.render.svg.metrics import fitted
from xenexplore.render.svg.rows import draw_rows
from xenexplore.render.svg.says import draw_says
from xenexplore.render.svg.space import draw_space
from xenexplore.render.svg.tables import draw_tables
from xenexplore.render.svg.theme import Theme
from xenexplore.render.svg.timeline import draw_timeline
from xenexplore.render.view_moment import moment_at
from xenexplore.render.view_registered import registered_at
from xenexplore.render.view_space import space_at
from xenexplore.render.view_tree import Tree
from xenexplore.scenario.path import Path

__all__ = ["draw_stepper"]

_WIDTH = 1170.0
_SPACE = (24.0, 356.0)
_ROWS = (412.0, 476.0)
_SAYS = (920.0, 226.0)


def draw_stepper(path: Path, index: int, theme: Theme) -> Canvas:
    """Draw one step with its linked views.

    Args:
        path: the run.
        index: the step, from 0.
        theme: its colours.
    """
    tree = Tree(path.steps)
    moment = moment_at(path, index, tree)
    before = moment_at(path, index - 1, tree) if index else None
    title = f"{path.about.title}: {path.option.label}, step {index} of {moment.last}"
    canvas = Canvas(theme, f"xe-{path.about.name}-{index}", title, width=_WIDTH)
    canvas.desc = " ".join((moment.sentence, *moment.notes))
    head = draw_head(canvas, path, f"step {index} / {moment.last}")
    top = head + 30
    canvas.heading(_SPACE[0], top, "Where the buffer lives")
    canvas.heading(_ROWS[0], top, "How Xen gets there")
    canvas.heading(_SAYS[0], top, "This step")
    right = _ROWS[0] + _ROWS[1]
    call = fitted(moment.call, 12, 310)
    canvas.text(right, top, call, size=12, role="quiet", anchor="end")

    rows = draw_rows(canvas, tree, moment, (_ROWS[0], top + 16, _ROWS[1]))
    state = registered_at(path.steps, index)
    if state.used:
        canvas.heading(_ROWS[0], rows + 34, "Registered buffers")
        rows = draw_tables(canvas, path, state, (_ROWS[0], rows + 44, _ROWS[1]))
    says = draw_says(canvas, moment, before, (_SAYS[0], top + 10, _SAYS[1]))
    space = space_at(path, index, tree)
    lower = max(rows, says, top + 440)
    box = (_SPACE[0], top + 12, _SPACE[1], min(lower - top - 12, 620.0))
    draw_space(canvas, path, space, focus_at(tree, index), box)

    lower = lower + 24
    canvas.rule(MARGIN, lower, _WIDTH - MARGIN)
    end = draw_timeline(canvas, tree, index, (MARGIN, lower, _WIDTH - 2 * MARGIN))
    canvas.height = round(end + MARGIN)
    return canvas
