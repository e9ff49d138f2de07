"""Interface of the page to the model inside the browser: text in, JSON out."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from xenexplore.errors import DesignError, XenexploreError
from xenexplore.hypervisor.design import Design
from xenexplore.options.outside import design_in_file
from xenexplore.render.svg.views import svg_of
from xenexplore.render.text.run.comparison import comparison_text
from xenexplore.render.text.run.trace import trace_text
from xenexplore.render.web.as_python import page_python
from xenexplore.render.web.page import comparison_json, opening_step
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.runner import compare, options_of, run
from xenexplore.scenario.run.trace import Trace
from xenexplore.scenario.text.loader import parse_scenario

__all__ = ["made", "more", "picture"]

_SOURCE = "the text"
# In a browser the folder is the page's own, in memory.
_PLACE = Path(tempfile.gettempdir()) / "xenexplore-design.py"
_LINE = re.compile(r"\bline ([0-9]+)")


def made(text: str, option: str = "", design: str = "") -> str:
    """Run a scenario's text: under one option, or under all side by side.

    Args:
        text: of the scenario.
        option: a label, or ``""`` for all.
        design: Python that defines one design, which is one more option; or ``""``.

    Returns:
        JSON: ``{"labels": [...], "opens": step, "text": the run's own JSON}``; or
        ``{"error": sentence, "line": number from 1, or 0, "of": "scenario" or "design"}``.
    """
    try:
        scenario, own = parse_scenario(text, _SOURCE), _own(design)
        labels = [one.label for one in options_of(scenario)] + [one.name for one in own]
        shown = _shown(scenario, option, own)
        if isinstance(shown, Trace):
            found, opens = trace_view_json(shown), opening_step(shown)
        else:
            found, opens = comparison_json(shown), -1
    except XenexploreError as error:
        line = _LINE.search(str(error))
        of = "design" if isinstance(error, DesignError) else "scenario"
        words = str(error).replace(str(_PLACE), "your design")
        said = {"error": words, "line": int(line[1]) if line else 0, "of": of}
        return json.dumps(said)
    return json.dumps({"labels": labels, "opens": opens, "text": found.decode()})


def _own(design: str) -> list[type[Design]]:
    """The design that the page's text defines, if it has one."""
    if not design.strip():
        return []
    _PLACE.write_text(design, encoding="utf-8")
    found = design_in_file(str(_PLACE))
    return [found[0]] if found else []


def _shown(scenario: Scenario, option: str, own: list[type[Design]]) -> Trace | Comparison:
    if option:
        return run(scenario, next((one for one in own if one.name == option), option))
    return compare(scenario, [*options_of(scenario), *own] if own else None)


def more(text: str, option: str = "", design: str = "") -> str:
    """Extra data of a one-file export: ``{"text": ..., "svg": ..., "python": ...}``."""
    shown = _shown(parse_scenario(text, _SOURCE), option, _own(design))
    said = trace_text(shown) if isinstance(shown, Trace) else comparison_text(shown)
    return json.dumps({"text": said, "svg": svg_of(shown), "python": page_python(shown)})


def picture(text: str, option: str, step: int, design: str = "") -> str:
    """A step of a run as an SVG document."""
    shown = _shown(parse_scenario(text, _SOURCE), option, _own(design))
    assert isinstance(shown, Trace), "a step is one run's"
    return svg_of(shown, step)
