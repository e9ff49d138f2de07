"""A design defined outside the package: run, compared, in the matrix and replayed, or refused."""

from __future__ import annotations

from typing import ClassVar

import pytest
from calls import MAKERS, Where, run_call
from last_walk import LastWalk
from workloads import Made, workload_of

from xenexplore.analysis.replay.design import design
from xenexplore.analysis.replay.engine import replay
from xenexplore.errors import MachineError, ScenarioError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.replay_model import ReplayModel
from xenexplore.options.linear_walk import LinearWalk
from xenexplore.options.registry import OPTIONS, TODAY, option_class, variant
from xenexplore.render.text.matrix import matrix_text
from xenexplore.render.text.run.comparison import comparison_text
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.matrix import matrix
from xenexplore.scenario.run.runner import compare, run

TWICE = [("from", 0xFFFF_C900_0000_0100, 8), ("from", 0xFFFF_C900_0000_0108, 8)]


class Unmodelled(LastWalk):
    """The mechanism alone."""

    name: ClassVar[str] = "unmodelled"
    replay: ClassVar[type[ReplayModel] | None] = None
    unanswered: ClassVar[dict[str, str]] = {}


class Inherits(LinearWalk):
    """Another mechanism under today's replay model, which does not hold for it."""

    name: ClassVar[str] = "inherits"
    locate = LastWalk.locate
    prepare = LastWalk.prepare
    last = None


def test_it_runs_and_is_compared() -> None:
    scenario = load_builtin("evtchn-send-from-stack")
    trace = run(scenario, LastWalk)
    assert (trace.option.name, trace.option.label, trace.outcome.status) == (
        "last-walk", "last-walk", "right",
    )  # fmt: skip
    both = compare(scenario, [TODAY, LastWalk])
    assert [row.trace.option.label for row in both.rows] == ["linear-walk", "last-walk"]
    assert "last-walk" in comparison_text(both)


def test_the_second_copy_from_a_page_is_not_walked() -> None:
    today, own = (
        run_call(option, MAKERS["alloc_unbound"], Where("stack")) for option in (TODAY, LastWalk)
    )
    assert own.contents() == today.contents()
    assert (today.outcome.calls.walks, own.outcome.calls.walks) == (2, 1)


def test_it_has_a_column_of_the_matrix() -> None:
    rows = matrix(run=False, designs=[*OPTIONS.values(), LastWalk])
    assert {row.cells[-1].reason for row in rows} == {"no scenario was written for it"}
    text = matrix_text(rows)
    assert " X1" in text
    assert max(map(len, text.splitlines())) <= 72


def test_the_matrix_has_no_reason_for_a_design_that_gives_none() -> None:
    with pytest.raises(ScenarioError, match=r"Q1, unmodelled.*neither.*Unmodelled\.unanswered"):
        matrix(run=False, designs=[Unmodelled])


def test_it_is_replayed_by_its_own_model() -> None:
    load = workload_of(Domain(GuestSpec()).layout, [Made(32, 4, TWICE), Made(32, 4, TWICE)])
    today = replay(load, design(TODAY), 0)
    own = replay(load, design(LastWalk), 0)
    assert (today.counts.walks, own.counts.walks) == (4, 2)
    assert own.counts.unchecked == 2
    assert own.counts.bytes_from_guest == today.counts.bytes_from_guest


@pytest.mark.parametrize("own", [Unmodelled, Inherits])
def test_a_replay_without_a_model_is_an_error(own: type[LastWalk]) -> None:
    load = workload_of(Domain(GuestSpec()).layout, [Made(32, 4, TWICE)])
    with pytest.raises(
        MachineError, match=f"{own.name!r} has no replay model: class {own.__name__}"
    ):
        replay(load, variant(own), 0)


def test_a_design_needs_a_name_of_its_own() -> None:
    class Nameless(LinearWalk):
        """It keeps its base's name."""

    with pytest.raises(MachineError, match="'linear-walk' is a registered option's"):
        option_class(Nameless)
    with pytest.raises(MachineError, match="expected a name of small letters"):
        option_class(type("Odd", (LinearWalk,), {"name": "Odd One"}))
    with pytest.raises(MachineError, match="subclass"):
        variant(int)  # type: ignore[arg-type]


def test_an_option_with_parameters_is_a_variant() -> None:
    made = variant("software-tlb: entries=4, register=directmap+buffer:b").make()
    again = variant(made)
    assert again.values == (("register", ("directmap", "buffer:b")), ("entries", 4))
    assert again.make().values == made.values
