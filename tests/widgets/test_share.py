"""What views in JupyterLab give away, and where their links lead."""

from __future__ import annotations

from dataclasses import replace

import pytest

import xenexplore as xe
from xenexplore.errors import InputError
from xenexplore.render.web.page import trace_html
from xenexplore.scenario.run.address import ENVIRONMENT, link_to
from xenexplore.scenario.text.links import decode_link, encode_link
from xenexplore.widgets.base import TraceWidget
from xenexplore.widgets.comparison import ComparisonView
from xenexplore.widgets.stepper import Stepper

SITE = "https://example.org/xen/"


@pytest.fixture(autouse=True)
def no_site(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(ENVIRONMENT, raising=False)
    monkeypatch.setattr("xenexplore.scenario.run.address._chosen", [])


def told(view: TraceWidget, kind: str) -> dict[str, str]:
    found: list[dict[str, dict[str, str]]] = []
    view.send = lambda content, buffers=None: found.append(content)  # type: ignore[method-assign]
    view._handle_custom_msg({"share": kind}, [])
    [answer] = found
    return answer["share"]


def test_a_view_gives_its_file_and_its_link(monkeypatch: pytest.MonkeyPatch) -> None:
    trace, every = xe.run("straddle", "giant-map"), xe.compare("straddle")
    stepper, comparison = Stepper(trace, step=3), ComparisonView(every)
    assert told(stepper, "html") == {"html": trace_html(trace)}
    assert told(comparison, "html") == {"html": trace_html(every)}
    refused = told(stepper, "link")["refused"]
    assert "xe.use_site(" in refused
    assert refused.count("\n") == 0
    xe.use_site(SITE)
    assert told(stepper, "link") == {"link": f"{SITE}view.html#s=straddle&o=giant-map&step=3"}
    assert told(comparison, "link") == {"link": f"{SITE}view.html#s=straddle"}
    comparison.step = 4
    assert told(comparison, "link") == {"link": f"{SITE}view.html#s=straddle&step=4"}
    xe.use_site("")
    monkeypatch.setenv(ENVIRONMENT, SITE)
    assert "refused" in told(stepper, "link"), "said here that there is none"
    monkeypatch.setattr("xenexplore.scenario.run.address._chosen", [])
    assert told(stepper, "link")["link"].startswith(SITE)
    with pytest.raises(InputError, match="expected a site's address"):
        xe.use_site("example")
    for view in (stepper, comparison):
        view.close()


def test_what_is_not_built_in_stands_in_the_link() -> None:
    scenario = xe.load("straddle")
    other = xe.parse(scenario.text().replace("offset = 4080", "offset = 4064"))
    found = decode_link(encode_link(link_to(xe.run(other, "giant-map"), 2)))
    assert xe.parse(found.text) == other
    assert (found.option, found.step) == ("giant-map", 2)
    # Designs that the scenario does not name go along.
    labels = ["linear-walk", "software-tlb: entries=3"]
    shown = xe.compare(scenario, labels)
    again = xe.compare(xe.parse(link_to(shown).text))
    assert [(one.option.values, one.steps) for one in again.traces] == [
        (one.option.values, one.steps) for one in shown.traces
    ]
    assert link_to(xe.run(scenario, "software-tlb: entries=3")).option == labels[1]
    few = link_to(xe.compare(scenario, ["linear-walk", "giant-map"]))
    assert (few.scenario, few.option) == ("straddle", "")


def test_what_has_no_link_is_refused() -> None:
    trace = xe.run("straddle")
    with pytest.raises(InputError, match="got a session's own"):
        link_to(replace(trace, scenario=None))
    own = replace(trace, option=replace(trace.option, label="last-walk"))
    with pytest.raises(InputError, match="designs that xenexplore lists"):
        link_to(own)
