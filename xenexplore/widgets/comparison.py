"""The comparison: one scenario under several options, in lockstep or at their ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import traitlets

from xenexplore.render.svg.views import svg_of
from xenexplore.render.text.run.comparison import comparison_text
from xenexplore.render.views.comparison import verdict_of
from xenexplore.render.web.as_python import comparison_python, page_python
from xenexplore.render.web.page import comparison_json, save_html
from xenexplore.render.web.still import behind_html
from xenexplore.widgets.base import TraceWidget

if TYPE_CHECKING:
    from os import PathLike

    from xenexplore.scenario.run.comparison import Comparison

__all__ = ["ComparisonView"]


class ComparisonView(TraceWidget):
    """Step through several options at once; ``step`` is their common time.

    In lockstep each option advances step by step between two points that all options have (an
    action, a call, a copy, a return), and waits there for the others.

    Args:
        comparison: what to show.
        step: the common time to begin with, from 0; -1: all options at their ends.
        folded: whether to show only the verdict at first; a click shows the rest.
    """

    _first = -1

    folded = traitlets.Bool(False).tag(sync=True)

    def __init__(
        self, comparison: Comparison, *, step: int = -1, folded: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**self._traits_of(comparison, step), folded=folded, **kwargs)

    def show(self, comparison: Comparison, *, step: int = -1) -> None:
        """Show another comparison in the same view; arguments as for the class.

        Raises:
            TraitError: a step before -1; the view stays as it is.
        """
        self._put(self._traits_of(comparison, step))

    def _traits_of(self, comparison: Comparison, step: int) -> dict[str, Any]:
        # The common time is at least the longest run's and at most the sum of all.
        last = max(0, sum(len(row.trace) for row in comparison.rows) - 1)
        self._validate_step(step, last)
        self.comparison, self._last = comparison, last
        self._title = f"{comparison.about.name}: {len(comparison.rows)} options"
        data = comparison_json(comparison).decode()
        return {"data": data, "step": step, "code": page_python(comparison)}

    def shown(self) -> Comparison:
        return self.comparison

    def text(self) -> str:
        """The comparison as a 72-column table."""
        return comparison_text(self.comparison)

    def svg(self) -> str:
        """The comparison as a still picture."""
        return svg_of(self.comparison)

    def still(self, before: str = "") -> str:
        still = super().still(before)
        return behind_html(verdict_of(self.comparison), still) if self.folded else still

    def python(self) -> str:
        """The line that shows this comparison."""
        return comparison_python(self.comparison, self.step)

    def save_html(self, file: str | PathLike[str]) -> None:
        """Write the same view as one offline file.

        Raises:
            OSError: the file cannot be written.
        """
        save_html(self.comparison, file)
