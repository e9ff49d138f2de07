"""A trial finds planted faults and makes them small; correct designs come out without one."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
from last_walk import LastWalk
from planted import PLANTED

from xenexplore.cli.main import main
from xenexplore.errors import MachineError
from xenexplore.hypervisor.design import Design
from xenexplore.options.registry import OPTIONS, variant
from xenexplore.scenario.run.runner import check
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.writer import write_scenario
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


@pytest.mark.parametrize("name", [name for name, option in OPTIONS.items() if option.specified])
def test_correct_designs_have_no_fault_in_machines(name: str) -> None:
    tried = trial(name, n=FEW, scenarios=())
    assert [(case.found, case.why) for case in tried.failed] == []
    assert sum(sum(found.values()) for found in tried.conditions.values()) == FEW


def test_known_hazards_are_said_to_be_admitted() -> None:
    names = ("stale-entry", "privcmd-process-switch", "user-page-moves", "hypercall-page")
    tried = trial("software-tlb", n=0, scenarios=names)
    assert tried.failed == ()
    assert {case.found for case in tried.cases} == set(names[:3])
    assert "Hazards that the design admits" in tried.text()

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
