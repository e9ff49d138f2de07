"""What the page asks of the model when it runs inside the browser: text in, JSON out."""

from __future__ import annotations

import json
import re

from xenexplore.errors import XenexploreError
from xenexplore.render.svg import svg_of
from xenexplore.render.text.run.comparison import comparison_text
from xenexplore.render.text.run.trace import trace_text
from xenexplore.render.web.as_python import page_python
from xenexplore.render.web.page import comparison_json, opening_step
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.run.runner import compare, options_of, run
from xenexplore.scenario.text.loader import parse_scenario

__all__ = ["made", "more", "picture"]

_SOURCE = "the text"
_LINE = re.compile(r"\bline ([0-9]+)")


def made(text: str, option: str = "") -> str:
    """Run a scenario's text: under one option, or under all side by side.

    Returns:
        JSON: ``{"labels": [...], "opens": step, "text": the run's own JSON}``; or
        ``{"error": sentence, "line": number from 1, or 0}``.
    """
    try:
        scenario = parse_scenario(text, _SOURCE)
        labels = [one.label for one in options_of(scenario)]
        if option:
            trace = run(scenario, option)
            found, opens = trace_view_json(trace), opening_step(trace)
        else:
            found, opens = comparison_json(compare(scenario)), -1
    except XenexploreError as error:
        line = _LINE.search(str(error))
        return json.dumps({"error": str(error), "line": int(line[1]) if line else 0})
    return json.dumps({"labels": labels, "opens": opens, "text": found.decode()})


def more(text: str, option: str = "") -> str:
    """What a one-file export has besides: ``{"text": ..., "svg": ..., "python": ...}``."""
    scenario = parse_scenario(text, _SOURCE)
    if option:
        trace = run(scenario, option)
        return json.dumps(
            {"text": trace_text(trace), "svg": svg_of(trace), "python": page_python(trace)}
        )
    shown = compare(scenario)
    return json.dumps(
        {"text": comparison_text(shown), "svg": svg_of(shown), "python": page_python(shown)}
    )


def picture(text: str, option: str, step: int) -> str:
    """A step of a run as an SVG document."""
    return svg_of(run(parse_scenario(text, _SOURCE), option), step)
