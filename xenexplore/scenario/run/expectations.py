"""Hold a run against what its scenario expects."""

from __future__ import annotations

from collections.abc import Iterator

from xenexplore.hypervisor.outcome import Counts, Outcome
from xenexplore.scenario.model.scenario import Expectation, Scenario
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import errno_name

__all__ = ["unmet", "unmet_by"]

_FIELDS = ("status", "result", "right_bytes", "wrong_bytes", "lost_checks", "hazards")


def unmet(scenario: Scenario, trace: Trace) -> Iterator[str]:
    """Expectations of a scenario that a run does not meet, one sentence each."""
    for expect in scenario.expects:
        if expect.options and trace.option.label not in expect.options:
            continue
        where = f"line {expect.line}: " if expect.line else ""
        for text in unmet_by(expect, trace.outcome):
            yield f"{where}{trace.option.label}: {text}"


def unmet_by(expect: Expectation, outcome: Outcome) -> Iterator[str]:
    """Statements of one expectation that a verdict does not meet, one clause each."""
    for name in _FIELDS:
        wanted = getattr(expect, name)
        got = getattr(outcome, name)
        if wanted is not None and wanted != got:
            yield f"expected {name} {_shown(name, wanted)}, got {_shown(name, got)}"
    if expect.reason is not None and not any(expect.reason in r for r in outcome.refusals):
        got = "; ".join(outcome.refusals) or "no refusal"
        yield f"expected a refusal with {expect.reason!r}, got {got}"
    yield from _counts("counts", expect.counts, outcome.calls)
    yield from _counts("setup", expect.setup, outcome.setup)


def _counts(what: str, wanted: tuple[tuple[str, int], ...], got: Counts) -> Iterator[str]:
    for name, number in wanted:
        found = getattr(got, name)
        if found != number:
            yield f"expected {number} {name} in {what}, got {found}"


def _shown(name: str, value: object) -> str:
    if name == "result" and isinstance(value, int) and value < 0:
        return f"-{errno_name(value) or -value}"
    if isinstance(value, tuple):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)
