"""The workbench: controls make text, text makes a view, and closing leaves nothing."""

from __future__ import annotations

from collections.abc import Iterator

import ipywidgets
import pytest

import xenexplore
from xenexplore.scenario.loader import parse_scenario
from xenexplore.scenario.recipes import Choices, recipe_text
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
    assert _view(bench).path.outcome.calls.walks == 1
    bench._controls["option"].value = "number-bit"
    assert 'use = "number-bit"' in bench.text
    assert bench._area.value == bench.text
    assert _view(bench).path.outcome.calls.walks == 0
    bench._controls["option"].value = "software-tlb"
    bench._controls["register"].value = ("stack",)
    assert _view(bench).path.outcome.calls.tlb_hits == 1


def test_typed_text_is_the_state(bench: Workbench) -> None:
    typed = recipe_text(Choices(call="vcpu_op get_runstate_info", place="kmalloc"))
    bench._area.value = typed
    assert bench.text == typed
    assert _view(bench).path.outcome.calls.bytes_to_guest == 48


def test_a_mistake_is_said_and_the_view_stays(bench: Workbench) -> None:
    before = _view(bench)
    bench.text = bench.text.replace('place = "stack"', 'place = "stak"')
    assert "stack" in bench._message.value
    assert "stak" in bench._message.value
    assert _view(bench) is before
    bench.text = bench.text.replace('place = "stak"', 'place = "stack"')
    assert bench._message.value == ""


def test_all_options_at_once(bench: Workbench) -> None:
    bench._controls["option"].value = "bounce"
    bench._compare.value = True
    view = _view(bench)
    assert isinstance(view, ComparisonView)
    assert [path.option.name for path in view.comparison.paths] == ["bounce", "linear-walk"]


def test_the_python_that_does_the_same_runs(bench: Workbench) -> None:
    for everything in (False, True):
        bench._compare.value = everything
        names: dict[str, object] = {}
        lines = bench.code().strip().splitlines()
        exec("\n".join(lines[:-1]), names)
        assert names["scenario"] == parse_scenario(bench.text, "x")
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
    before = len(ipywidgets.widget._instances)
    shown = Workbench()
    shown._controls["vcpus"].value = 2
    settled = len(ipywidgets.widget._instances)
    for turn in range(200):
        shown._controls["vcpus"].value = 1 + turn % 2
    assert len(ipywidgets.widget._instances) == settled
    shown.close()
    assert len(ipywidgets.widget._instances) == before
