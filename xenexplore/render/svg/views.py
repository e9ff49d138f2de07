"""Every view by name, as a drawing and as SVG."""

from __future__ import annotations

from xenexplore.errors import MachineError
from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.theme import theme_of
from xenexplore.render.svg.address_map import draw_map
from xenexplore.render.svg.comparison import draw_comparison
from xenexplore.render.svg.registered import draw_registered
from xenexplore.render.svg.stepper import draw_stepper
from xenexplore.render.svg.translation_path import draw_translation
from xenexplore.render.views.moment import step_index
from xenexplore.render.views.step_tree import StepTree
from xenexplore.render.views.translation_graph import telling_step
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.trace import Trace

__all__ = ["VIEWS", "drawing", "svg_of"]

#: Views of a run; a comparison has its own, ``"comparison"``.
_OF_PATH = {
    "stepper": draw_stepper,
    "map": draw_map,
    "path": draw_translation,
    "registered": draw_registered,
}
VIEWS = (*_OF_PATH, "comparison")


def drawing(
    trace: Trace | Comparison, step: int | None = None, view: str = "", theme: str = "light"
) -> Canvas:
    """A view as a drawing.

    Args:
        trace: a run, or a comparison of several.
        step: from 0.  Default: the one that says most, see
            :func:`~xenexplore.render.views.translation_graph.telling_step`; for the registered
            buffers the last.
        view: one of :data:`VIEWS` (default: ``"stepper"`` or ``"comparison"``).
        theme: ``"light"`` or ``"dark"``.

    Raises:
        MachineError: there is no such view, theme or step.
    """
    colours = theme_of(theme)
    if isinstance(trace, Comparison):
        if view not in ("", "comparison"):
            raise MachineError(f"no view {view!r} of a comparison: there is comparison")
        return draw_comparison(trace, colours)
    view = view or "stepper"
    if view not in _OF_PATH:
        raise MachineError(f"no view {view!r} of a run: there are {', '.join(_OF_PATH)}")
    if step is None and view != "registered":
        step = telling_step(StepTree(trace.steps))
    return _OF_PATH[view](trace, step_index(trace, step), colours)


def svg_of(
    trace: Trace | Comparison, step: int | None = None, view: str = "", theme: str = "light"
) -> str:
    """A view as an SVG document; arguments as for :func:`drawing`."""
    return drawing(trace, step, view, theme).svg()
