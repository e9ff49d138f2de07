"""Run that a view in a saved notebook shows: by its picture's name and its line of Python."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from html import unescape
from typing import Any, Final

from xenexplore.api.recordings import scenario_from
from xenexplore.errors import InputError, ScenarioError
from xenexplore.render.web.page import comparison_head, opening_step
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.library.builtin import builtin_names, load_builtin
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.address import link_to
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.runner import compare, options_of, run
from xenexplore.scenario.run.trace import Trace
from xenexplore.scenario.text.links import Link, encode_link
from xenexplore.site.pool import TextPool
from xenexplore.site.runs import more_of

__all__ = ["SavedView", "saved_view", "view_record"]

# A comparison that begins folded stands behind its verdict.
_VIEW: Final = re.compile(
    r"(?:<details><summary>[^<]*</summary>)?"
    r'<img alt="([^"]*)" src="[^"]*"[^>]*><pre><code>(.*?)</code></pre>',
    re.DOTALL,
)
_TITLE: Final = re.compile(r"(?P<name>[\w.-]+)(?: under (?P<label>.+))?: (?P<count>\d+) \w+")
_RECORDED: Final = re.compile(r"(?P<recording>\w+)-(?P<row>\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedView:
    """A stepper or a comparison as a notebook keeps it.

    Attributes:
        scenario: its name.
        labels: what it runs under, in order; empty: all of the scenario's options.
        step: where it stands, from 0; None: where it opens by itself.
        single: a stepper, and no comparison.
        count: of its steps, or of its options.
    """

    scenario: str
    labels: tuple[str, ...]
    step: int | None
    single: bool
    count: int


def saved_view(html: str) -> SavedView | None:
    """The view that an output's HTML stands for; None: it is another thing."""
    found = _VIEW.match(html)
    title = _TITLE.fullmatch(unescape(found[1])) if found else None
    if found is None or title is None:
        return None
    try:
        calls = [node for node in ast.walk(ast.parse(unescape(found[2]))) if type(node) is ast.Call]
    except SyntaxError:
        return None
    kinds = {call.func.attr for call in calls if isinstance(call.func, ast.Attribute)}
    single = "Stepper" in kinds
    if not kinds & {"Stepper", "ComparisonView"}:
        return None
    lists = [node for call in calls for node in call.args if isinstance(node, ast.List)]
    steps = [word.value for call in calls for word in call.keywords if word.arg == "step"]
    return SavedView(
        scenario=title["name"],
        labels=(title["label"],)
        if single
        else tuple(map(ast.literal_eval, lists[0].elts))
        if lists
        else (),
        step=ast.literal_eval(steps[0]) if steps else None,
        single=single,
        count=int(title["count"]),
    )


def _scenario(name: str) -> Scenario | None:
    if name in builtin_names():
        return load_builtin(name)
    recorded = _RECORDED.fullmatch(name)
    if recorded is None:
        return None
    try:
        return scenario_from(recorded["recording"], row=int(recorded["row"]))
    except InputError:
        return None


def view_record(view: SavedView, known: frozenset[str], pool: TextPool) -> dict[str, Any] | None:
    """Data from which the page draws the view; None if the run cannot be repeated.

    Args:
        view: which.
        known: scenarios whose runs the site has: those are referred to.
        pool: takes the texts of others.

    Returns:
        ``of``, ``labels``, ``step`` and ``link``: of a stepper one label; of a comparison besides
        ``head``, which is None where it is the scenario's own. ``own`` has runs that the site has
        not, ``more`` the text, picture and Python of what is not on a page of its own.
    """
    scenario = _scenario(view.scenario)
    if scenario is None:
        return None
    labels = [option.label for option in options_of(scenario)]
    had = view.scenario in known
    record: dict[str, Any] = {"of": view.scenario, "single": view.single, "step": view.step}
    option = view.labels[0] if view.single else ""
    record["link"] = encode_link(Link(scenario=view.scenario, option=option))
    if had and view.single and option in labels:
        return {**record, "labels": [option], "own": {}}
    if had and not view.single and view.labels in ((), tuple(labels)):
        return {**record, "labels": labels, "head": None, "own": {}}
    try:
        shown = _run(scenario, view)
    except ScenarioError:  # a design of the notebook's own
        return None
    traces = [shown] if isinstance(shown, Trace) else list(shown.traces)
    if view.count != (len(traces[0]) if view.single else len(traces)):
        return None
    record["labels"] = [trace.option.label for trace in traces]
    record["link"] = encode_link(link_to(shown))
    record["more"] = more_of(shown, pool)
    record["own"] = {
        trace.option.label: {
            "opens": opening_step(trace), "run": pool.add(trace_view_json(trace).decode())
        }
        for trace in traces
        if not had or trace.option.label not in labels
    }  # fmt: skip
    if isinstance(shown, Comparison):
        record["head"] = pool.add(comparison_head(shown).decode())
    return record


def _run(scenario: Scenario, view: SavedView) -> Trace | Comparison:
    if view.single:
        return run(scenario, view.labels[0])
    return compare(scenario, list(view.labels) if view.labels else None)
