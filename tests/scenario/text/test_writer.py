from __future__ import annotations

from hypothesis import given, settings
from scenario_strategies import scenarios
from scenario_texts import EVERYTHING, NESTED, SEND, example

from xenexplore.scenario.library.builtin import builtin_names, load_builtin
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.scenario import BufferSpec, Contents, Scenario
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.writer import write_scenario


@given(scenarios())
@settings(max_examples=60)
def test_what_is_written_loads_as_what_it_was(scenario):
    text = write_scenario(scenario)
    assert parse_scenario(text) == scenario
    assert write_scenario(parse_scenario(text)) == text


def test_examples_and_built_ins_survive_the_writer():
    scenarios = [example(text) for text in (SEND, NESTED, EVERYTHING)]
    for scenario in [*scenarios, *map(load_builtin, builtin_names())]:
        assert parse_scenario(write_scenario(scenario)) == scenario


def test_what_is_at_its_default_is_not_written():
    text = write_scenario(example(SEND))
    assert "[guest]" not in text
    assert "vcpu" not in text
    assert text == write_scenario(example(SEND + "\n[guest]\nvcpus = 1\nmemory = 805306368\n"))


def test_long_tables_become_one_key_a_line():
    pairs = tuple((f"args[{index}]", (1 << 63) + index) for index in range(5))
    held = Contents(struct="multicall_entry", fields=pairs)
    buffer = BufferSpec(name="a", place="stack", contents=held)
    scenario = Scenario(about=About(name="x", title=""), buffers=(buffer,))
    text = write_scenario(scenario)
    assert 'fields."args[0]" = "0x8000000000000000"' in text
    assert parse_scenario(text) == scenario
