"""The legend of a text: the glossary's terms that it uses, with their sources."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from xenexplore.render.text.table import WIDTH
from xenexplore.render.views.comparison import measures_of
from xenexplore.render.views.glossary import GLOSSARY, Term, flag_terms, terms_of
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import PteRead

__all__ = ["comparison_legend", "terms_in", "trace_legend"]

_NAME = 20


def trace_legend(trace: Trace) -> str:
    """Legend of the terms of a run's text, 72 columns wide."""
    return _page((term.name, _said(term)) for term in terms_in(trace))


def comparison_legend(comparison: Comparison) -> str:
    """Legend of the columns and outcomes of a comparison's text, 72 columns wide."""
    statuses = {f"status:{row.trace.outcome.status}" for row in comparison.rows}
    rows = [(" ".join(m.head).replace("- ", ""), f"{m.what}.") for m in measures_of(comparison)]
    return _page([*((term.name, _said(term)) for term in terms_of(statuses)), *rows])


def terms_in(trace: Trace) -> tuple[Term, ...]:
    """The terms that a run's views use."""
    keys = {"word:linear", "word:guest-physical", "word:gfn", "word:mfn", "word:handle"}
    keys.add(f"status:{trace.outcome.status}")
    for node in trace.steps:
        keys.add(f"step:{node.step.kind}")
        if isinstance(node.step, PteRead):
            keys.update(flag_terms(node.step.flags))
    outcome = trace.outcome
    for counts in (outcome.setup.as_json(), outcome.calls.as_json()):
        keys.update(f"count:{name}" for name, value in counts.items() if value)
    return terms_of(key for key in keys if key in GLOSSARY)


def _said(term: Term) -> str:
    return f"{term.text} [{term.cite}]" if term.cite is not None else term.text


def _page(rows: Iterable[tuple[str, str]]) -> str:
    return "\n".join(["legend", *_lines(rows)]) + "\n"


def _lines(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    for name, text in rows:
        lines = textwrap.wrap(text, WIDTH - _NAME - 4)
        head = f"  {name:{_NAME}}  "
        if len(name) > _NAME:
            yield f"  {name}"
            head = " " * (_NAME + 4)
        yield f"{head}{lines[0]}".rstrip()
        yield from (" " * (_NAME + 4) + line for line in lines[1:])
