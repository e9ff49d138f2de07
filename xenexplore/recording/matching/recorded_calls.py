"""Each recorded hypercall with the accesses that it made, and what explains it.

That a call was preempted is believed only where the guest's next call of that
number is its continuation, with the arguments that the plan gives it.  Accesses
that the recorder logged twice are left out only where Xen's walks prove it
(:mod:`~xenexplore.recording.matching.logged_twice`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from xenexplore.hypercalls.catalogue.entries import family_of
from xenexplore.hypercalls.plan.explain import Explanation, Seen, explain
from xenexplore.hypercalls.plan.predict import PlanCall
from xenexplore.recording.format.columns import UNHANDLED, WAYS, Recording
from xenexplore.recording.matching.logged_twice import logged_twice
from xenexplore.steps import PlanVerdict

__all__ = ["Matcher", "RecordedCall", "recorded_calls"]

_IRET = 23
# How far to look for a continuation: the guest may take an event in between.
_SOON = 64
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
    """

    row: int
    domain: int
    call: PlanCall
    copies: tuple[Seen, ...]


def recorded_calls(recording: Recording) -> Iterator[RecordedCall]:
    """Every hypercall with the accesses that it really made, in recorded order."""
    calls, accesses = recording.calls, recording.accesses
    start = recording.access_start.tolist()
    rows = zip(
        calls.number.tolist(), calls.args.tolist(), calls.kind.tolist(),
        calls.domain.tolist(), calls.rsp.tolist(), strict=True,
    )  # fmt: skip
    copies = list(
        zip(
            (WAYS[code] for code in accesses.direction.tolist()),
            accesses.address.tolist(),
            accesses.size.tolist(),
            strict=True,
        )
    )
    counts = (accesses.inside & ~logged_twice(recording)).tolist()
    for row, (number, args, kind, domain, rsp) in enumerate(rows):
        mine = range(start[row], start[row + 1])
        call = PlanCall(
            number,
            tuple(args[: _arity(number)]),
            "hvm" if kind else "pv",
            rsp=rsp if number == _IRET else None,
        )
        yield RecordedCall(row, domain, call, tuple(copies[at] for at in mine if counts[at]))


_ARITY: dict[int, int] = {}


def _arity(number: int) -> int:
    """How many argument registers the handler takes: the others hold what was left there."""
    known = _ARITY.get(number)
    if known is None:
        family = family_of(number) if number != UNHANDLED else None
        known = _ARITY[number] = len(family.args) if family is not None else 6
    return known


def _explained(seen: RecordedCall, leg: PlanCall | None, attempts: int) -> Explanation:
    if seen.call.number != UNHANDLED:
        return explain(seen.call, seen.copies, following=leg, attempts=attempts)
    if not seen.copies:
        return _UNHANDLED
    return Explanation(PlanVerdict.UNKNOWN, "unhandled", expected="no access without a handler")


class Matcher:
    """What the catalogue says about each call of a recording; equal calls are explained once.

    Args:
        calls: every hypercall of the recording, as :func:`recorded_calls` gives them.
    """

    def __init__(self, calls: Sequence[RecordedCall]) -> None:
        self._calls = calls
        self._known: dict[object, Explanation] = {}

    def verdict(self, seen: RecordedCall) -> Explanation:
        """What explains a call: by itself, or else as a leg that the next call continues."""
        found = self._try(seen, None, _ATTEMPTS[0])
        if found.verdict is not PlanVerdict.UNEXPLAINED:
            return found
        leg = self._next_leg(seen)
        for attempts in _ATTEMPTS:
            for next_call in (None, leg.call) if leg is not None else (None,):
                found = self._try(seen, next_call, attempts)
                if found.verdict is not PlanVerdict.UNEXPLAINED:
                    return found
        return found

    def continuation(self, seen: RecordedCall) -> RecordedCall | None:
        """The call that goes on with this one, which Xen preempted; None: it was not preempted."""
        if self._try(seen, None, _ATTEMPTS[-1]).verdict is not PlanVerdict.UNEXPLAINED:
            return None
        leg = self._next_leg(seen)
        if leg is None:
            return None
        found = self._try(seen, leg.call, _ATTEMPTS[-1])
        return None if found.verdict is PlanVerdict.UNEXPLAINED else leg

    def _next_leg(self, seen: RecordedCall) -> RecordedCall | None:
        """The domain's next hypercall of the same number, soon after: possibly its continuation."""
        for later in self._calls[seen.row + 1 : seen.row + 1 + _SOON]:
            if later.domain == seen.domain and later.call.number == seen.call.number:
                return later
        return None

    def _try(self, seen: RecordedCall, leg: PlanCall | None, attempts: int) -> Explanation:
        key = (seen.call, seen.copies, leg, attempts)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = _explained(seen, leg, attempts)
        return found
