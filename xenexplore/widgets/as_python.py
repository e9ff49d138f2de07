"""The Python that a static view stands for: what a reader types to have the live one."""

from __future__ import annotations

import json

from xenexplore.render.text.table import WIDTH, listed
from xenexplore.scenario.builtin import builtin_names, load_builtin
from xenexplore.scenario.comparison import Comparison
from xenexplore.scenario.model import Scenario
from xenexplore.scenario.path import About, Path
from xenexplore.scenario.run import options_of

__all__ = ["comparison_python", "path_python"]


def path_python(path: Path, step: int) -> str:
    """One line that shows a path at a step.

    A scenario that is not built in is called ``scenario`` there.
    """
    found = _builtin(path.about)
    return f"xe.Stepper(xe.run({_named(found)}, {_word(path.option.label)}), step={step})"


def comparison_python(comparison: Comparison, step: int = -1) -> str:
    """What shows a comparison: one line if it fits.

    Its options are named unless they are a built-in scenario's own.
    """
    found = _builtin(comparison.about)
    labels = [path.option.label for path in comparison.paths]
    head = f"xe.ComparisonView(xe.compare({_named(found)}"
    tail = f"), step={step})" if step >= 0 else "))"
    if found is not None and labels == [option.label for option in options_of(found)]:
        return head + tail
    words = [_word(label) for label in labels]
    line = f"{head}, [{', '.join(words)}]{tail}"
    if len(line) <= WIDTH:
        return line
    return "\n".join([f"{head}, [", *listed("   ", words), f"]{tail}"])


def _builtin(about: About) -> Scenario | None:
    """The built-in scenario that says just this about itself, or None."""
    if about.name not in builtin_names():
        return None
    scenario = load_builtin(about.name)
    return scenario if scenario.about == about else None


def _named(scenario: Scenario | None) -> str:
    return "scenario" if scenario is None else f"xe.load({_word(scenario.about.name)})"


def _word(text: str) -> str:
    """A Python string in double quotes."""
    return json.dumps(text)
