"""Copy plans run for tests: the copies of a call on Xen's ordinary path, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping

from xenexplore.hypercalls import FAULT, PlanCall, PlanCopy, PlanOutcome, predict
from xenexplore.hypercalls.callers import CALLERS


def run_plan(
    caller: str,
    number: int,
    *args: int,
    memory: Mapping[int, bytes] | None = None,
    faults: tuple[int, ...] = (),
    answers: Mapping[str, bool] | None = None,
    facts: Mapping[str, int] | None = None,
    xen: str = "4.17",
) -> tuple[list[tuple[str, object, object]], PlanOutcome]:
    """The copies of a call by a kind of caller on Xen's ordinary path, and how it ended."""
    kind = CALLERS[caller]
    known = {**kind.facts, **(facts or {})}
    steps = predict(PlanCall(number, args, kind.handlers, facts=known, xen=xen))
    made: list[tuple[str, object, object]] = []
    reply: object = None
    try:
        while True:
            step = steps.send(reply)  # type: ignore[arg-type]
            if isinstance(step, PlanCopy):
                made.append((step.direction.value, step.address, step.length))
                reply = FAULT if step.address in faults else (memory or {}).get(step.address)
            else:
                told = [say for words, say in (answers or {}).items() if words in step.reason]
                reply = told[0] if told else step.usual
    except StopIteration as stop:
        return made, stop.value


def result(outcome: PlanOutcome) -> int:
    """What the call returned."""
    assert isinstance(outcome.value, int)
    return outcome.value
