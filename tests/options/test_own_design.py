"""A design defined outside the package: run, compared, in the matrix and replayed, or refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest
from calls import MAKERS, Where, run_call
from last_walk import LastWalk, Plain
from workloads import Made, workload_of

from xenexplore.analysis.replay.design import design
from xenexplore.analysis.replay.engine import replay
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import HandleAccess, Located
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.linear import locate_linear
from xenexplore.hypervisor.replay_model import ReplayModel
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.linear_walk import LinearWalk
from xenexplore.options.registry import (
    OPTIONS,
    REGISTERED,
    TODAY,
    list_options,
    option_class,
    variant,
)
from xenexplore.render.text.matrix import matrix_text
from xenexplore.render.text.run.comparison import comparison_text
from xenexplore.scenario.library.builtin import builtin_names, load_builtin
from xenexplore.scenario.run.matrix import matrix
from xenexplore.scenario.run.runner import compare, run
from xenexplore.steps import Fault

TWICE = [("from", 0xFFFF_C900_0000_0100, 8), ("from", 0xFFFF_C900_0000_0108, 8)]


class Unmodelled(LastWalk):
    """The mechanism alone."""

    name: ClassVar[str] = "unmodelled"
    replay: ClassVar[type[ReplayModel] | None] = None
    unanswered: ClassVar[dict[str, str]] = {}


class Inherits(LinearWalk):
    """Another mechanism under today's replay model, which does not hold for it."""

    name: ClassVar[str] = "inherits"
    locate, prepare, key, last = Plain.locate, Plain.prepare, Plain.key, None


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


def test_a_design_that_gives_no_reasons_is_tried_in_every_scenario_that_asks() -> None:
    rows = {row.name: row.cells[0] for row in matrix(run=False, designs=[Unmodelled])}
    asked = {q for name in builtin_names() for q in load_builtin(name).about.question}
    assert {name for name, cell in rows.items() if cell.shown} == asked
    assert {rows[name].reason for name in set(rows) - asked} == {"no built-in scenario asks it"}

    class NoReasons(REGISTERED):
        """What it derives from was not asked everything, either: that says nothing of this."""

    own = matrix(run=False, designs=[NoReasons])
    assert {row.name for row in own if row.cells[0].shown} == asked


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


def test_what_a_class_leaves_out_is_derived_and_is_ours() -> None:
    class OneTLBPerGuest(Design):
        """One table for a whole guest.

        Found by its number.
        """

        def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
            return locate_linear(xen, access)

    class Undocumented(OneTLBPerGuest):
        ident: ClassVar[str] = "U"

    class Cache(OneTLBPerGuest):
        """A single word: its first letters."""

    assert Cache.ident == "CAC"
    own = option_class(OneTLBPerGuest)
    assert (own.name, own.ident, own.title) == (
        "one-tlb-per-guest", "OTPG", "One table for a whole guest",
    )  # fmt: skip
    assert own.summary == "One table for a whole guest. Found by its number."
    assert (own.asked.where, own.asked.what) == ("ours", "OneTLBPerGuest")
    assert (Undocumented.name, Undocumented.ident, Undocumented.title) == (
        "undocumented", "U", "Undocumented",
    )  # fmt: skip
    assert "source: OneTLBPerGuest, ours" in list_options(own).text()
    trace = run(load_builtin("pv-guest"), own)
    assert trace.outcome.refusals == (
        "one-tlb-per-guest does not define how a PV guest's handles are resolved",
    )
    assert all("asked" in vars(option) and option.title for option in OPTIONS.values())


def test_a_design_needs_a_name_of_its_own() -> None:
    for what in ("name", "ident"):
        with pytest.raises(
            MachineError, match=f"{getattr(LinearWalk, what)!r} belongs to a registered"
        ):
            option_class(type("Taken", (LinearWalk,), {what: getattr(LinearWalk, what)}))
    with pytest.raises(MachineError, match="subclass"):
        variant(int)  # type: ignore[arg-type]


def test_an_option_with_parameters_is_a_variant() -> None:
    made = variant("software-tlb: entries=4, register=directmap+buffer:b").make()
    again = variant(made)
    assert again.values == (("register", ("directmap", "buffer:b")), ("entries", 4))
    assert again.make().values == made.values
