"""Scenarios from choices: every text loads, runs, and moves its bytes under today's walk."""

from __future__ import annotations

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from xenexplore.errors import MachineError, ScenarioError
from xenexplore.scenario.loader import parse_scenario
from xenexplore.scenario.recipes import CALLS, Choices, recipe_text
from xenexplore.scenario.run import run

BOTH = (("linear-walk", ()), ("software-tlb", (("register", ("buffer:buffer",)),)))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("place", ["kmalloc", "stack", "vmalloc", "user", "static", "module"])
def test_every_call_from_every_place(call: str, place: str) -> None:
    path = run(parse_scenario(recipe_text(Choices(call=call, place=place))))
    assert path.outcome.status == "right"
    assert path.outcome.right_bytes > 0


def test_an_unknown_call_is_refused() -> None:
    with pytest.raises(MachineError, match="no recipe"):
        recipe_text(Choices(call="memory_op nonsense"))


@settings(max_examples=60)
@given(
    choices=st.builds(
        Choices,
        guest=st.sampled_from(("pvh", "hvm", "pv")),
        kernel=st.sampled_from(("linux", "no-directmap", "unikernel", "freebsd")),
        encryption=st.sampled_from(("none", "sev", "snp")),
        vcpus=st.integers(1, 4),
        p2m=st.sampled_from(("4K", "2M", "1G")),
        place=st.sampled_from(("kmalloc", "stack", "vmalloc", "percpu", "static", "user")),
        offset=st.none() | st.integers(0, 4095),
        shared=st.booleans(),
        call=st.sampled_from(sorted(CALLS)),
        count=st.integers(1, 200),
        options=st.just(
            (("linear-walk", ()), ("software-tlb", (("register", ("buffer:buffer",)),)))
        ),
    )
)
def test_any_choice_runs_or_says_why_not(choices: Choices) -> None:
    text = recipe_text(choices)
    try:
        scenario = parse_scenario(text)
        for label in ("linear-walk", "software-tlb"):
            assert run(scenario, label).outcome.status in ("right", "wrong", "error", "refused")
    except ScenarioError:
        event("the machine cannot be built so")
