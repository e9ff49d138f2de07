"""One moment of a run: the still picture of what the browser's stepper shows."""

from __future__ import annotations

from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.text_metrics import fitted
from xenexplore.render.drawing.theme import Theme
from xenexplore.render.svg.address_spaces import draw_address_spaces
from xenexplore.render.svg.explanation import draw_explanation
from xenexplore.render.svg.focus import focus_at
from xenexplore.render.svg.head import MARGIN, draw_head
from xenexplore.render.svg.rows import draw_rows
from xenexplore.render.svg.tables import draw_tables
from xenexplore.render.svg.timeline import draw_timeline
from xenexplore.render.views.moment import moment_at
from xenexplore.render.views.space_map import space_at
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.trace import Trace
from xenexplore.tlb.history import registered_at

__all__ = ["draw_stepper"]

_WIDTH = 1170.0
_SPACE = (24.0, 356.0)
_ROWS = (412.0, 476.0)
_SAYS = (920.0, 226.0)


def draw_stepper(trace: Trace, index: int, theme: Theme) -> Canvas:
    """Draw one step with its linked views.

    Args:
        trace: the run.
        index: the step, from 0.
        theme: its colours.
    """
    tree = StepTree(trace.steps)
    moment = moment_at(trace, index, tree)
    before = moment_at(trace, index - 1, tree) if index else None
    title = f"{trace.about.title}: {trace.option.label}, step {index} of {moment.last}"
    canvas = Canvas(theme, f"xe-{trace.about.name}-{index}", title, width=_WIDTH)
    canvas.desc = " ".join((moment.sentence, *moment.notes))
    head = draw_head(canvas, trace, f"step {index} / {moment.last}")
    top = head + 30
    canvas.heading(_SPACE[0], top, "Where the buffer lives")
    canvas.heading(_ROWS[0], top, "How Xen gets there")
    canvas.heading(_SAYS[0], top, "This step")
    right = _ROWS[0] + _ROWS[1]
    call = fitted(moment.call, 12, 310)
    canvas.text(right, top, call, size=12, role="quiet", anchor="end")

    rows = draw_rows(canvas, tree, moment, (_ROWS[0], top + 16, _ROWS[1]))
    state = registered_at(trace.steps, index, trace.registered)
    if state.used:
        canvas.heading(_ROWS[0], rows + 34, "Registered buffers")
        rows = draw_tables(canvas, trace, state, (_ROWS[0], rows + 44, _ROWS[1]))
    says = draw_explanation(canvas, moment, before, (_SAYS[0], top + 10, _SAYS[1]))
    space = space_at(trace, index, tree)
    lower = max(rows, says, top + 440)
    box = (_SPACE[0], top + 12, _SPACE[1], min(lower - top - 12, 620.0))
    draw_address_spaces(canvas, trace, space, focus_at(tree, index), box)

    lower = lower + 24
    canvas.rule(MARGIN, lower, _WIDTH - MARGIN)
    end = draw_timeline(canvas, tree, index, (MARGIN, lower, _WIDTH - 2 * MARGIN))
    canvas.height = round(end + MARGIN)
    return canvas
