"""The stepper: one hypercall's trace under one option, in linked views."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from xenexplore.render.svg.views import svg_of
from xenexplore.render.text.run.step import step_text
from xenexplore.render.text.run.trace import trace_text
from xenexplore.render.views.step_places import marks_of, place_of
from xenexplore.render.web.as_python import page_python, trace_python
from xenexplore.render.web.page import opening_step, save_html
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.model.step_note import StepNote
from xenexplore.widgets.base import TraceWidget

if TYPE_CHECKING:
    from os import PathLike

    from xenexplore.scenario.run.trace import Trace

__all__ = ["Stepper"]

# A notebook keeps the text of every view in its file.
_MOST_AS_TEXT = 400


class Stepper(TraceWidget):
    """Step through a trace: the buffer's place, Xen's way to it, the meaning of each step.

    Args:
        trace: the run to show.
        step: the step to begin with, from 0; by default the most informative one
            (:func:`~xenexplore.render.web.page.opening_step`).

    Attributes:
        marks: bookmarks and notes of this run, as made in the view: the place of the step, and the
            note or ``""``; :attr:`notes` has them as records.
    """

    marks: Any = traitlets.List().tag(sync=True)

    def __init__(self, trace: Trace, *, step: int | None = None, **kwargs: Any) -> None:
        super().__init__(**self._traits_of(trace, step), **kwargs)

    def show(self, trace: Trace, *, step: int | None = None) -> None:
        """Show another trace in the same view; arguments as for the class.

        Raises:
            TraitError: a step before the first one; the view stays as it is.
        """
        self._put(self._traits_of(trace, step))

    def _traits_of(self, trace: Trace, step: int | None) -> dict[str, Any]:
        at, last = opening_step(trace) if step is None else step, max(0, len(trace) - 1)
        self._validate_step(at, last)
        self.trace, self._last = trace, last
        self._title = f"{trace.about.name} under {trace.option.label}: {len(trace)} steps"
        marks = [[place_of(trace, index), text] for index, text in marks_of(trace)]
        data = trace_view_json(trace).decode()
        return {"data": data, "step": at, "code": page_python(trace), "marks": marks}

    @property
    def notes(self) -> tuple[StepNote, ...]:
        """The bookmarks and notes of this run, for the scenario's text.

        >>> import xenexplore as xe
        >>> from xenexplore.scenario.text.notes import notes_text
        >>> view = xe.Stepper(xe.run(xe.load("straddle"), "flat"))
        >>> view.marks = [["action 1, call 1, copy 1", "why here?"]]  # as a reader does by b
        >>> print(notes_text(view.notes), end="")
        [[note]]
        at = "action 1, call 1, copy 1"
        option = "flat"
        text = "why here?"
        """
        option = self.trace.option.label
        return tuple(StepNote(at=at, option=option, text=text) for at, text in self.marks)

    def shown(self) -> Trace:
        return self.trace

    def text(self) -> str:
        """The trace as 72-column text; of a long one, the step on show."""
        if len(self.trace) > _MOST_AS_TEXT:
            return step_text(self.trace, self.step)
        return trace_text(self.trace)

    def svg(self) -> str:
        """The step on show, as a still picture."""
        return svg_of(self.trace, self.step)

    def python(self) -> str:
        """The line that shows this trace at this step."""
        return trace_python(self.trace, self.step)

    def save_html(self, file: str | PathLike[str]) -> None:
        """Write the same view as one offline file.

        Raises:
            OSError: the file cannot be written.
        """
        save_html(self.trace, file)
