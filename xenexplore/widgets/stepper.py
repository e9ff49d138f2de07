"""The stepper: one hypercall's path under one option, in linked views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xenexplore.render.as_python import page_python, path_python
from xenexplore.render.html import opening_step, save_html
from xenexplore.render.svg import svg_of
from xenexplore.render.text.path import path_text
from xenexplore.render.text.step import step_text
from xenexplore.widgets.base import PathWidget

if TYPE_CHECKING:
    from os import PathLike

    from xenexplore.scenario.path import Path

__all__ = ["Stepper"]

# A notebook keeps the text of every view in its file.
_MOST_AS_TEXT = 400


class Stepper(PathWidget):
    """Step through a path: where the buffer lives, how Xen gets there, what each step means.

    Args:
        path: the run to show.
        step: the step to begin with, from 0; by default the one that says most
            (:func:`~xenexplore.render.html.opening_step`).
    """

    def __init__(self, path: Path, *, step: int | None = None, **kwargs: Any) -> None:
        super().__init__(**self._traits_of(path, step), **kwargs)

    def show(self, path: Path, *, step: int | None = None) -> None:
        """Show another path in the same view; arguments as for the class.

        Raises:
            TraitError: a step before the first one; the view stays as it is.
        """
        self._put(self._traits_of(path, step))

    def _traits_of(self, path: Path, step: int | None) -> dict[str, Any]:
        at, last = opening_step(path) if step is None else step, max(0, len(path) - 1)
        self._validate_step(at, last)
        self.path, self._last = path, last
        self._title = f"{path.about.name} under {path.option.label}: {len(path)} steps"
        return {"data": path.to_json().decode(), "step": at, "code": page_python(path)}

    def text(self) -> str:
        """The path as 72-column text; of a long one, the step on show."""
        if len(self.path) > _MOST_AS_TEXT:
            return step_text(self.path, self.step)
        return path_text(self.path)

    def svg(self) -> str:
        """The step on show, as a still picture."""
        return svg_of(self.path, self.step)

    def python(self) -> str:
        """The line that shows this path at this step."""
        return path_python(self.path, self.step)

    def save_html(self, file: str | PathLike[str]) -> None:
        """Write the same view as one offline file.

        Raises:
            OSError: the file cannot be written.
        """
        save_html(self.path, file)
