"""A design's cost over a recording from a stratified sample of hypercalls, with intervals.

Strata: hypercall, sub-op, caller (user or kernel), and pages touched, bytes read and bytes
written, by powers of two: rare large calls are strata of their own.  A total is the sum over
strata of calls times the sample's mean; its 95% interval is normal, from the strata's sample
variances with finite-population correction (Cochran, Sampling Techniques, 5.4 and 5.6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from xenexplore.analysis.replay.stepwise import ReplayGuest, SteppedCall, every
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import Workload
from xenexplore.errors import MachineError
from xenexplore.hypervisor.outcome import Counts
from xenexplore.options.variant import Variant

__all__ = ["METHOD", "Stepped", "replay_stepwise", "strata_of"]

METHOD = "stratified; 95% normal interval, finite population"
_LEAST = 4
_QUANTILE = 1.959964  # of the normal distribution, at 0.975
_NAMES = tuple(field.name for field in fields(Counts))


@dataclass(frozen=True, slots=True)
class Stepped:
    """One domain's hypercalls under one design, by the step-by-step machine.

    Attributes:
        design: what was replayed; ``domain``: whose hypercalls.
        hypercalls: how many were recorded; ``refused``: those it cannot carry.
        why: reasons for refusal, with counts.
        sampled: hypercalls that were replayed; all of them: the counts are exact.
        strata: groups that the sample was drawn from; ``seed``: of the draw.
        counts: totals, rounded where they are estimates.
        intervals: the totals' 95% intervals, by name.
        failed: copies that failed, as a total.
    """

    design: Variant
    domain: int
    hypercalls: int
    refused: int
    why: tuple[tuple[str, int], ...]
    sampled: int
    strata: int
    seed: int
    counts: Counts
    intervals: Mapping[str, tuple[float, float]]
    failed: int

    @property
    def exact(self) -> bool:
        """Whether every hypercall was replayed."""
        return self.sampled == self.hypercalls


def strata_of(workload: Workload, domain: int) -> NDArray[np.int64]:
    """The stratum of each of a domain's hypercalls, from 0."""
    calls = workload.calls_of(domain)
    rows = workload.inside(domain)
    accesses = workload.accesses
    inward, size = accesses.way[rows] == 0, accesses.size[rows].astype(np.int64)

    def magnitude(amounts: NDArray[np.int64]) -> NDArray[np.int64]:
        """Powers of two of what the calls' accesses have together."""
        sums = np.bincount(accesses.call[rows], amounts, len(workload.calls))[calls]
        return np.ceil(np.log2(sums + 1)).astype(np.int64)

    keys = np.stack([
        workload.calls.number[calls].astype(np.int64), workload.calls.sub_op[calls],
        workload.calls.user[calls], magnitude(accesses.pages()[rows]),
        magnitude(size * inward), magnitude(size * ~inward),
    ], axis=1)  # fmt: skip
    _, stratum = np.unique(keys, axis=0, return_inverse=True)
    return stratum.reshape(-1).astype(np.int64)


def replay_stepwise(
    workload: Workload, what: Variant, domain: int, shape: PageSizes | None = None, *,
    n: int = 400, seed: int = 0, all: bool = False,  # noqa: A002 - what it says
) -> Stepped:  # fmt: skip
    """Replay a domain's hypercalls copy by copy: a sample, or all.

    Each call of a sample is replayed by a design that has seen nothing, and again after
    the call before it.  Where these differ the design keeps something from call to call,
    and a sample would say nothing: that is an error.

    Args:
        workload: the recorded accesses.
        what: the design.
        domain: whose hypercalls.
        shape: page sizes assumed.
        n: hypercalls to draw, at least 4 of each stratum.
        seed: seed of the sample.
        all: replay every hypercall, in order.

    Raises:
        MachineError: the design cannot be replayed call by call, or not by a sample.
        DesignError: a hook's mistake.
        RecordingError: the domain made its hypercalls without paging.
    """
    machine = ReplayGuest(workload, what, domain, shape if shape is not None else PageSizes())
    stratum = strata_of(workload, domain)
    total = len(stratum)
    if machine.refuses:
        why = ((machine.refuses, total),)
        return Stepped(what, domain, total, total, why, total, 0, seed, Counts(), {}, 0)
    chosen = np.arange(total) if all else _drawn(stratum, n, seed)
    if all:
        done = list(every(machine, total))
    else:
        done = [_alone(machine, index, what) for index in chosen.tolist()]
    return _summed(what, domain, stratum, chosen, done, seed)


def _drawn(stratum: NDArray[np.int64], n: int, seed: int) -> NDArray[np.int64]:
    """Indices of the sample, ascending: in proportion, and some of each stratum."""
    if n < 1:
        raise MachineError(f"n: expected 1 hypercall or more, got {n}")
    rng = np.random.default_rng(seed)
    chosen = []
    for number in range(int(stratum.max(initial=-1)) + 1):
        members = np.flatnonzero(stratum == number)
        size = min(len(members), max(_LEAST, round(n * len(members) / len(stratum))))
        chosen.append(rng.choice(members, size, replace=False))
    return np.sort(np.concatenate(chosen)) if chosen else np.zeros(0, np.int64)


def _alone(machine: ReplayGuest, index: int, what: Variant) -> SteppedCall:
    """One call of a sample; the call before it must make no difference."""
    machine.restart()
    cold = machine.call(index)
    if index:
        machine.restart()
        machine.call(index - 1)
        if machine.call(index) != cold:
            raise MachineError(
                f"option {what.use!r} keeps state from one hypercall to the next: a sample would "
                "be meaningless; replay all of them (all=True, --all)"
            )
    return cold


def _summed(
    what: Variant, domain: int, stratum: NDArray[np.int64], chosen: NDArray[np.int64],
    done: list[SteppedCall], seed: int,
) -> Stepped:  # fmt: skip
    columns = np.array(
        [[*(getattr(one.counts, name) for name in _NAMES), one.failed, bool(one.refused)]
         for one in done], float,
    ).reshape(len(done), len(_NAMES) + 2)  # fmt: skip
    totals, variance = np.zeros(columns.shape[1]), np.zeros(columns.shape[1])
    groups = stratum[chosen]
    for number in np.unique(stratum).tolist():
        size, mine = int((stratum == number).sum()), columns[groups == number]
        totals += size * mine.mean(axis=0)
        if size > len(mine):
            spread = mine.var(axis=0, ddof=1) if len(mine) > 1 else mine.mean(axis=0) ** 2
            variance += size**2 * (1 - len(mine) / size) * spread / len(mine)
    half = _QUANTILE * np.sqrt(variance)
    intervals = {
        name: (float(max(0, totals[at] - half[at])), float(totals[at] + half[at]))
        for at, name in enumerate(_NAMES)
    }
    reasons = Counter(one.refused for one in done if one.refused)
    return Stepped(
        what, domain, len(stratum), round(totals[-1]), tuple(reasons.most_common()), len(done),
        len(np.unique(stratum)), seed,
        Counts(**{name: round(totals[at]) for at, name in enumerate(_NAMES)}),
        intervals, round(totals[-2]),
    )  # fmt: skip
