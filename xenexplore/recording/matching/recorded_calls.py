"""Each recorded hypercall with its accesses, and its explanation.

That a call was preempted is believed only where the same vCPU makes it again, from
the same instruction and with the same stack pointer where these were recorded, with
the arguments that the plan gives a continuation.  Events may be handled and other
vCPUs may run in between (hypercall_create_continuation(), xen/arch/x86/hypercall.c,
rewinds RIP and returns to the guest).  Accesses
that the recorder logged twice are left out only where Xen's walks prove it
(:mod:`~xenexplore.recording.matching.logged_twice`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from xenexplore.hypercalls.catalogue.entries import family_of
from xenexplore.hypercalls.plan.explain import Explanation, Seen, explain
from xenexplore.hypercalls.plan.predict import PlanCall
from xenexplore.recording.format.columns import KINDS, UNHANDLED, WAYS, Recording
from xenexplore.recording.format.header import need_accesses
from xenexplore.recording.matching.logged_twice import logged_twice
from xenexplore.steps import PlanVerdict

__all__ = ["Matcher", "RecordedCall", "recorded_call", "recorded_calls"]

_IRET = 23
# How far to look for a continuation where RIP and RSP were not recorded, in calls:
# the guest may take an event in between.
_SOON = 64
# How many of the vCPU's next calls from the same place may be it: a handler of
# events in between can make the same call, too.
_LEGS = 4
# Alternatives to try: first few, for the call alone and as a preempted leg,
# then many.  No call of the shipped recordings needs more than 250.
_ATTEMPTS = (300, 3000)

# hvm_hypercall() and pv_hypercall() find no handler and return -ENOSYS: no
# guest access.  The recorder then sees neither number nor arguments.
_UNHANDLED = Explanation(
    PlanVerdict.EXACT, "unhandled", choices=("fail: -ENOSYS, there is no handler",)
)


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """One recorded hypercall with its accesses.

    Attributes:
        row: its row in ``Recording.calls``.
        domain: index into ``Recording.domains``, or -1.
        call: number, arguments that its handler takes, guest kind.
        copies: (direction, linear address, bytes), in order.
        vcpu: which vCPU made it, as far as the recording tells.
        site: the guest's RIP and RSP, or zeros.
    """

    row: int
    domain: int
    call: PlanCall
    copies: tuple[Seen, ...]
    vcpu: tuple[int, int, int] = (-1, -1, 0)
    site: tuple[int, int] = (0, 0)

    @property
    def place(self) -> tuple[object, ...]:
        """Key that a continuation shares with the call that it continues."""
        return (self.vcpu, self.call.number, self.site)


def recorded_calls(recording: Recording) -> Iterator[RecordedCall]:
    """Every hypercall with the accesses recorded for it, in recorded order.

    Raises:
        RecordingError: it comes from a Xen that the catalogue does not describe, or has
            no accesses.
    """
    return _between(recording, 0, len(recording.calls))


def recorded_call(recording: Recording, row: int) -> RecordedCall:
    """One hypercall of :func:`recorded_calls`, by its row."""
    return next(_between(recording, row, row + 1))


def _between(recording: Recording, first: int, last: int) -> Iterator[RecordedCall]:
    """The hypercalls of some rows: nothing of the others is looked at."""
    need_accesses(recording.source, recording.meta)
    calls, accesses, xen = recording.calls, recording.accesses, recording.release
    some = slice(first, last)
    start = recording.access_start[first : last + 1].tolist()
    rows = zip(
        calls.number[some].tolist(), calls.args[some].tolist(), calls.kind[some].tolist(),
        calls.domain[some].tolist(), calls.rsp[some].tolist(), calls.rip[some].tolist(),
        calls.vcpu[some].tolist(), calls.vcpu_at[some].tolist(), strict=True,
    )  # fmt: skip
    those = slice(start[0], start[-1])
    copies = list(
        zip(
            (WAYS[code] for code in accesses.direction[those].tolist()),
            accesses.address[those].tolist(),
            accesses.size[those].tolist(),
            strict=True,
        )
    )
    counts = (accesses.inside & ~logged_twice(recording))[those].tolist()
    for at, (number, args, kind, domain, rsp, rip, vcpu, when) in enumerate(rows):
        mine = range(start[at] - start[0], start[at + 1] - start[0])
        call = PlanCall(
            number,
            tuple(args[: _arity(number, xen)]),
            KINDS[kind],
            rsp=rsp if number == _IRET else None,
            xen=xen,
        )
        seen = tuple(copies[index] for index in mine if counts[index])
        yield RecordedCall(first + at, domain, call, seen, (domain, vcpu, when), (rip, rsp))


@cache
def _arity(number: int, xen: str) -> int:
    """Number of argument registers that the handler takes: the others hold what was left there."""
    family = family_of(number, xen) if number != UNHANDLED else None
    return len(family.args) if family is not None else 6


def _explained(seen: RecordedCall, leg: PlanCall | None, attempts: int) -> Explanation:
    if seen.call.number != UNHANDLED:
        return explain(seen.call, seen.copies, following=leg, attempts=attempts)
    if not seen.copies:
        return _UNHANDLED
    return Explanation(PlanVerdict.UNKNOWN, "unhandled", expected="no access without a handler")


class Matcher:
    """Matcher of a recording's calls with the catalogue; equal calls are explained once.

    Args:
        calls: every hypercall of the recording, as :func:`recorded_calls` gives them.
    """

    def __init__(self, calls: Sequence[RecordedCall]) -> None:
        self._calls = calls
        self._places: dict[tuple[object, ...], list[int]] = {}
        for index, seen in enumerate(calls):
            self._places.setdefault(seen.place, []).append(index)
        self._index = {seen.row: index for index, seen in enumerate(calls)}
        self._known: dict[object, Explanation] = {}

    def verdict(self, seen: RecordedCall) -> Explanation:
        """Explanation of a call on its own, or as a leg that the next call continues."""
        found = self._try(seen, None, _ATTEMPTS[0])
        if found.verdict is not PlanVerdict.UNEXPLAINED:
            return found
        legs = self._legs(seen)
        for attempts in _ATTEMPTS:
            for next_call in (None, *(leg.call for leg in legs)):
                found = self._try(seen, next_call, attempts)
                if found.verdict is not PlanVerdict.UNEXPLAINED:
                    return found
        return found

    def continuation(self, seen: RecordedCall) -> RecordedCall | None:
        """The call that continues this one, which Xen preempted; None: it was not preempted."""
        if self._try(seen, None, _ATTEMPTS[-1]).verdict is not PlanVerdict.UNEXPLAINED:
            return None
        for leg in self._legs(seen):
            if self._try(seen, leg.call, _ATTEMPTS[-1]).verdict is not PlanVerdict.UNEXPLAINED:
                return leg
        return None

    def _legs(self, seen: RecordedCall) -> list[RecordedCall]:
        """The vCPU's next calls of the same number from the same place, which may continue it."""
        index = self._index[seen.row]
        places = self._places[seen.place]
        at = bisect_right(places, index)
        later = places[at : at + _LEGS]
        if not all(seen.site):
            later = [found for found in later if found <= index + _SOON]
        return [self._calls[found] for found in later]

    def _try(self, seen: RecordedCall, leg: PlanCall | None, attempts: int) -> Explanation:
        key = (seen.call, seen.copies, leg, attempts)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _explained(seen, leg, attempts)
        return found
