"""The workbench: controls make text, text makes a view, and closing leaves nothing."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from dataclasses import replace

import pytest
from live_widgets import live_widgets

import xenexplore
from xenexplore.errors import MachineError
from xenexplore.options.registry import OPTIONS
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.recipes import CALLS, Choices, every_option, recipe_text
from xenexplore.widgets.comparison import ComparisonView
from xenexplore.widgets.stepper import Stepper
from xenexplore.widgets.workbench import Workbench


@pytest.fixture
def bench() -> Iterator[Workbench]:
    shown = Workbench()
    yield shown
    shown.close()


def _view(bench: Workbench) -> Stepper | ComparisonView:
    (view,) = bench._shown.children
    return view


def test_a_control_changes_the_text_and_the_view(bench: Workbench) -> None:
    assert _view(bench).trace.outcome.calls.walks == 1
    bench._controls.widgets["option"].value = "number-bit"
    assert 'use = "number-bit"' in bench.text
    assert bench._area.value == bench.text
    assert _view(bench).trace.outcome.calls.walks == 0
    bench._controls.widgets["option"].value = "software-tlb"
    bench._controls.widgets["register"].value = ("stack",)
    assert _view(bench).trace.outcome.calls.tlb_hits == 1


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "option", [n for n, o in OPTIONS.items() if any(p.name == "register" for p in o.parameters)]
)
def test_what_needs_registration_registers_the_buffers_on_show(
    bench: Workbench, option: str, call: str
) -> None:
    bench._controls.widgets["option"].value = option
    bench._controls.widgets["call"].value = call
    calls = _view(bench).trace.outcome.calls
    assert calls.tlb_hits > 0
    assert calls.walks == 0
    bench._controls.widgets["register"].value = ()  # and nothing, where nothing is wanted
    assert "register" not in bench.text
    assert _view(bench).trace.outcome.calls.tlb_hits == 0


def test_typed_text_is_the_state(bench: Workbench) -> None:
    typed = recipe_text(Choices(call="vcpu_op get_runstate_info", place="kmalloc"))
    bench._area.value = typed
    assert bench.text == typed
    assert _view(bench).trace.outcome.calls.bytes_to_guest == 48


def test_a_text_that_the_controls_can_say_sets_them(bench: Workbench) -> None:
    wanted = Choices(
        guest="hvm", encryption="sev", shared=True, vcpus=2, p2m="2M", place="user", offset=4088,
        call="grant_table_op map_grant_ref", count=3,
        options=(("software-tlb", (("register", ("stack",)), ("cross_vcpu", "subject"))),
                 ("linear-walk", ())),
    )  # fmt: skip
    bench.text = recipe_text(wanted)
    assert bench._controls.choices() == wanted
    assert bench._by_hand.value == ""
    bench._controls.widgets["vcpus"].value = 1
    assert bench.text == recipe_text(replace(wanted, vcpus=1))


def test_a_text_that_says_more_runs_and_the_controls_say_so(bench: Workbench) -> None:
    before = bench._controls.choices()
    bench.text = bench.text.replace("port = 5", "port = 6")
    assert "more than the controls can show" in bench._by_hand.value
    assert bench._controls.choices() == before
    assert all(widget.disabled for widget in bench._controls.widgets.values())
    assert _view(bench).trace.outcome.status == "right"
    bench._controls.widgets["option"].value = "number-bit"
    assert bench._by_hand.value == ""
    assert "port = 5" in bench.text


def test_no_text_is_lost(bench: Workbench) -> None:
    begun = bench.text
    typed = begun.replace("port = 5", "port = 6")
    bench._area.value = typed
    assert all(widget.disabled for widget in bench._controls.widgets.values())
    assert not bench._anew.disabled
    bench._anew.click()
    assert bench.text == begun
    assert not bench._controls.widgets["option"].disabled
    bench._undo.click()
    assert (bench.text, bench._area.value) == (typed, typed)
    assert "more than the controls can show" in bench._by_hand.value
    bench.undo()
    assert bench.text == begun
    assert bench._undo.disabled
    bench.undo()  # there is none before
    assert bench.text == begun
    bench._redo.click()
    assert bench.text == typed
    bench._area.value = typed + "# mine\n"  # takes the place of what was undone
    assert bench._redo.disabled
    bench.undo()
    assert bench.text == typed


def test_grey_controls_show_what_of_the_text_they_can(bench: Workbench) -> None:
    other = recipe_text(Choices(place="kmalloc", vcpus=3)).replace("port = 5", "port = 6")
    bench.text = other
    value = {name: widget.value for name, widget in bench._controls.widgets.items()}
    assert (value["place"], value["vcpus"]) == ("kmalloc", 3)
    assert bench.text == other


def test_a_grey_control_decides_nothing(bench: Workbench) -> None:
    bench._controls.widgets["encryption"].value = "snp"
    bench._controls.widgets["shared"].value = True
    bench._controls.widgets["p2m"].value = "2M"
    bench._controls.widgets["guest"].value = "pv"
    assert bench.failed == ""
    assert bench._message.value == ""
    assert bench._controls.choices() == Choices(guest="pv")


def test_an_empty_text_is_said_to_be_none() -> None:
    empty = Workbench("")
    assert empty.failed
    assert empty.failed in empty.static_text()
    empty.close()


def test_what_does_not_apply_is_grey(bench: Workbench) -> None:
    def grey() -> set[str]:
        return {name for name, widget in bench._controls.widgets.items() if widget.disabled}

    assert grey() == {"count", "shared", "register"}
    bench._controls.widgets["option"].value = "software-tlb"
    assert grey() == {"count", "shared"}
    bench._controls.widgets["call"].value = "console_io write"
    assert grey() == {"shared"}
    bench._controls.widgets["encryption"].value = "sev"
    assert grey() == set()
    bench._controls.widgets["encryption"].value = "none"
    bench._controls.widgets["guest"].value = "pv"
    assert grey() == {"shared", "encryption", "p2m"}
    bench.text = recipe_text(Choices())
    assert grey() == {"count", "shared", "register"}


@pytest.mark.parametrize("typed", ["4096", "-1", "half", "0x10"])
def test_a_page_offset_that_is_none_is_said(bench: Workbench, typed: str) -> None:
    before = bench.text
    offset = bench._controls.widgets["offset"]
    offset.value = typed
    assert "page offset: expected 0 to 4095" in bench._message.value
    assert bench.text == before
    offset.value = "4095"
    assert "offset = 4095" in bench.text
    assert bench._message.value == ""
    offset.value = typed
    offset.value = "4095"
    assert bench._message.value == ""
    offset.value = ""
    assert bench.text == before


def test_choices_that_no_control_can_say_are_refused() -> None:
    before = live_widgets()
    with pytest.raises(MachineError, match="no controls for"):
        Workbench(choices=Choices(vcpus=100))
    gc.collect()
    assert live_widgets() == before


def test_a_mistake_is_said_and_the_view_stays(bench: Workbench) -> None:
    before = _view(bench)
    bench.text = bench.text.replace('place = "stack"', 'place = "stak"')
    assert "stack" in bench._message.value
    assert "stak" in bench._message.value
    assert _view(bench) is before
    assert "xe-stale" in bench._shown._dom_classes
    data, _ = bench._repr_mimebundle_()
    assert "<img" not in data["text/html"]  # no picture of another text
    assert "stak" in data["text/plain"]
    bench.text = bench.text.replace('place = "stak"', 'place = "stack"')
    assert bench._message.value == ""


def test_all_options_at_once(bench: Workbench) -> None:
    every = {name for name, option in OPTIONS.items() if option.specified}
    for first in ("bounce", "linear-walk", "software-tlb"):
        bench._controls.widgets["option"].value = first
        bench._compare.value = True
        view = _view(bench)
        assert isinstance(view, ComparisonView)
        paths = view.comparison.traces
        assert paths[0].option.name == first
        assert sorted(trace.option.name for trace in paths) == sorted(every)
        (tlb,) = (trace for trace in paths if trace.option.name == "software-tlb")
        assert (tlb.outcome.calls.tlb_hits, tlb.outcome.calls.walks) == (1, 0)
        bench._compare.value = False


def test_the_python_that_does_the_same_runs(bench: Workbench) -> None:
    for everything in (False, True):
        bench._compare.value = everything
        names: dict[str, object] = {}
        lines = bench.code().strip().splitlines()
        exec("\n".join(lines[:-1]), names)
        text = every_option(bench.text) if everything else bench.text
        assert names["scenario"] == parse_scenario(text, "x")
        shown = eval(lines[-1], names)
        assert type(shown).__name__ == type(_view(bench)).__name__
        shown.close()
    assert names["xe"] is xenexplore


def test_readers_without_a_kernel_get_the_picture_and_the_text(bench: Workbench) -> None:
    data, _ = bench._repr_mimebundle_()
    assert data["text/html"].startswith(_view(bench).still(bench.scenario_python()))
    assert '<img alt="' in data["text/html"]
    assert data["text/plain"].startswith(bench.text)
    assert "outcome" in data["text/plain"] or "out-" in data["text/plain"]
    assert all(len(line) <= 72 for line in data["text/plain"].splitlines())


def test_hundreds_of_changes_leave_no_widget_behind() -> None:
    before = live_widgets()
    shown = Workbench()
    shown._controls.widgets["vcpus"].value = 2
    settled = live_widgets()
    for turn in range(200):
        shown._controls.widgets["vcpus"].value = 1 + turn % 2
    assert live_widgets() == settled
    shown.close()
    assert live_widgets() == before


def test_a_step_that_is_marked_in_the_view_is_noted_in_the_text() -> None:
    bench = Workbench()
    view, text = bench._view, bench.text
    assert isinstance(view, Stepper)
    view.marks = [["action 1, call 1", "why here?"]]
    assert bench._view is view  # nothing was run again
    assert bench.text.startswith(text)
    (note,) = parse_scenario(bench.text).notes
    assert (note.at, note.option, note.text) == ("action 1, call 1", "linear-walk", "why here?")
    assert bench._by_hand.value == ""  # the controls say the rest of the text
    again = Workbench(bench.text)
    assert again._view.marks == [["action 1, call 1", "why here?"]]
    bench.undo()
    assert (bench.text, view.marks) == (text, [])
    bench.close()
    again.close()
