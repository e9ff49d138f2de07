"""Bookmarks and notes: they travel with a scenario's text, and name their steps by what holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenexplore.errors import ScenarioError
from xenexplore.render.text.run.trace import trace_text
from xenexplore.render.views.step_places import marks_of, place_of, step_at
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.model.step_note import StepNote
from xenexplore.scenario.run.runner import compare, run
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.notes import with_notes
from xenexplore.scenario.text.writer import write_scenario

SCENARIO = load_builtin("wrong-vcpu")
TEXT = write_scenario(SCENARIO)
NOTES = st.builds(
    StepNote,
    at=st.sampled_from(
        ["start", "action 1, prepare", "action 2, call 1, return", "action 6, copy 1 + 3"]
    ),
    option=st.sampled_from(["", "software-tlb", "linear-walk"]),
    text=st.sampled_from(
        ["", "why here?", 'a "quoted"\nsecond\tline \\', "[[note]]\nat = 1", "# “é”"]
    ),
)  # fmt: skip


@settings(max_examples=50)
@given(st.lists(NOTES, max_size=4).map(tuple))
def test_notes_are_written_and_read_and_nothing_else_changes(notes: tuple[StepNote, ...]) -> None:
    text = with_notes(TEXT, notes)
    assert parse_scenario(text).notes == notes
    assert write_scenario(replace(SCENARIO, notes=notes)) == text
    assert with_notes(text, ()) == TEXT
    by_hand = f"# mine\n{TEXT}  # the end\n"
    assert with_notes(with_notes(by_hand, notes), ()) == by_hand


@pytest.mark.parametrize("name", ["straddle", "wrong-vcpu", "continuation-loses-bit"])
def test_every_step_has_a_place_and_a_place_its_step(name: str) -> None:
    for trace in compare(load_builtin(name)).traces:
        places = [place_of(trace, index) for index in range(len(trace))]
        assert len(set(places)) == len(places)
        assert [step_at(trace, place) for place in places] == list(range(len(trace)))
        assert step_at(trace, "action 99") is step_at(trace, f"{places[-1]} + 9999") is None


def test_a_run_has_its_own_notes_and_its_text_says_them() -> None:
    notes = (
        StepNote(at="action 6, copy 1 + 2", option="software-tlb", text="the wrong table"),
        StepNote(at="action 1", text=""),
        StepNote(at="action 1", option="linear-walk", text="not here"),
    )
    trace = run(parse_scenario(with_notes(TEXT, notes)), "software-tlb")
    at = step_at(trace, notes[0].at)
    assert marks_of(trace) == ((0, ""), (at, "the wrong table"))
    assert f"step 0: (bookmark)\nstep {at}: the wrong table\n" in trace_text(trace)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('at = "step 5"', "line {line}"),
        ('at = "start"\noption = "sofware-tlb"', "software-tlb"),
        ('at = "start"\nwhy = "x"', "why"),
        ('text = "x"', "at"),
    ],
)
def test_a_note_that_is_wrong_is_refused_at_its_line(table: str, said: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(f"{TEXT}\n[[note]]\n{table}\n")
    assert said.format(line=len(TEXT.splitlines()) + 3) in str(caught.value)
