"""The recording browser: filters, a real call under any option, nothing left behind."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

import numpy as np
import pytest
from live_widgets import live_widgets

import xenexplore
from xenexplore.errors import RecordingError
from xenexplore.recording.format.reader import read_recording
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.widgets.recording_browser import RecordingBrowser


@pytest.fixture(scope="module")
def recording() -> object:
    return read_recording("pvh")


@pytest.fixture
def browser(recording: object) -> Iterator[RecordingBrowser]:
    shown = RecordingBrowser(recording)  # type: ignore[arg-type]
    yield shown
    shown.close()


def test_filters_and_words_fill_the_list_in_any_order(browser: RecordingBrowser) -> None:
    calls = browser._calls
    assert calls.count == "41,391 of 41,391 calls"
    browser._domain.value = "dom0"
    browser._name.value = "event_channel_op send"
    rows = browser.index.find(domain="dom0", name="event_channel_op send")
    assert calls.total == len(rows) == len(calls.rows)
    calls.query = "#26 VMALLOC"
    lines = calls.lines(0, calls.total)
    assert 0 < len(lines) < len(rows)
    assert all(seq.startswith("#26") and "vmalloc" in where for _, seq, *_, where in lines)
    calls.query = "no such thing"
    assert calls.lines(0, 5) == []
    calls.query = ""
    browser._name.value = ""
    for column, place in (("copies", 4), ("hypercall", 3), ("buffers in", 5)):
        calls.sort, calls.down = column, True
        cells = [line[place] for line in calls.lines(0, calls.total)]
        assert cells == sorted(cells, reverse=True)
    assert set(calls.rows.tolist()) == set(browser.index.find(domain="dom0").tolist())
    calls.down = False
    assert [name for name, _ in browser._region.options][1].startswith("vmalloc (")


def test_lines_are_those_of_the_index_and_travel_when_asked_for(browser: RecordingBrowser) -> None:
    calls, sent = browser._calls, []
    calls.send = sent.append
    for first in (0, 20_000, 41_390):
        for row, seq, domain, name, copies, where in calls.lines(first, 3):
            call = browser.index.call(row)
            told = (f"#{call.seq}", call.domain, call.name, call.copies, ", ".join(call.regions))
            assert (seq, domain, name, copies, where) == told
    calls._asked(None, {"from": 41_300, "count": 100, "found": calls.found}, [])
    assert [len(message["lines"]) for message in sent] == [91]
    calls._asked(None, {"from": 0, "count": 100, "found": calls.found - 1}, [])  # of a list before
    calls._asked(None, {"from": "x", "count": None, "found": calls.found}, [])
    assert len(sent) == 1
    calls.place = 300  # a click
    assert calls.value == int(calls.rows[300]) == browser._row


def test_a_real_call_under_every_option(browser: RecordingBrowser) -> None:
    row = int(np.flatnonzero(browser.recording.calls.seq == 2621)[0])
    browser.pick(row)
    hits = {}
    for option in browser._option.options:
        browser._option.value = option
        (view,) = browser._shown.children
        assert view.trace.option.name == option
        hits[option] = view.trace.outcome.calls.walks
        # Today's is what the call was tried with, and no other than running it again.
        assert view.trace == xenexplore.run(browser._scenario, option)
        assert view.trace.scenario == browser._scenario
    assert hits["linear-walk"] == hits["giant-map"] == 1
    assert hits["number-bit"] == hits["bounce"] == 0
    assert parse_scenario(browser.text, "x").buffers[0].frames[0].value == 0x6BF7


def test_readers_without_a_kernel_get_the_picture_and_its_python(
    browser: RecordingBrowser,
) -> None:
    row = int(browser.index.find(domain="dom0", name="event_channel_op send")[0])
    browser.pick(row)
    browser._option.value = "bounce"
    data, _ = browser._repr_mimebundle_()
    assert data["text/html"].startswith("<img alt=")
    code = re.search(r"<pre><code>(.*?)</code></pre>", data["text/html"], re.DOTALL)
    assert code is not None
    *before, line = html.unescape(code[1]).splitlines()
    names: dict[str, object] = {"xe": xenexplore}
    exec("\n".join(before), names)
    again = eval(line, names)
    (view,) = browser._shown.children
    assert again.svg() == view.svg()
    again.close()


def test_it_opens_with_its_first_call(browser: RecordingBrowser) -> None:
    assert browser._calls.value == 0
    (view,) = browser._shown.children
    assert view.trace.about.name == "pvh-0"


def test_a_picked_call_is_shown_in_the_list(browser: RecordingBrowser) -> None:
    browser._name.value = "event_channel_op send"
    row = int(np.flatnonzero(browser.recording.calls.seq == 2621)[0])
    browser.pick(row)
    assert browser._calls.value == row
    assert browser._name.value == "event_channel_op send"
    browser.pick(20_000)  # no event: the filters give way
    assert browser._calls.value == 20_000
    assert browser._name.value == ""
    (view,) = browser._shown.children
    assert view.trace.about.name == f"pvh-{browser.recording.calls.seq[20_000]}"
    for row in (-1, 41_391):
        with pytest.raises(RecordingError, match="expected a row from 0 to 41390"):
            browser.pick(row)


def test_all_options_side_by_side_and_the_python_that_does_the_same(
    browser: RecordingBrowser,
) -> None:
    row = int(np.flatnonzero(browser.recording.calls.seq == 2621)[0])
    browser.pick(row)
    browser._compare.value = True
    (view,) = browser._shown.children
    traces = {trace.option.name: trace for trace in view.comparison.traces}
    assert set(traces) == set(browser._option.options)
    assert traces["software-tlb"].outcome.calls.tlb_hits == 1  # with what the scenario registers
    *before, last = browser.code().split("xe.ComparisonView")
    names: dict[str, object] = {}
    exec("".join(before), names)
    again = eval("xe.ComparisonView" + last, names)
    assert again.svg() == view.svg()
    again.close()
    browser._text.click()
    assert html.escape(browser.text.splitlines()[0]) in browser._message.value
    browser._code.click()
    assert "xe.scenario_from" in browser._message.value
    browser._code.click()
    assert browser._message.value == ""


def test_a_call_that_cannot_be_made_is_said(browser: RecordingBrowser) -> None:
    browser.pick(2)
    (before,) = browser._shown.children
    unhandled = int(np.flatnonzero(browser.recording.calls.number < 0)[0])
    browser.pick(unhandled)
    assert "expected" in browser._message.value
    assert browser.text == ""
    assert browser._shown.children == (before,)
    assert "xe-stale" in browser._shown._dom_classes
    browser._option.value = "number-bit"  # it is still that call, and it still cannot be made
    assert "expected" in browser._message.value
    data, _ = browser._repr_mimebundle_()
    assert "<img" not in data["text/html"]
    assert "expected" in data["text/plain"]
    assert "nothing is shown" in browser.code()
    browser.pick(2)
    assert browser._message.value == ""
    assert "xe-stale" not in browser._shown._dom_classes


def test_closing_leaves_nothing(recording: object) -> None:
    before = live_widgets()
    shown = RecordingBrowser(recording)  # type: ignore[arg-type]
    data, _ = shown._repr_mimebundle_()
    assert "41,391 hypercalls" in data["text/plain"]
    shown.pick(100)
    data, _ = shown._repr_mimebundle_()
    assert all(len(line) <= 72 for line in data["text/plain"].splitlines())
    shown.close()
    assert live_widgets() == before
