"""The catalogue matched with a recording: does each copy plan allow the recorded copies?

Each hypercall's accesses, in order and as they were recorded, are held
against what its copy plan predicts (:func:`xenexplore.hypercalls.explain`).
No access is skipped, merged with its neighbour, or split.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from xenexplore.display import Shown
from xenexplore.hypercalls.plan.explain import Explanation
from xenexplore.recording.format.columns import Damage, RecordedDomain, Recording
from xenexplore.recording.matching.logged_twice import logged_twice
from xenexplore.recording.matching.recorded_calls import Matcher, RecordedCall, recorded_calls
from xenexplore.steps import PlanVerdict

__all__ = [
    "DomainMatching",
    "Matching",
    "Mismatch",
    "OpMatching",
    "match_recording",
]


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One kind of disagreement, with an example.

    Attributes:
        name: hypercall and sub-op.
        verdict: unexplained, unmodelled or unknown.
        expected: what the plan wanted where it stopped fitting, without addresses.
        count: calls that disagree so.
        example: the first of them.
        matched: how many of the example's accesses were explained before.
        detail: what was expected in the example.
    """

    name: str
    verdict: PlanVerdict
    expected: str
    count: int
    example: RecordedCall
    matched: int
    detail: str


@dataclass(frozen=True, slots=True)
class OpMatching:
    """All calls of one hypercall or sub-op.

    Attributes:
        name: hypercall and sub-op.
        calls: how many; ``accesses``: their recorded accesses.
        exact: the arguments alone decide every access.
        free: the rest, where contents of guest memory that were not
            recorded are free variables.
        unexplained: calls that the catalogue does not allow, or cannot match.
        unusual: how often each exit or turn that depends on Xen's own state
            was needed to explain one of ``exact`` and ``free``.
        variables: how often each free variable took part.
    """

    name: str
    calls: int
    accesses: int
    exact: int
    free: int
    unexplained: int
    unusual: tuple[tuple[str, int], ...]
    variables: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class DomainMatching:
    """All calls of one domain (``domain`` None: of none that is known)."""

    domain: RecordedDomain | None
    hypercalls: int
    accesses: int
    exact: int
    free: int
    unexplained: int
    repeats: int  # accesses left out: logged twice, made once
    ops: tuple[OpMatching, ...]
    mismatches: tuple[Mismatch, ...]


@dataclass(frozen=True, slots=True)
class Matching(Shown):
    """A whole recording, domain by domain."""

    source: str
    domains: tuple[DomainMatching, ...]
    damage: Damage | None

    def __repr__(self) -> str:
        calls = sum(found.hypercalls for found in self.domains)
        left = sum(found.unexplained for found in self.domains)
        return f"<Matching {self.source}: {calls} hypercalls, {left} not explained>"


@dataclass(slots=True)
class _Tally:
    calls: int = 0
    accesses: int = 0
    exact: int = 0
    free: int = 0
    unexplained: int = 0
    unusual: dict[str, int] = field(default_factory=dict)
    variables: dict[str, int] = field(default_factory=dict)

    def add(self, seen: RecordedCall, found: Explanation) -> None:
        self.calls += 1
        self.accesses += len(seen.copies)
        if not found.verdict.explained:
            self.unexplained += 1
            return
        self.exact += found.verdict is PlanVerdict.EXACT
        self.free += found.verdict is PlanVerdict.FREE
        for counts, reasons in ((self.unusual, found.choices), (self.variables, found.free)):
            for reason in dict.fromkeys(_element(reason) for reason in reasons):
                counts[reason] = counts.get(reason, 0) + 1

    def frozen(self, name: str) -> OpMatching:
        return OpMatching(
            name, self.calls, self.accesses, self.exact, self.free, self.unexplained,
            _descending(self.unusual), _descending(self.variables),
        )  # fmt: skip


def _element(reason: str) -> str:
    """One name for the same field of every element of an array."""
    return re.sub(r" > \d+$", " > i", re.sub(r"\[\d+", "[i", reason))


def _descending(counts: dict[str, int]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def match_recording(recording: Recording) -> Matching:
    """Explain every hypercall of every domain."""
    tallies: dict[int, dict[str, _Tally]] = {domain.index: {} for domain in recording.domains}
    wrong: dict[int, dict[tuple[str, str], Mismatch]] = {}
    calls = list(recorded_calls(recording))
    verdicts = Matcher(calls)
    for seen in calls:
        found = verdicts.verdict(seen)
        tallies.setdefault(seen.domain, {}).setdefault(found.name, _Tally()).add(seen, found)
        if not found.verdict.explained:
            _note(wrong.setdefault(seen.domain, {}), seen, found)
    repeats = _repeats(recording)
    by_index = {domain.index: domain for domain in recording.domains}
    order = sorted(tallies, key=lambda index: (index < 0, index))
    return Matching(
        recording.source,
        tuple(
            _domain(by_index.get(i), tallies[i], wrong.get(i, {}), repeats.get(i, 0)) for i in order
        ),
        recording.damage,
    )


def _repeats(recording: Recording) -> dict[int, int]:
    """Number of accesses of each domain that were logged twice."""
    rows = recording.accesses.call[recording.accesses.inside & logged_twice(recording)]
    values, counts = np.unique(recording.calls.domain[rows], return_counts=True)
    return dict(zip(values.tolist(), counts.tolist(), strict=True))


def _note(kinds: dict[tuple[str, str], Mismatch], seen: RecordedCall, found: Explanation) -> None:
    expected = re.sub(r"0x[0-9a-f]+", "ADDRESS", _element(found.expected))
    before = kinds.get((found.name, expected))
    kinds[found.name, expected] = Mismatch(
        name=found.name,
        verdict=found.verdict,
        expected=expected,
        count=before.count + 1 if before else 1,
        example=before.example if before else seen,
        matched=before.matched if before else found.matched,
        detail=before.detail if before else found.expected,
    )


def _domain(
    domain: RecordedDomain | None,
    tallies: dict[str, _Tally],
    wrong: dict[tuple[str, str], Mismatch],
    repeats: int,
) -> DomainMatching:
    ops = [tally.frozen(name) for name, tally in tallies.items()]
    return DomainMatching(
        domain=domain,
        hypercalls=sum(op.calls for op in ops),
        accesses=sum(op.accesses for op in ops),
        exact=sum(op.exact for op in ops),
        free=sum(op.free for op in ops),
        unexplained=sum(op.unexplained for op in ops),
        repeats=repeats,
        ops=tuple(sorted(ops, key=lambda op: (-op.calls, op.name))),
        mismatches=tuple(sorted(wrong.values(), key=lambda m: (-m.count, m.name, m.expected))),
    )
