"""A trial finds planted faults and makes them small; correct designs come out without one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import ClassVar

import pytest
from last_walk import LastWalk
from planted import PLANTED

from xenexplore.cli.main import main
from xenexplore.errors import MachineError
from xenexplore.hypervisor.design import Design
from xenexplore.options.registry import OPTIONS, variant
from xenexplore.scenario.library.builtin import builtin_names, load_builtin
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.action_records import CallAction, Register, Unmap
from xenexplore.scenario.model.scenario import BufferSpec, Contents, Scenario
from xenexplore.scenario.model.values import Reference
from xenexplore.scenario.run.runner import check
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.writer import write_scenario
from xenexplore.scenario.trial.admission import admission
from xenexplore.scenario.trial.judging import Ruling, judge, today
from xenexplore.scenario.trial.machines import CONDITIONS, machine
from xenexplore.scenario.trial.trial import trial
from xenexplore.steps import Status

MACHINES = 44
FEW = 11


@pytest.mark.parametrize("design", PLANTED, ids=lambda design: design.name)
def test_a_planted_fault_is_found_and_made_small(design: type[Design]) -> None:
    word, ruling = PLANTED[design]
    tried = trial(design, n=MACHINES, scenarios=())
    assert tried.conditions[word][ruling] > 0
    kinds = {case.found.rpartition("-")[0]: case for case in tried.failed}
    case = kinds[word]
    assert case.ruling is ruling
    # The text that is printed shows it again; nothing more can be left out of its actions.
    again = parse_scenario(case.text)
    assert write_scenario(again) == case.text
    assert check(again) == ()
    found = judge(again, variant(design))
    assert found is not None
    assert found.ruling is ruling
    whole = machine(int(case.found.rpartition("-")[2]))
    assert len(again.actions) <= len(whole.actions)
    assert case.text.splitlines()[0] in tried.text()


SLOW = ("straddle-arrays", "large-buffer", "total-size", "list-layouts", "no-directmap")
"""Seconds each for every option; they were tried by hand."""


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.specified])
def test_no_listed_design_has_a_fault_that_nobody_admits(name: str) -> None:
    tried = trial(name, n=FEW, scenarios=[one for one in builtin_names() if one not in SLOW])
    assert [(case.found, case.why) for case in tried.failed] == []
    assert sum(sum(found.values()) for found in tried.conditions.values()) == FEW
    # What a listed design says of itself is exact, and still so.
    said = OPTIONS[name].hazards if "hazards" in vars(OPTIONS[name]) else {}
    assert all(isinstance(one, tuple) for one in said.values())
    assert set(said) <= {case.found for case in tried.cases}


def test_a_fault_is_admitted_for_the_design_and_the_bytes_that_are_cited() -> None:
    stale, tlb = load_builtin("stale-entry"), variant("software-tlb")
    found = judge(stale, tlb)
    assert found is not None
    assert found.outcome is not None
    assert admission(tlb, "stale-entry", stale, found) == (
        "the scenario stale-entry expects it of software-tlb"
    )
    # Another number of bytes, another kind of fault, another scenario, another mechanism.
    more = replace(found, outcome=replace(found.outcome, wrong_bytes=49))
    lost = replace(found, ruling=Ruling.LOST)
    assert admission(tlb, "stale-entry", stale, more) == ""
    assert admission(tlb, "stale-entry", stale, lost) == ""
    assert admission(tlb, "stale-entry", replace(stale, expects=()), found) == ""
    derived = variant(next(one for one in PLANTED if issubclass(one, OPTIONS["software-tlb"])))
    assert admission(derived, "stale-entry", stale, found) == ""
    # A variant that the scenario does not name behaves as the one that it names.
    assert admission(variant("software-tlb: entries=8"), "stale-entry", stale, found)
    # What it names, it decides: of one variant wrong is expected, of another right.
    switch = load_builtin("privcmd-process-switch")
    named = {option.label: option for option in switch.options}
    kept = judge(switch, named["tlb, kept"])
    assert kept is not None
    assert admission(named["tlb, kept"], switch.about.name, switch, kept)
    assert not admission(named["tlb, tagged"], switch.about.name, switch, kept)
    # And so does the number that a design gives of itself.
    giant = variant("giant-map")
    assert admission(giant, "stale-entry", stale, found)
    assert not admission(giant, "stale-entry", stale, more)


def test_a_page_that_is_not_mapped_is_no_check() -> None:
    area = load_builtin("kpti-runstate")
    found = judge(area, variant("phys-twins"))
    assert found is not None
    assert found.ruling is Ruling.AGREES
    # But what the page tables refuse is one, and so are bytes where nothing is mapped.
    skips = next(one for one in PLANTED if one.name == "skips-the-write-check")
    lost = [judge(machine(number), variant(skips)) for number in range(9, 44, 11)]
    assert Ruling.LOST in {one.ruling for one in lost if one is not None}
    send = Contents(struct="evtchn_send", fields=(("port", 5),))
    call = CallAction(hypercall="event_channel_op send", given=(("arg", Reference("send")),))
    gone = Scenario(
        about=About(name="gone", title="unmapped after it was registered"),
        buffers=(BufferSpec(name="send", place="vmalloc", contents=send),),
        actions=(Register(what="buffer:send"), Unmap(buffer="send"), call),
    )
    unmapped = judge(gone, variant("software-tlb"))
    assert unmapped is not None
    assert unmapped.ruling is Ruling.DAMAGE


def test_known_hazards_are_said_to_be_admitted() -> None:
    names = ("stale-entry", "privcmd-process-switch", "user-page-moves", "hypercall-page")
    tried = trial("software-tlb", n=0, scenarios=names)
    assert tried.failed == ()
    assert {case.found for case in tried.cases} == set(names[:3])
    assert "Hazards declared by the design" in tried.text()

    class Admits(PLANTED_KEEPS):
        """It says so."""

        hazards: ClassVar[dict[str, str]] = {"remapped": "nothing tells Xen"}

    found = trial(Admits, n=FEW, scenarios=())
    assert {case.admitted for case in found.cases} == {"", "nothing tells Xen"}
    assert "remapped" not in {case.found.rpartition("-")[0] for case in found.failed}


PLANTED_KEEPS = next(design for design in PLANTED if design.name == "keeps-walks")


def test_machines_are_what_they_say() -> None:
    for number in range(2 * len(CONDITIONS)):
        one = machine(number)
        assert machine(number) == one != machine(number, seed=1)
        assert parse_scenario(write_scenario(one)) == one
        base = today(one)
        expected = Status.ERROR if one.about.name.startswith("read-only") else Status.RIGHT
        assert base.outcome.status is expected, one.about.name


def test_a_mistake_is_a_fault_with_its_line() -> None:
    class Cuts(LastWalk):
        """It raises in one machine of many."""

        name = "cuts"
        ident = "CU"

        def locate(self, xen, access):  # type: ignore[no-untyped-def]
            if access.handle & 1:
                raise KeyError(access.handle)
            return super().locate(xen, access)

    tried = trial(Cuts, n=FEW, scenarios=())
    assert {case.ruling for case in tried.failed} == {Ruling.MISTAKE}
    assert "line" in tried.failed[0].why
    assert "Cuts.locate" in tried.failed[0].why


def test_the_command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xenexplore.scenario.trial.trial.builtin_names", lambda: ("straddle",))
    assert main(["trial", "linear-walk", "-n", "11"]) == 0
    text = capsys.readouterr().out
    assert "No fault in 11 random machines" in text
    assert max(map(len, text.splitlines())) <= 72
    assert main(["trial", "linear-walk", "-n", "0", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["schema"] == "xenexplore.trial/1"
    assert record["questions"] == {"Q6": {"agrees": 1}}
    assert main(["trial", "nonesuch"]) == 2
    with pytest.raises(MachineError, match="0 or more"):
        trial("linear-walk", n=-1)
