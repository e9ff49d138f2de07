"""A scenario in a site: its runs, packed, and their descriptions."""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from typing import Any

from xenexplore.render.svg.views import svg_of
from xenexplore.render.text.run.comparison import comparison_text
from xenexplore.render.text.run.trace import trace_text
from xenexplore.render.web.as_python import page_python
from xenexplore.render.web.page import comparison_head, opening_step
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.model.about import About
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.runner import compare
from xenexplore.scenario.run.trace import Trace
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.site.pool import Packed, TextPool
from xenexplore.steps import Status

__all__ = ["RunFacts", "ScenarioFacts", "more_of", "packed", "scenario_files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """One run, for the pages that speak of it.

    Attributes:
        label: its option's label; ``option``: the option's name; ``ident``: its number.
        title: the option's title.
        status: the verdict.
        opens: the step that decides it, from 0.
        says: what happens in that step.
        result: RAX of the last hypercall, or None.
        right: bytes that reached the frames that were meant; ``wrong``: that did not.
        lost: accesses that today's walk would have refused.
        hazards: in order.
        refusals: why it was refused.
        differs: the step at which it first differs from the first option's run, or None.
        differs_says: what happens there, or ``""``.
    """

    label: str
    option: str
    ident: str
    title: str
    status: Status
    opens: int
    says: str
    result: int | None
    right: int
    wrong: int
    lost: int
    hazards: tuple[str, ...]
    refusals: tuple[str, ...]
    differs: int | None
    differs_says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioFacts:
    """One scenario of a site.

    Attributes:
        about: its own words.
        runs: one for each of its options.
        failed: its expectations that do not hold, as sentences.
    """

    about: About
    runs: tuple[RunFacts, ...]
    failed: tuple[str, ...]


def packed(data: bytes | str) -> bytes:
    """As files of a site hold data: a zlib stream, whatever the server makes of names."""
    return zlib.compress(data.encode() if isinstance(data, str) else data, 9)


def scenario_files(text: str, source: str) -> tuple[ScenarioFacts, dict[str, bytes]]:
    """Run a scenario under its options.

    Returns:
        What came of it, and the files below ``data/`` that its views are drawn from.

    Raises:
        ScenarioError: it is malformed, or cannot be run.
    """
    comparison = compare(parse_scenario(text, source))
    folder = comparison.about.name  # a word: the loader takes no slash, no leading dot
    options: list[dict[str, Any]] = []
    more: dict[str, dict[str, Packed]] = {}
    runs, besides = TextPool(), TextPool()
    for row in comparison.rows:
        trace = row.trace
        label = trace.option.label
        data = trace_view_json(trace).decode()
        options.append({"label": label, "opens": opening_step(trace), "run": runs.add(data)})
        more[label] = more_of(trace, besides)
    files = {
        "index": {
            "head": comparison_head(comparison).decode(),
            "options": options,
            "text": text,
            **runs.shared(),
        },
        "more": {
            "all": more_of(comparison, besides),
            "runs": more,
            **besides.shared(),
        },
    }
    return _facts(comparison, [option["opens"] for option in options]), {
        f"{folder}/{name}.trace": packed(_json(record)) for name, record in files.items()
    }


def more_of(shown: Trace | Comparison, pool: TextPool) -> dict[str, Packed]:
    """Data that a view needs only when asked for: ``text``, ``svg``, ``python``."""
    text = trace_text(shown) if isinstance(shown, Trace) else comparison_text(shown)
    found = {"text": text, "svg": svg_of(shown), "python": page_python(shown)}
    return {name: pool.add(value) for name, value in found.items()}


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _facts(comparison: Comparison, opens: list[int]) -> ScenarioFacts:
    runs = []
    for row, step in zip(comparison.rows, opens, strict=True):
        differs = row.difference
        runs.append(
            _run_facts(
                row.trace,
                step,
                None if differs is None else differs.other,
                "" if differs is None else differs.other_says or "The run has ended.",
            )
        )
    return ScenarioFacts(about=comparison.about, runs=tuple(runs), failed=comparison.failed)


def _run_facts(trace: Trace, opens: int, differs: int | None, says: str) -> RunFacts:
    outcome = trace.outcome
    return RunFacts(
        label=trace.option.label,
        option=trace.option.name,
        ident=trace.option.ident,
        title=trace.option.title,
        status=outcome.status,
        opens=opens,
        says=trace.steps[opens].step.say() if trace.steps else "",
        result=outcome.result,
        right=outcome.right_bytes,
        wrong=outcome.wrong_bytes,
        lost=outcome.lost_checks,
        hazards=tuple(map(str, outcome.hazards)),
        refusals=tuple(outcome.refusals),
        differs=differs,
        differs_says=says,
    )
