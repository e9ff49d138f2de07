from __future__ import annotations

import json
import os
from functools import cache
from importlib import resources

import jsonschema
import pytest
from scenario_texts import EVERYTHING, NESTED, SEND, example
from trace_schema import schema_text, step_classes

from xenexplore.options.registry import OPTIONS
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.run.trace import TRACE_SCHEMA

SCHEMA = resources.files("xenexplore.scenario.run") / "trace.schema.json"


@cache
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_published_schema_is_that_of_the_records():
    if os.environ.get("XENEXPLORE_UPDATE_GOLDEN") == "1":
        with resources.as_file(SCHEMA) as path:
            path.write_text(schema_text(), encoding="utf-8", newline="\n")
    assert SCHEMA.read_text(encoding="utf-8") == schema_text(), (
        "a step or record has changed: set XENEXPLORE_UPDATE_GOLDEN=1, and consider the version"
    )


@pytest.mark.parametrize("option", OPTIONS)
def test_real_paths_follow_the_schema(option):
    trace = run(example(NESTED), option)
    document = json.loads(trace.to_json())
    errors = list(validator().iter_errors(document))
    assert not errors, errors[0]
    assert document["schema"] == TRACE_SCHEMA
    assert len(document["steps"]) == len(trace.steps)


@pytest.mark.parametrize("option", ["linear-walk", "per vCPU", "phys-twins"])
def test_paths_with_every_action_follow_the_schema(option):
    document = json.loads(run(example(EVERYTHING), option).to_json())
    seen = {step["kind"]: step for step in document["steps"]}
    document["steps"] = list(seen.values())  # one of each kind: validation is slow
    errors = list(validator().iter_errors(document))
    assert not errors, errors[0]


def test_the_schema_refuses_what_is_not_a_path():
    document = json.loads(run(example(SEND)).to_json())
    document["steps"][0]["colour"] = "red"
    assert not validator().is_valid(document)
    document = json.loads(run(example(SEND)).to_json())
    document["steps"][-1]["kind"] = "surprise"
    assert not validator().is_valid(document)


@pytest.mark.parametrize("option", OPTIONS)
def test_one_scenario_gives_the_same_bytes_twice(option):
    assert run(example(EVERYTHING), option).to_json() == run(example(EVERYTHING), option).to_json()


def test_another_seed_gives_other_bytes():
    moved = SEND + "\n[guest]\nseed = 1\n"
    assert run(example(SEND)).to_json() != run(example(moved)).to_json()


def test_steps_are_a_tree_in_preorder():
    trace = run(example(EVERYTHING), "software-tlb")
    open_steps: list[int] = []
    for index, node in enumerate(trace.steps):
        assert node.index == index
        del open_steps[node.depth :]
        assert node.parent == (open_steps[-1] if open_steps else -1)
        assert tuple(open_steps) == tuple(n.index for n in trace.ancestors(index))
        open_steps.append(index)
    assert [n.index for n in trace.children(-1)] == [n.index for n in trace.steps if n.depth == 0]


def test_json_has_every_citation_once_and_addresses_as_hex():
    document = json.loads(run(example(SEND)).to_json())
    assert len(set(document["cites"])) == len(document["cites"])
    assert {step["cite"] for step in document["steps"]} == set(range(len(document["cites"])))
    call = next(step for step in document["steps"] if step["kind"] == "hypercall")
    assert call["number"] == "0x20"
    assert call["args"][0] == "0x4"
    entry = next(step for step in document["steps"] if step["kind"] == "pte-read")
    assert entry["entry"].startswith("0x")


def test_a_long_path_stays_small():
    """60,000 steps must fit in 25 MB: at most 416 bytes a step."""
    calls = SEND + SEND[SEND.index("[[action]]") :] * 60
    trace = run(example(calls))
    assert len(trace.steps) > 1000
    assert len(trace.to_json()) / len(trace.steps) < 416


def test_a_path_says_what_it_is():
    trace = run(example(SEND))
    assert repr(trace) == f"<Trace send under linear-walk: {len(trace)} steps, right>"
    assert trace.machine.buffer("op") is not None
    assert trace.machine.buffer("nothing") is None
    buffer = trace.machine.buffers[0]
    region = trace.machine.region_of(buffer.va)
    assert region is not None
    assert region.name == "vmalloc"


def test_an_option_s_own_buffers_come_after_the_scenario_s():
    trace = run(example(NESTED), "bounce")
    names = [buffer.name for buffer in trace.machine.buffers]
    assert names[: trace.machine.placed] == ["extents", "reservation"]
    assert names[trace.machine.placed :] == ["bounce-0"]


def test_every_kind_of_step_is_in_the_schema():
    kinds = json.loads(SCHEMA.read_text(encoding="utf-8"))["$defs"]["step"]["properties"]["kind"]
    assert sorted(step.kind for step in step_classes()) == kinds["enum"]
