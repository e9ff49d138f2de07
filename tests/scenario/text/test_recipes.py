"""Scenarios from choices: every text loads, runs, and moves its bytes under today's walk."""

from __future__ import annotations

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from xenexplore.errors import MachineError, ScenarioError
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.recipes import CALLS, COUNTED, Choices, choices_of, recipe_text

BOTH = (("linear-walk", ()), ("software-tlb", (("register", ("buffer:buffer",)),)))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("place", ["kmalloc", "stack", "vmalloc", "user", "static", "module"])
def test_every_call_from_every_place(call: str, place: str) -> None:
    trace = run(parse_scenario(recipe_text(Choices(call=call, place=place))))
    assert trace.outcome.status == "right"
    assert trace.outcome.right_bytes > 0


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


_OPTIONS = st.sampled_from(
    [
        (("linear-walk", ()),),
        (("number-bit", ()), ("linear-walk", ())),
        (("software-tlb", (("register", ("directmap", "stack")),)), ("linear-walk", ())),
        (("bounce", (("mode", "flip"),)),),
    ]
)


@st.composite
def _all_choices(draw: st.DrawFn) -> Choices:
    call = draw(st.sampled_from(tuple(CALLS)))
    encryption = draw(st.sampled_from(("none", "sev", "snp")))
    return Choices(
        guest=draw(st.sampled_from(("pvh", "hvm"))),
        encryption=encryption,
        vcpus=draw(st.integers(1, 8)),
        p2m=draw(st.sampled_from(("4K", "2M", "1G"))),
        place=draw(st.sampled_from(("stack", "kmalloc", "user", "privcmd"))),
        offset=draw(st.none() | st.integers(0, 4095)),
        shared=encryption != "none" and draw(st.booleans()),
        call=call,
        count=draw(st.integers(1, 300)) if call in COUNTED else Choices().count,
        options=draw(_OPTIONS),
    )


@given(choices=_all_choices())
@settings(max_examples=40)
def test_a_text_gives_back_the_choices_that_made_it(choices: Choices) -> None:
    assert choices_of(recipe_text(choices)) == choices


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("port = 5", "port = 6"),
        ('name = "workbench"', 'name = "other"'),
        ('place = "stack"', 'place = "stack"\nwritable = false'),
        ('do = "call"', 'do = "call"\nvcpu = 0'),
        ('name = "buffer"', 'name = "b"'),
        ("[[action]]", "[[action"),
        ('place = "stack"', 'place = "nowhere"'),
    ],
)
def test_a_text_that_says_anything_else_has_no_choices(old: str, new: str) -> None:
    text = recipe_text(Choices())
    assert old in text
    assert choices_of(text.replace(old, new)) is None
