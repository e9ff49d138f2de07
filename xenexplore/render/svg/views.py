"""Every view by name, as a drawing and as SVG."""

from __future__ import annotations

from xenexplore.errors import MachineError
from xenexplore.render.svg.canvas import Canvas
from xenexplore.render.svg.stepper import draw_stepper
from xenexplore.render.svg.theme import theme_of
from xenexplore.render.view_moment import step_index
from xenexplore.scenario.comparison import Comparison
from xenexplore.scenario.path import Path

__all__ = ["VIEWS", "drawing", "svg_of"]

#: Views of a run; a comparison has its own, ``"comparison"``.
_OF_PATH = {"stepper": draw_stepper}
VIEWS = (*_OF_PATH, "comparison")


def drawing(
    path: Path | Comparison, index: int | None = None, view: str = "", theme: str = "light"
) -> Canvas:
    """A view as a drawing.

    Args:
        path: a run, or a comparison of several.
        index: the step, from 0 (default: the last).
        view: one of :data:`VIEWS` (default: ``"stepper"`` or ``"comparison"``).
        theme: ``"light"`` or ``"dark"``.

    Raises:
        MachineError: there is no such view, theme or step.
    """
    colours = theme_of(theme)
    if isinstance(path, Comparison):
        raise MachineError("no figure of a comparison yet")
    view = view or "stepper"
    if view not in _OF_PATH:
        raise MachineError(f"no view {view!r} of a run: there are {', '.join(_OF_PATH)}")
    return _OF_PATH[view](path, step_index(path, index), colours)


def svg_of(
    path: Path | Comparison, index: int | None = None, view: str = "", theme: str = "light"
) -> str:
    """A view as an SVG document; arguments as for :func:`drawing`."""
    return drawing(path, index, view, theme).svg()
