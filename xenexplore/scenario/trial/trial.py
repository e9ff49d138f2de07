"""A trial: one design in every built-in scenario and in random machines, judged beside today's."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from xenexplore.display import Shown
from xenexplore.errors import MachineError, ScenarioError
from xenexplore.options.registry import OPTIONS, TODAY, Chosen, variant
from xenexplore.options.variant import Variant
from xenexplore.scenario.library.builtin import builtin_names, load_builtin
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.scenario import Expectation, Scenario
from xenexplore.scenario.text.writer import write_scenario
from xenexplore.scenario.trial.admission import admission
from xenexplore.scenario.trial.judging import Judged, Ran, Ruling, judge, today
from xenexplore.scenario.trial.machines import CONDITIONS, machine
from xenexplore.scenario.trial.shrink import shrink
from xenexplore.steps import Json

__all__ = ["TRIAL_SCHEMA", "Case", "Trial", "trial"]

TRIAL_SCHEMA = "xenexplore.trial/1"
_CASES = 6
"""As many faults are made small and shown; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A fault, as a scenario of its own.

    Attributes:
        found: the built-in scenario or the machine in which it showed first.
        ruling: what kind of fault it is.
        why: in words.
        admitted: what the design (``hazards``) or the scenario's expectation of it says of
            the fault, or ``""``.
        scenario: the smallest that shows it; a built-in one as it is.
    """

    found: str
    ruling: Ruling
    why: str
    admitted: str
    scenario: Scenario = field(repr=False)

    @property
    def text(self) -> str:
        """The scenario as text: load it, and run the design in it."""
        return write_scenario(self.scenario)

    def as_json(self) -> dict[str, Json]:
        """Every field by name; the scenario as text."""
        return {
            "found": self.found, "ruling": str(self.ruling), "why": self.why,
            "admitted": self.admitted, "scenario": self.text,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial(Shown):
    """Result of a trial.

    Attributes:
        design: the design that was tried.
        machines: number of random machines; ``seed``: seed of the series.
        questions: a question of the thread to the rulings of the scenarios that ask it.
        conditions: a condition to the rulings of its machines.
        cases: faults, undeclared ones first.
        more: further machines with a fault, which are not shown.
    """

    design: Variant
    machines: int
    seed: int
    questions: dict[str, Counter[Ruling]]
    conditions: dict[str, Counter[Ruling]]
    cases: tuple[Case, ...]
    more: int

    @property
    def failed(self) -> tuple[Case, ...]:
        """The faults that neither the design nor a scenario's expectation of it admits."""
        return tuple(case for case in self.cases if not case.admitted)

    def __repr__(self) -> str:
        faults = f"{len(self.failed)} faults" if self.failed else "no fault"
        return f"<Trial of {self.design.label}: {self.machines} machines, {faults}>"

    def to_json(self) -> bytes:
        """The trial as UTF-8 JSON."""
        record = {
            "schema": TRIAL_SCHEMA,
            "design": self.design.label,
            "machines": self.machines,
            "seed": self.seed,
            "questions": {name: _plain(found) for name, found in self.questions.items()},
            "conditions": {name: _plain(found) for name, found in self.conditions.items()},
            "cases": [case.as_json() for case in self.cases],
            "more": self.more,
        }
        return (json.dumps(record, ensure_ascii=False) + "\n").encode()


def _plain(found: Counter[Ruling]) -> dict[str, int]:
    return {str(ruling): found[ruling] for ruling in Ruling if found[ruling]}


