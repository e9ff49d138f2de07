"""The Python that a view stands for: what a reader types to have the live one."""

from __future__ import annotations

import json

from xenexplore.render.text.table import WIDTH, listed
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.runner import options_of
from xenexplore.scenario.run.trace import Trace

__all__ = ["comparison_python", "page_python", "trace_python"]

_OWN = 'scenario = xe.load("FILE")  # where you keep this scenario'


def trace_python(trace: Trace, step: int | None = None) -> str:
    """One line that shows a trace, at a step or where it opens.

    A scenario that is not built in, word for word, is called ``scenario`` there.
    """
    tail = "" if step is None else f", step={step}"
    return f"xe.Stepper(xe.run({_named(trace)}, {_word(trace.option.label)}){tail})"


def comparison_python(comparison: Comparison, step: int = -1) -> str:
    """Code that shows a comparison: one line if it fits.

    Its options are named unless they are a built-in scenario's own.
    """
    first = comparison.traces[0]
    labels = [trace.option.label for trace in comparison.traces]
    head = f"xe.ComparisonView(xe.compare({_named(first)}"
    tail = f"), step={step})" if step >= 0 else "))"
    if first.builtin and labels == [o.label for o in options_of(load_builtin(first.about.name))]:
        return head + tail
    words = [_word(label) for label in labels]
    line = f"{head}, [{', '.join(words)}]{tail}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{head}, [", *listed("   ", words), f"]{tail}"])


def page_python(shown: Trace | Comparison) -> str:
    """The whole of it, with the import and, where it is the reader's own, the scenario."""
    if isinstance(shown, Comparison):
        first, line = shown.traces[0], comparison_python(shown)
    else:
        first, line = shown, trace_python(shown)
    return "\n".join(["import xenexplore as xe", "", *([] if first.builtin else [_OWN]), line])


def _named(trace: Trace) -> str:
    return f"xe.load({_word(trace.about.name)})" if trace.builtin else "scenario"


def _word(text: str) -> str:
    """A Python string in double quotes."""
    return json.dumps(text)
