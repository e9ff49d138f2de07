"""How the fresh machine judges: what fails is run once more, alone."""

from __future__ import annotations

from pathlib import Path

import fresh_machine
import pytest
from fresh_machine import AGAIN, NotAsSaidError, run_test
from readme_command import command_of


@pytest.mark.parametrize(
    ("failing", "ran", "passed"),
    [
        ([], [command_of("test")], ""),
        ([command_of("test")], [command_of("test"), AGAIN], ", some of it at the second run"),
        ([command_of("test"), AGAIN], [command_of("test"), AGAIN], None),
    ],
)
def test_what_failed_is_run_once_more(
    monkeypatch: pytest.MonkeyPatch, failing: list[str], ran: list[str], passed: str | None
) -> None:
    seen: list[str] = []

    def run(_root: Path, command: str) -> None:
        seen.append(command)
        if command in failing:
            raise NotAsSaidError("ended with 1")

    monkeypatch.setattr(fresh_machine, "run_command", run)
    if passed is None:
        with pytest.raises(NotAsSaidError):
            run_test(Path("/nowhere"))
    else:
        assert run_test(Path("/nowhere")) == passed
    assert seen == ran
