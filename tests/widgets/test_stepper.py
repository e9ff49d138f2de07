"""The widgets from Python: the data sent once, the step, the bundle, and nothing left behind."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import traitlets
from browser import made
from live_widgets import live_widgets

import xenexplore
from xenexplore.render.svg.views import svg_of
from xenexplore.render.text.run.comparison import comparison_text
from xenexplore.render.text.run.step import step_text
from xenexplore.render.text.run.trace import trace_text
from xenexplore.render.web.page import comparison_json, opening_step, trace_html
from xenexplore.render.web.still import folded_html, picture_html
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.library.builtin import builtin_text
from xenexplore.scenario.library.builtin import find_scenario as load
from xenexplore.scenario.run.runner import compare, run
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.widgets.base import TraceWidget
from xenexplore.widgets.comparison import ComparisonView
from xenexplore.widgets.stepper import Stepper

#: More options than one line of Python holds.
LONG = ["linear-walk", "flat, checked", "domain-mode", "sg, lists", "tlb, per piece", "bounce"]


@pytest.fixture(params=["stepper", "comparison"])
def widget(request: pytest.FixtureRequest) -> Iterator[TraceWidget]:
    if request.param == "stepper":
        shown: TraceWidget = Stepper(made.wrong_vcpu(), step=32)
    else:
        shown = ComparisonView(made.options())
    yield shown
    shown.close()


def test_the_data_is_sent_once_and_kept_out_of_repr(widget: TraceWidget) -> None:
    synced = widget.get_state()
    assert json.loads(synced["data"])["schema"].startswith("xenexplore.")
    assert len(repr(widget)) < 100
    sent: list[set[str]] = []
    send = widget.send_state
    widget.send_state = lambda key=None: (sent.append({key}), send(key))  # type: ignore[assignment, method-assign]
    widget.step = 4
    assert sent == [{"position"}]
    assert widget.position["step"] == 4


def test_data() -> None:
    stepper, view = Stepper(made.wrong_vcpu()), ComparisonView(made.options())
    assert stepper.data == trace_view_json(made.wrong_vcpu()).decode()
    assert view.data == comparison_json(made.options()).decode()
    stepper.close()
    view.close()


@pytest.mark.parametrize(("wanted", "got"), [(0, 0), (32, 32), (49, 49), (50, 49), (10**6, 49)])
def test_a_step_past_the_end_is_the_last(wanted: int, got: int) -> None:
    stepper = Stepper(made.wrong_vcpu(), step=wanted)
    assert stepper.step == got
    stepper.step = 1
    stepper.step = wanted
    assert stepper.step == got
    with pytest.raises(traitlets.TraitError):
        stepper.step = -1
    assert stepper.step == got
    stepper.close()


def test_another_run_in_the_same_view() -> None:
    before = live_widgets()
    stepper, view = Stepper(made.wrong_vcpu(), step=50), ComparisonView(made.options(), step=4)
    held = live_widgets()
    sent: list[str] = []
    stepper.observe(lambda change: sent.append(change["name"]), ["data", "position"])
    for _ in range(100):
        stepper.show(made.stack_send())
        stepper.show(made.private(), step=3)
    assert set(sent) == {"data", "position"}
    assert stepper.data == trace_view_json(made.private()).decode()
    assert (stepper.trace, stepper.step) == (made.private(), 3)
    assert stepper.svg() == svg_of(made.private(), 3)
    stepper.step = 10**6
    assert stepper.step == len(made.private()) - 1
    view.show(made.options())
    assert view.step == -1
    assert live_widgets() == held
    stepper.close()
    view.close()
    assert live_widgets() == before


def test_a_step_that_cannot_be_changes_nothing() -> None:
    stepper, view = Stepper(made.wrong_vcpu(), step=30), ComparisonView(made.options(), step=4)
    for shown, other in ((stepper, made.private()), (view, made.options())):
        before = (repr(shown), shown.data, shown.code)
        with pytest.raises(traitlets.TraitError, match="expected"):
            shown.show(other, step=-4)  # type: ignore[arg-type]
        assert (repr(shown), shown.data, shown.code) == before
        shown.close()
    assert stepper.trace is made.wrong_vcpu()


def test_the_step_is_sent_with_the_run_even_if_it_is_the_same() -> None:
    """The browser may have gone on meanwhile: it has to hear where the new run begins."""
    stepper = Stepper(made.wrong_vcpu(), step=5)
    sent: list[set[str]] = []
    send = stepper.send_state
    stepper.send_state = lambda key=None: (sent.append(set(key)), send(key))  # type: ignore[assignment, method-assign]
    stepper.show(made.private(), step=5)
    assert sent == [{"data", "code", "position"}]
    stepper.close()


def from_a_view(widget: TraceWidget, step: int, *, turn: int, seq: int = 1) -> None:
    """A position as a browser sends it."""
    told = {"turn": turn, "step": step, "by": "view", "seq": seq}
    widget.set_state({"position": told})


def test_a_views_step_is_taken_and_not_sent_back(widget: TraceWidget) -> None:
    sent: list[object] = []
    send = widget.send_state
    widget.send_state = lambda key=None: (sent.append(key), send(key))  # type: ignore[assignment, method-assign]
    turn = widget.position["turn"]
    for seq in range(1, 9):
        from_a_view(widget, seq, turn=turn, seq=seq)
        assert widget.step == seq
    assert (sent, widget.position["turn"]) == ([], turn)


def test_a_step_on_its_way_from_the_run_before_is_dropped() -> None:
    stepper = Stepper(made.wrong_vcpu(), step=5)
    turn = stepper.position["turn"]
    stepper.show(made.private(), step=3)
    from_a_view(stepper, 30, turn=turn)
    assert stepper.step == stepper.position["step"] == 3
    assert stepper.position["by"] == ""
    turn = stepper.position["turn"]
    stepper.step = 7  # said here while the view was on its way to 4
    from_a_view(stepper, 4, turn=turn)
    assert stepper.step == stepper.position["step"] == 7
    from_a_view(stepper, 8, turn=stepper.position["turn"])
    assert stepper.step == stepper.position["step"] == 8
    stepper.close()


def test_what_is_set_in_answer_to_a_views_step_is_told_to_every_view(widget: TraceWidget) -> None:
    turn = widget.position["turn"]

    def keep_even(change: dict[str, int]) -> None:
        if change["new"] % 2:
            widget.step = change["new"] + 1

    widget.observe(keep_even, "step")
    from_a_view(widget, 3, turn=turn)
    assert widget.step == 4
    assert widget.position["step"] == 4
    assert widget.position["by"] == ""
    assert widget.position["turn"] > turn


def test_an_edited_built_in_is_not_called_by_its_name() -> None:
    text = builtin_text("evtchn-send-from-stack")
    own = parse_scenario(text)
    assert Stepper(run(own)).python().startswith('xe.Stepper(xe.run(xe.load("evtchn-send')
    edited = parse_scenario(text.replace("port = 0", "port = 6"))
    assert edited != own
    assert edited.about == own.about
    stepper, view = Stepper(run(edited)), ComparisonView(compare(edited))
    for shown in (stepper, view):
        assert "scenario" in shown.python()
        assert "xe.load" not in shown.python()
        assert 'scenario = xe.load("FILE")' in shown.code
        shown.close()


def test_it_opens_where_the_still_picture_is() -> None:
    stepper, view = Stepper(made.wrong_vcpu()), ComparisonView(made.options())
    assert stepper.step == opening_step(made.wrong_vcpu()) == 32
    assert stepper.svg() == svg_of(made.wrong_vcpu())
    assert view.step == -1  # all at their ends, as its picture
    view.step = 3
    with pytest.raises(traitlets.TraitError, match="expected -1 to"):
        view.step = -2
    assert view.step == 3
    stepper.close()
    view.close()


def test_the_bundle_argues_without_a_kernel(widget: TraceWidget) -> None:
    data, _ = widget._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in data
    text = data["text/plain"]
    expected = (
        trace_text(made.wrong_vcpu())
        if isinstance(widget, Stepper)
        else comparison_text(made.options())
    )
    assert text == expected
    assert max(map(len, text.splitlines())) <= 72
    image = re.match(r'<img alt="([^"]+)" [^>]+>', data["text/html"])
    assert image is not None
    shown = (made.wrong_vcpu(), 32) if isinstance(widget, Stepper) else (made.options(), None)
    assert image[0] == picture_html(svg_of(*shown), html.unescape(image[1]))
    assert folded_html(text) in data["text/html"]


def test_the_python_under_a_still_shows_that_state() -> None:
    shown = [
        Stepper(run(load("wrong-vcpu"), "tlb, subject"), step=3),
        Stepper(run(load("evtchn-send-from-stack"), "linear-walk")),
        ComparisonView(compare(load("straddle"))),
        ComparisonView(compare(load("straddle"), LONG)),
        ComparisonView(compare(load("straddle"), ["flat", "packets"]), step=7),
    ]
    for view in shown:
        data, _ = view._repr_mimebundle_()
        code = re.search(r"><pre><code>([^<]*)</code></pre><details>", data["text/html"])
        assert code is not None
        again = eval(html.unescape(code[1]), {"xe": xenexplore})
        assert max(map(len, again.python().splitlines())) <= 80
        assert again.svg() == view.svg()
        assert again.text() == view.text()
        assert again.python() == view.python()
        again.close()
        view.close()
    assert code[1].endswith('\n    "flat", "packets"\n]), step=7)')
    assert shown[2].python() == 'xe.ComparisonView(xe.compare(xe.load("straddle")))'


def test_a_scenario_that_is_not_built_in_is_only_named() -> None:
    scenario = parse_scenario(builtin_text("straddle").replace("16 bytes are", "16 are"))
    assert scenario.about.name == "straddle"
    stepper, view = Stepper(run(scenario, "flat"), step=2), ComparisonView(compare(scenario))
    assert stepper.python() == 'xe.Stepper(xe.run(scenario, "flat"), step=2)'
    # Which of its options are its own is not known here: they are all named.
    assert view.python().startswith("xe.ComparisonView(xe.compare(scenario, [")
    again = eval(view.python(), {"xe": xenexplore, "scenario": scenario})
    assert again.svg() == view.svg()
    again.close()
    stepper.close()
    view.close()


def test_a_long_path_does_not_fill_the_notebook() -> None:
    stepper = Stepper(made.many_sends(), step=700)
    data, _ = stepper._repr_mimebundle_()
    assert data["text/plain"] == step_text(made.many_sends(), 700)
    assert len(json.dumps(data)) < 200_000
    stepper.close()


def test_a_closed_view_is_no_live_view(widget: TraceWidget) -> None:
    widget.close()
    assert widget._repr_mimebundle_ is None  # ipywidgets: shown by its repr from now on
    assert len(repr(widget)) < 100


def test_hundreds_of_views_leave_nothing_behind() -> None:
    trace, comparison = made.private(), made.options()
    before = live_widgets()
    for _ in range(300):
        Stepper(trace).close()
    for _ in range(20):
        ComparisonView(comparison).close()
    assert live_widgets() == before
    kept = Stepper(trace)
    assert live_widgets() > before  # the measure measures
    kept.close()
    assert live_widgets() == before


def test_save_html(widget: TraceWidget, tmp_path: Path) -> None:
    assert isinstance(widget, Stepper | ComparisonView)
    widget.save_html(tmp_path / "view.html")
    shown = made.wrong_vcpu() if isinstance(widget, Stepper) else made.options()
    assert (tmp_path / "view.html").read_text(encoding="utf-8") == trace_html(shown)


def test_a_view_that_asks_gets_the_step_on_show_as_text_and_picture() -> None:
    stepper = Stepper(made.wrong_vcpu(), step=32)
    told: list[object] = []
    stepper.send = lambda content, buffers=None: told.append(content)  # type: ignore[method-assign]
    stepper._handle_custom_msg({"share": True}, [])
    stepper._handle_custom_msg({"else": True}, [])
    assert told == [{"share": {"text": stepper.text(), "svg": svg_of(made.wrong_vcpu(), 32)}}]
    stepper.close()
