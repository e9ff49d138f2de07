"""One line for what ``recording`` and ``scenario from-recording`` do."""

from __future__ import annotations

import pytest

import xenexplore as xe
from xenexplore.cli.main import main


@pytest.mark.parametrize(
    ("action", "of"), [("info", xe.summarise), ("explain", xe.explain)], ids=["info", "explain"]
)
def test_python_and_the_command_say_the_same(action, of, capsys) -> None:
    assert main(["recording", action, "pvh"]) == 0
    assert of("pvh").text() == capsys.readouterr().out


def test_a_recorded_call_is_a_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    recorded = xe.open_recording("pvh")
    assert main(["scenario", "from-recording", "pvh", "7", "--domain", "dom1"]) == 0
    scenario = xe.scenario_from(recorded, 7, domain="dom1")
    assert scenario.text() == capsys.readouterr().out
    row = int(xe.CallIndex(recorded).find(domain="dom1")[7])
    assert xe.scenario_from(recorded, row=row) == scenario
    with pytest.raises(TypeError, match="the hypercall's number, or its row"):
        xe.scenario_from(recorded)
