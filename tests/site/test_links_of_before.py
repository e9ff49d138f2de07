"""Links that were made before lead to the same steps: ``links_of_before.json`` is never edited.

Each of its entries is a link as a site or ``xenexplore reply --site`` gave it away, what it shows,
and the step's kind and numbers.  Its words may become better; a link that has to lead elsewhere,
since the model was wrong, is a line in README's list of changes and a new entry here.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from xenexplore.render.web.page import opening_step
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.runner import compare, options_of, run
from xenexplore.scenario.run.trace import Trace
from xenexplore.scenario.text.links import END, Link, decode_link, encode_link
from xenexplore.scenario.text.loader import parse_scenario

LINKS = Path(__file__).with_name("links_of_before.json")
_WORDS = ("say", "cite", "text", "detail", "note", "i", "depth", "parent")


def shown(link: str) -> dict[str, Any]:
    """What a link leads to, in values."""
    where = decode_link(link)
    scenario = parse_scenario(where.text) if where.text else load_builtin(where.scenario)
    if where.option:
        return {"scenario": scenario.about.name, **_step(scenario, where)}
    labels = [option.label for option in options_of(scenario)]
    assert where.column in ("", *labels), f"no column {where.column!r}"
    return {"scenario": scenario.about.name, "designs": labels, "column": where.column,
            "step": where.step}  # fmt: skip


def _step(scenario: Scenario, where: Link) -> dict[str, Any]:
    trace = run(scenario, where.option)
    at = opening_step(trace) if where.step is None else where.step
    at = len(trace) - 1 if at == END else at
    return {"option": trace.option.label, "at": at, "step": _facts(trace, at)}


def _facts(trace: Trace, at: int) -> dict[str, Any]:
    record = json.loads(trace.to_json())["steps"][at]
    return {key: value for key, value in record.items() if key not in _WORDS}


@pytest.mark.parametrize(
    "entry", json.loads(LINKS.read_text("utf-8")), ids=lambda e: e["link"][:40]
)
def test_a_link_of_before_leads_to_the_same_step(entry: dict[str, Any]) -> None:
    assert shown(entry["link"]) == entry["shows"]
    where = decode_link(entry["link"])
    assert decode_link(encode_link(where)) == where


def test_every_kind_of_link_is_among_them() -> None:
    links = [decode_link(one["link"]) for one in json.loads(LINKS.read_text("utf-8"))]
    for kind in ("scenario", "text", "option", "column"):
        assert any(getattr(link, kind) for link in links), kind
    assert {None, END} < {link.step for link in links}
    assert compare(parse_scenario(next(link.text for link in links if link.text))).rows
