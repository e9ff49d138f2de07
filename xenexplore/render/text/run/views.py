"""Every text view of a run by name."""

from __future__ import annotations

from xenexplore.errors import MachineError
from xenexplore.render.text.legend import trace_legend
from xenexplore.render.text.run.address_map import map_text
from xenexplore.render.text.run.registered import registered_text
from xenexplore.render.text.run.step import step_text
from xenexplore.render.text.run.trace import trace_text
from xenexplore.scenario.run.trace import Trace

__all__ = ["TEXT_VIEWS", "run_text"]

TEXT_VIEWS = ("path", "map", "registered")


def run_text(
    trace: Trace,
    *,
    step: int | None = None,
    view: str = "path",
    unicode: bool = False,
    folded: bool = True,
    legend: bool = False,
) -> str:
    """A view of a run as text; arguments as for :meth:`Trace.text`.

    Raises:
        MachineError: there is no such view or step.
    """
    if legend:
        shown = run_text(trace, step=step, view=view, unicode=unicode, folded=folded)
        return f"{shown}\n{trace_legend(trace)}"
    if view == "map":
        return map_text(trace, step, unicode=unicode)
    if view == "registered":
        return registered_text(trace, step, unicode=unicode)
    if view != "path":
        raise MachineError(f"no view {view!r} as text: there are {', '.join(TEXT_VIEWS)}")
    if step is not None:
        return step_text(trace, step, unicode=unicode)
    return trace_text(trace, unicode=unicode, folded=folded)
