"""Actions that the library needed: the hypercall page, a migration, a 32-bit caller."""

from __future__ import annotations

import pytest

from xenexplore.errors import ScenarioError
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.writer import write_scenario
from xenexplore.steps import Hazard, Move, Note

TEXT = """
name = "actions"
title = "Actions"

[[buffer]]
name = "page"
place = "kmalloc"
offset = 0
size = 4096

[[buffer]]
name = "struct"
place = "kmalloc"
size = 20

[[action]]
do = "call"
hypercall = "grant_table_op map_grant_ref"
with = { uop = "@page", count = 3 }
preempt = [1]
purge_between = "buffer:page"

[[action]]
do = "hypercall-page"
buffer = "page"
vendor = "intel"
hypercall = "sched_op yield"

[[action]]
do = "migrate"
hypercall = "sched_op yield"
offset = 5
landing_pad = true

[[action]]
do = "compat-call"
buffer = "struct"
test_first = false
"""


def test_they_are_read_and_written() -> None:
    scenario = parse_scenario(TEXT)
    assert [action.do for action in scenario.actions] == [
        "call", "hypercall-page", "migrate", "compat-call",
    ]  # fmt: skip
    assert parse_scenario(write_scenario(scenario)) == scenario


def test_the_page_takes_the_stub_of_its_number() -> None:
    trace = run(parse_scenario(TEXT), "linear-walk")
    (move,) = [n.step for n in trace.steps if isinstance(n.step, Move) and n.step.size == 9]
    # sched_op is 29; stubs are 32 bytes apart, and this one has 9 bytes.
    assert (move.direction, move.size, move.gpa.offset) == ("to", 9, 29 * 32)
    assert [n.step.name for n in trace.steps if isinstance(n.step, Hazard)] == [
        "stub changed under a vCPU"
    ]


def test_another_vcpu_purges_between_two_legs() -> None:
    trace = run(parse_scenario(TEXT), "software-tlb")
    kinds = [node.step.kind for node in trace.steps]
    first = kinds.index("tlb-purge")
    legs = [at for at, kind in enumerate(kinds) if kind == "hypercall"]
    assert legs[0] < first < legs[1]
    assert kinds.count("tlb-purge") == 1


def test_fastabi_has_no_page() -> None:
    trace = run(parse_scenario(TEXT), "fastabi")
    notes = [node.step.text for node in trace.steps if isinstance(node.step, Note)]
    assert sum("has no hypercall page" in text for text in notes) == 2
    assert not [node for node in trace.steps if isinstance(node.step, Hazard)]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('vendor = "intel"', 'vendor = "via"', "line 26.*field vendor.*one of intel, amd"),
        ('hypercall = "sched_op yield"', 'hypercall = "sched_op yeld"', "field hypercall"),
        ("offset = 5", "offset = 6", "field offset.*begins: 0, 5, 8"),
        ("offset = 5", "", "offset = a whole number"),
        ('buffer = "struct"', 'buffer = "strict"', "did you mean 'struct'"),
        ("test_first = false", 'test_first = "no"', "true or false"),
        ("buffer:page", "buffer:pages", "did you mean 'buffer:page'"),
        ("landing_pad = true", "landing = true", "field landing"),
    ],
)
def test_what_is_wrong_is_named(old: str, new: str, told: str) -> None:
    with pytest.raises(ScenarioError, match=told):
        parse_scenario(TEXT.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("offset = 0\nsize = 4096", "offset = 8\nsize = 64", "does not begin on a page"),
        ("[[action]]", '[[action]]\ndo = "unmap"\nbuffer = "gone"\n\n[[action]]', "is not mapped"),
    ],
)
def test_what_the_guest_cannot_do(old: str, new: str, told: str) -> None:
    text = TEXT.replace(old, new, 1)
    if "gone" in text:
        text = text.replace('"page"', '"gone"').replace("@page", "@gone")
        text = text.replace("buffer:page", "buffer:gone").replace(
            'name = "gone"\nplace = "kmalloc"', 'name = "gone"\nplace = "vmalloc"'
        )
    with pytest.raises(ScenarioError, match=told):
        run(parse_scenario(text), "linear-walk")
