"""A new kind of step is its class and one drawing rule: every view has it then."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import pytest
from trace_schema import schema_of, step_classes

from xenexplore.hypervisor.outcome import counts_of
from xenexplore.render.drawing.glyphs import SHAPES
from xenexplore.render.svg.views import svg_of
from xenexplore.render.text.run.trace import trace_text
from xenexplore.render.views import drawing_rules
from xenexplore.render.views.drawing_rules import StepLabel, draws, rule_of
from xenexplore.render.views.step_labels import short_label, step_label
from xenexplore.render.views.step_tree import StepTree
from xenexplore.render.web import page
from xenexplore.render.web.modules import joined
from xenexplore.render.web.page import trace_html
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Cite, Node, Note, Step, step_kinds
from xenexplore.steps import base as steps_base

CITE = Cite("a test")


@pytest.fixture
def own(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Step]]:
    """A kind of step that is known for the length of a test."""
    monkeypatch.setattr(steps_base, "_KINDS", dict(steps_base._KINDS))
    monkeypatch.setattr(drawing_rules, "_RULES", dict(drawing_rules._RULES))
    joined.cache_clear()
    page._page_script.cache_clear()

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Interrupt(Step):
        """The guest is interrupted.

        Attributes:
            vector: the interrupt's vector.
            rip: where, as an integer.
        """

        kind: ClassVar[str] = "interrupt"
        alike: ClassVar[tuple[str, ...]] = ("vector",)
        as_hex: ClassVar[frozenset[str]] = frozenset({"rip"})

        vector: int
        rip: int

        def tally(self) -> Mapping[str, int]:
            return {"exits": 1}

        def say(self) -> str:
            return f"The guest takes interrupt {self.vector:#x}."

    yield Interrupt
    joined.cache_clear()
    page._page_script.cache_clear()


def _drawn(kind: type[Step]) -> None:
    @draws(kind, "half", short=lambda _: "irq")
    def _label(step: Step) -> StepLabel:
        return StepLabel(label="interrupt", main=f"vector {step.vector:x}", tone="bad")  # type: ignore[attr-defined]


def _trace(kind: type[Step]) -> Trace:
    """A built-in run whose first note, or last step, is of the new kind."""
    trace = run(load_builtin("straddle"), "linear-walk")
    steps = list(trace.steps)
    last = steps[-1]
    step = kind(cite=CITE, vector=0xF3, rip=0x10)  # type: ignore[call-arg]
    steps.append(Node(len(steps), last.parent, last.depth, step))
    return replace(trace, steps=tuple(steps))


def test_it_is_counted_said_and_written_by_its_class(own: type[Step]) -> None:
    trace = _trace(own)
    assert counts_of(trace.steps).exits == counts_of(trace.steps[:-1]).exits + 1
    record = json.loads(trace.to_json())["steps"][-1]
    assert record["kind"] == "interrupt"
    assert record["say"] == "The guest takes interrupt 0xf3."
    assert (record["vector"], record["rip"]) == (0xF3, "0x10")
    assert step_kinds()["interrupt"] is own


def test_it_is_in_the_schema(own: type[Step]) -> None:
    shape = schema_of(own)
    assert shape["properties"]["kind"] == {"const": "interrupt"}
    assert shape["properties"]["rip"]["description"] == "where, as an integer."
    assert {"vector", "rip"} <= set(shape["required"])


def test_every_view_draws_it_by_one_rule(own: type[Step]) -> None:
    _drawn(own)
    trace = _trace(own)
    last = len(trace.steps) - 1
    assert step_label(trace.steps[-1].step).main == "vector f3"
    assert short_label(trace.steps[-1].step) == "irq"
    assert "vector f3" in trace_text(trace)
    svg = svg_of(trace, last)
    assert "vector f3" in svg or "irq" in svg
    text = trace_html(trace)
    assert '"interrupt":"half"' in text
    assert "The guest takes interrupt 0xf3." in text


def test_repetitions_are_told_by_the_fields_that_the_class_names(own: type[Step]) -> None:
    _drawn(own)
    steps = [own(cite=CITE, vector=v, rip=r) for v, r in ((1, 2), (1, 3), (2, 2))]  # type: ignore[call-arg]
    tree = StepTree([Node(at, -1, 0, step) for at, step in enumerate(steps)])
    assert tree.shape(0) == tree.shape(1) != tree.shape(2)


def test_a_step_of_a_reader_s_own_is_drawn_by_what_it_says(own: type[Step]) -> None:
    trace = _trace(own)
    label = step_label(trace.steps[-1].step)
    assert (label.label, label.main) == ("interrupt", "The guest takes interrupt 0xf3")
    assert "The guest takes interrupt 0xf3" in trace_text(trace)
    assert "interrupt" in svg_of(trace, len(trace.steps) - 1)
    # The module of a page is made once; kinds that come later have a shape, too.
    assert "new Proxy({" in joined("page")
    assert "known[kind] ?? 'half'" in joined("page")


def test_a_step_of_ours_without_a_rule_is_an_error_that_says_so(
    own: type[Step], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "__module__", "xenexplore.steps.interrupt")
    with pytest.raises(TypeError, match=r"'interrupt' has no drawing rule.*@draws"):
        trace_text(_trace(own))
    with pytest.raises(TypeError, match=r"'interrupt' has no drawing rule"):
        trace_html(_trace(own))


def test_a_kind_has_one_class_and_one_rule() -> None:
    with pytest.raises(TypeError, match=r"kind 'note' is Note's"):
        type("Other", (Step,), {"kind": "note"})
    with pytest.raises(TypeError, match="a kind of its own"):
        type("Nameless", (Step,), {})
    with pytest.raises(TypeError, match="'note' has a drawing rule already"):
        draws(Note, "dot")


@pytest.mark.parametrize("kind", list(step_classes()), ids=lambda kind: kind.kind)
def test_every_kind_has_a_rule_and_names_fields_that_it_has(kind: type[Step]) -> None:
    names = {field.name for field in dataclasses.fields(kind)}
    assert rule_of(kind).shape in SHAPES
    assert set(kind.alike) <= names
    assert kind.as_hex <= names
