"""Scenarios and recordings name their Xen: ``[xen] version``, the header of format 2."""

from __future__ import annotations

from dataclasses import replace

import pytest

from xenexplore.errors import RecordingError, ScenarioError
from xenexplore.options.registry import variant
from xenexplore.recording.contents.call_names import call_name, sub_op_name
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.matching.recorded_calls import recorded_calls
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.writer import write_scenario
from xenexplore.steps import Copy, Hypercall, Note

TWIN = """
name = "twin"
title = "A runstate area by guest-physical address"

[xen]
version = "VERSION"

[[buffer]]
name = "arg"
place = "kmalloc"
struct = "vcpu_register_runstate_memory_area"
fields = { addr.p = "0x100000" }

[[action]]
do = "call"
hypercall = "vcpu_op register_runstate_phys_area"
with = { vcpuid = 0, arg = "@arg" }
"""
REGISTER = """
name = "area"
title = "Registered by a vCPU for itself"

[xen]
version = "VERSION"

[[buffer]]
name = "area"
place = "percpu"
size = 48

[[buffer]]
name = "arg"
place = "kmalloc"
size = 8

[[action]]
do = "register-runstate"
subject = 0
buffer = "area"
argument = "arg"
"""


def loaded(text: str, version: str):
    return parse_scenario(text.replace("VERSION", version))


def test_a_call_is_that_of_the_scenarios_xen() -> None:
    scenario = loaded(TWIN, "4.21.2")
    assert scenario.xen == "4.21"
    assert '[xen]\nversion = "4.21"\n' in write_scenario(scenario)
    assert parse_scenario(write_scenario(scenario)) == scenario
    steps = [node.step for node in run(scenario).steps]
    (call,) = (step for step in steps if isinstance(step, Hypercall))
    assert (call.name, call.args[:2]) == ("vcpu_op.register_runstate_phys_area", (14, 0))
    assert [step.size for step in steps if isinstance(step, Copy)] == [8]


def test_a_call_that_this_xen_does_not_have_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"a hypercall of Xen 4\.17.*since 4\.18") as told:
        loaded(TWIN, "4.17")
    assert "line 16" in str(told.value)
    for text in (TWIN.replace("vcpu_op register_runstate_phys_area", "XENOPROF_start"),):
        with pytest.raises(ScenarioError, match=r"of Xen unstable.*until 4\.21"):
            loaded(text, "unstable")


def test_an_unknown_xen_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ScenarioError, match=r"line 6, xen, field version.*4\.17, 4\.18.*'4\.16'"):
        loaded(TWIN, "4.16")
    with pytest.raises(ScenarioError, match="releas"):
        parse_scenario(TWIN.replace('version = "VERSION"', 'release = "4.18"'))


def test_contents_are_laid_out_by_the_scenarios_xen() -> None:
    text = """
name = "domain"
title = "createdomain grew"
[xen]
version = "VERSION"
[[buffer]]
name = "arg"
place = "kmalloc"
struct = "xen_domctl_createdomain"
fields = { vmtrace_size = 1 }
"""
    assert [loaded(text, v).buffers[0].length for v in ("4.17", "4.19")] == [64, 68]
    with pytest.raises(ScenarioError, match=r"a type of Xen 4\.17's public headers"):
        loaded(text.replace("xen_domctl_createdomain", "xen_varbuf"), "4.17")


def test_the_twin_is_the_sub_op_that_this_xen_has() -> None:
    notes = {}
    for version in ("4.17", "4.20"):
        scenario = replace(loaded(REGISTER, version), options=(variant("phys-twins"),))
        steps = [node.step for node in run(scenario).steps]
        calls = [step for step in steps if isinstance(step, Hypercall)]
        assert {call.args[0] for call in calls if call.name.endswith("phys_area")} == {14}
        notes[version] = [step.text for step in steps if isinstance(step, Note)]
    assert (
        "Xen 4.20 has this call: VCPUOP_register_runstate_phys_area, since 4.18." in notes["4.20"]
    )
    assert not [text for text in notes["4.17"] if "has this call" in text]


def test_a_recording_is_explained_by_its_xen() -> None:
    pv = read_recording("pv")
    assert pv.release == "4.17"
    later = replace(pv, meta={**pv.meta, "xen": {"version": "4.20.4-pre"}})
    assert later.release == "4.20"
    assert {seen.call.xen for seen in recorded_calls(later)} == {"4.20"}
    assert {seen.call.xen for seen in recorded_calls(pv)} == {"4.17"}
    assert sub_op_name(24, 14) == "14?"
    assert sub_op_name(24, 14, "4.18") == "register_runstate_phys_area"
    assert (call_name(31, "4.21"), call_name(31, "4.22")) == ("xenoprof_op", "number 31?")
    unknown = replace(pv, meta={"xen": {"version": "4.16.5"}})
    with pytest.raises(RecordingError, match=r"meta\.xen\.version: expected 4\.17 or .*'4\.16\.5'"):
        next(recorded_calls(unknown))