def trial(
    design: Chosen, *, n: int = 110, seed: int = 0, scenarios: Sequence[str] | None = None
) -> Trial:
    """Try a design in every built-in scenario and on random machines.

    Each run is compared with today's interface on the same machine or, for an encrypted guest, on
    its unencrypted twin. Each fault is reduced to a minimal scenario.

    Args:
        design: a class, a name, text, or a variant, as for ``xe.run``.
        n: number of random machines; the conditions take turns.
        seed: seed of the series.
        scenarios: names of built-in scenarios; None: all of them.

    Raises:
        MachineError: there is no such design or parameter.
        ScenarioError: there is no such built-in scenario.
        DesignError: the class is not a valid design.

    >>> trial("linear-walk", n=11, scenarios=["straddle"])
    <Trial of linear-walk: 11 machines, no fault>
    """
    what = variant(design)
    if n < 0 or seed < 0:
        raise MachineError(f"n and seed: expected 0 or more, got {n} and {seed}")
    questions: dict[str, Counter[Ruling]] = {}
    faults: list[tuple[Scenario, Judged, str]] = []
    for name in builtin_names() if scenarios is None else scenarios:
        scenario = load_builtin(name)
        found = judge(scenario, what, _today_of_builtin(name))
        if found is None:
            continue
        for question in scenario.about.question:
            questions.setdefault(question, Counter())[found.ruling] += 1
        if found.ruling.failed:
            faults.append((scenario, found, admission(what, name, scenario, found)))
    conditions: dict[str, Counter[Ruling]] = {word: Counter() for word in CONDITIONS}
    for number in range(n):
        scenario = machine(number, seed)
        word, _, _ = scenario.about.name.rpartition("-")
        found = judge(scenario, what, _today_of_machine(number, seed))
        if found is None:
            continue
        conditions[word][found.ruling] += 1
        if found.ruling.failed:
            faults.append((scenario, found, admission(what, word, scenario, found)))
    cases, more = _cases(what, faults)
    order = sorted(questions, key=lambda name: int(name[1:]))
    return Trial(
        design=what, machines=n, seed=seed, questions={name: questions[name] for name in order},
        conditions=conditions, cases=cases, more=more,
    )  # fmt: skip


@lru_cache(maxsize=512)
def _today_of_machine(number: int, seed: int) -> Ran | None:
    """Today's run of a machine: the same for every design."""
    try:
        return today(machine(number, seed))
    except (MachineError, ScenarioError):
        return None


@lru_cache(maxsize=64)
def _today_of_builtin(name: str) -> Ran | None:
    try:
        return today(load_builtin(name))
    except (MachineError, ScenarioError):
        return None


def _cases(
    what: Variant, faults: list[tuple[Scenario, Judged, str]]
) -> tuple[tuple[Case, ...], int]:
    """The faults as cases, small and each once; and how many are not shown."""
    cases: dict[str, Case] = {}
    more = 0
    kinds: Counter[tuple[str, Ruling]] = Counter()
    for scenario, found, admitted in sorted(faults, key=lambda one: bool(one[2])):
        name = scenario.about.name
        kind = (name.rpartition("-")[0], found.ruling)
        if admitted or name in builtin_names():
            one = replace(scenario, options=(), expects=())
            case = Case(found=name, ruling=found.ruling, why=found.why, admitted=admitted,
                        scenario=one if admitted else _small(what, scenario, found))  # fmt: skip
        elif len(cases) >= _CASES or kinds[kind]:
            more += 1
            continue
        else:
            kinds[kind] += 1
            case = Case(found=name, ruling=found.ruling, why=found.why, admitted="",
                        scenario=_small(what, scenario, found))  # fmt: skip
        key = name if case.admitted else str((case.scenario.guest, case.scenario.buffers,
                                              case.scenario.actions))  # fmt: skip
        cases.setdefault(key, case)
    return tuple(cases.values()), more


def _small(what: Variant, scenario: Scenario, found: Judged) -> Scenario:
    def shows(one: Scenario) -> bool:
        again = judge(one, what)
        return again is not None and again.ruling is found.ruling

    bare = replace(scenario, options=(), expects=())
    small = shrink(bare, shows)
    again = judge(small, what)
    base = today(small)
    why = again.why if again is not None else found.why
    words = f"{what.label}: {found.ruling}: {why}. Found in {scenario.about.name}, then reduced."
    about = About(
        name=f"{scenario.about.name}-small", title=f"{what.label}: {found.ruling}",
        text="\n".join(textwrap.wrap(words, 72)),
    )  # fmt: skip
    registered = (replace(what, line=0),) if what.design in OPTIONS.values() else ()
    options = tuple({one.label: one for one in (variant(TODAY), *registered)}.values())
    expects: tuple[Expectation, ...] = ()
    if small.guest.encryption == "none":
        expects = (Expectation(options=(TODAY.name,), status=base.outcome.status),)
    return replace(small, about=about, options=options, expects=expects, source=about.name)
