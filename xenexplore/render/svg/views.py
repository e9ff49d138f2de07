"""Every view by name, as a drawing and as SVG."""

from __future__ import annotations

from xenexplore.errors import MachineError
from xenexplore.render.graph import telling_step
from xenexplore.render.svg.atlas import draw_map
from xenexplore.render.svg.canvas import Canvas
from xenexplore.render.svg.comparison import draw_comparison
from xenexplore.render.svg.registered import draw_registered
from xenexplore.render.svg.route import draw_path
from xenexplore.render.svg.stepper import draw_stepper
from xenexplore.render.svg.theme import theme_of
from xenexplore.render.view_moment import step_index
from xenexplore.render.view_tree import Tree
from xenexplore.scenario.comparison import Comparison
from xenexplore.scenario.path import Path

__all__ = ["VIEWS", "drawing", "svg_of"]

#: Views of a run; a comparison has its own, ``"comparison"``.
_OF_PATH = {
    "stepper": draw_stepper,
    "map": draw_map,
    "path": draw_path,
    "registered": draw_registered,
}
VIEWS = (*_OF_PATH, "comparison")


def drawing(
    path: Path | Comparison, index: int | None = None, view: str = "", theme: str = "light"
) -> Canvas:
    """A view as a drawing.

    Args:
        path: a run, or a comparison of several.
        index: the step, from 0.  Default: the one that says most, see
            :func:`~xenexplore.render.graph.telling_step`; for the registered
            buffers the last.
        view: one of :data:`VIEWS` (default: ``"stepper"`` or ``"comparison"``).
        theme: ``"light"`` or ``"dark"``.

    Raises:
        MachineError: there is no such view, theme or step.
    """
    colours = theme_of(theme)
    if isinstance(path, Comparison):
        if view not in ("", "comparison"):
            raise MachineError(f"no view {view!r} of a comparison: there is comparison")
        return draw_comparison(path, colours)
    view = view or "stepper"
    if view not in _OF_PATH:
        raise MachineError(f"no view {view!r} of a run: there are {', '.join(_OF_PATH)}")
    if index is None and view != "registered":
        index = telling_step(Tree(path.steps))
    return _OF_PATH[view](path, step_index(path, index), colours)


def svg_of(
    path: Path | Comparison, index: int | None = None, view: str = "", theme: str = "light"
) -> str:
    """A view as an SVG document; arguments as for :func:`drawing`."""
    return drawing(path, index, view, theme).svg()
