"""Admitted faults: declared by a design, or expected by a scenario."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from xenexplore.hypervisor.design import Admitted
from xenexplore.hypervisor.outcome import Outcome
from xenexplore.options.variant import Variant
from xenexplore.scenario.model.scenario import Expectation, Scenario
from xenexplore.scenario.run.expectations import unmet_by
from xenexplore.scenario.trial.judging import Judged, Ruling
from xenexplore.steps import Status

__all__ = ["admission"]


def admission(what: Variant, name: str, scenario: Scenario, found: Judged) -> str:
    """Reason, in words, why a fault is admitted; ``""`` if there is none: it counts.

    Only bytes that go astray can be admitted.  A check that is lost, another result and a
    mistake in a hook are faults in any case.

    Args:
        what: the design and its parameters.
        name: the scenario's name, or the random machine's condition.
        scenario: where the fault showed.
        found: the fault.
    """
    if found.ruling is not Ruling.DAMAGE or found.outcome is None:
        return ""
    # What a class derives from may have another mechanism: its own words only.
    hazards: Mapping[str, Admitted] = vars(what.design).get("hazards", {})
    said = hazards.get(name, "")
    count, why = (None, said) if isinstance(said, str) else said
    if why and count in (None, found.outcome.wrong_bytes):
        return why
    return _expected(what, scenario, found.outcome)


def _expected(what: Variant, scenario: Scenario, outcome: Outcome) -> str:
    """The expectation that the run meets to the byte.

    What the scenario expects of this very variant decides.  Of a variant that it does not
    name it may expect the same as of another one of the same design: then counts may differ.
    """
    values = what.make().values
    kin = [option for option in scenario.options if option.design is what.design]
    own = [option for option in kin if option.make().values == values]
    for option in own or kin:
        about = [e for e in scenario.expects if not e.options or option.label in e.options]
        if not own:
            about = [replace(expect, counts=(), setup=()) for expect in about]
        if _cited(about) and not any(True for e in about for _ in unmet_by(e, outcome)):
            return f"the scenario {scenario.about.name} expects it of {option.label}"
    return ""


def _cited(about: list[Expectation]) -> bool:
    """Whether the verdict is wrong by declaration, and how many bytes."""
    return any(one.status == Status.WRONG and one.wrong_bytes is not None for one in about)
