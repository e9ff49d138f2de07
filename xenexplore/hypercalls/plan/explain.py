"""Check the copies that a real Xen made against the catalogue's prediction.

The plan runs against the recorded accesses one by one.  Where the arguments and
what the recording shows do not decide, the search tries the alternatives in
order, Xen's usual path first, and starts the plan again for each: an access is
never skipped, merged with another, or split.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from xenexplore.hypercalls.catalogue.abis import guest_of
from xenexplore.hypercalls.catalogue.entries import family as find_family
from xenexplore.hypercalls.catalogue.entries import family_of
from xenexplore.hypercalls.language.statements import CopyStatement
from xenexplore.hypercalls.language.values import Free
from xenexplore.hypercalls.plan.predict import (
    ImpossibleError,
    PlanCall,
    PlanChoice,
    PlanCopy,
    PlanOutcome,
    predict,
)
from xenexplore.steps import Direction, Ending, PlanVerdict

__all__ = ["Explanation", "Seen", "explain", "name_of"]

# An access as recorded: direction, linear address, bytes.
Seen = tuple[Direction, int, int]

_MOST_ATTEMPTS = 20_000  # alternatives in one call, before the search gives up
_ROUNDS = 2  # the same question this often without an access in between: leave that loop
_LOOPING = ("state", "loop", "branch")


@dataclass(frozen=True, slots=True)
class Explanation:
    """Result of checking one recorded hypercall against the catalogue.

    Attributes:
        verdict: exact: arguments alone decide every access, whatever Xen's
            state (see ``choices``).  Free: so do the contents of guest
            memory that the recording does not hold.  Unexplained: Xen did
            something that the plan does not allow.  Unmodelled: the
            catalogue has no plan.  Unknown: no such hypercall or sub-op,
            yet Xen copied.
        name: hypercall and sub-op.
        free: names of the free variables that took part, in order.
        choices: where Xen's state decided against the usual path, and why.
        pieces: the predicted access behind each recorded one.
        outcome: how the call ended, where the search succeeded.
        matched: accesses explained by the furthest attempt.
        expected: what that attempt wanted next, where it failed.
    """

    verdict: PlanVerdict
    name: str
    free: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()
    pieces: tuple[PlanCopy, ...] = ()
    outcome: PlanOutcome | None = None
    matched: int = 0
    expected: str = ""


def name_of(call: PlanCall) -> str:
    """``family.sub-op`` as far as the arguments tell; ``?`` marks what is not catalogued."""
    name, known = _named(call)
    return name if known else f"{name}?"


def _named(call: PlanCall) -> tuple[str, bool]:
    """The name, and whether the catalogue has it for this kind of guest."""
    family = family_of(call.number, call.xen)
    if family is None or guest_of(call.guest) not in family.guests:
        return f"{call.number}", False
    if not family.ops or isinstance(family.plan[0], CopyStatement):  # the sub-op is in memory
        return family.name, True
    cmd = next(
        (
            index
            for index, argument in enumerate(family.args)
            if argument.name in ("cmd", "op") and not argument.type.startswith("handle")
        ),
        None,
    )
    if cmd is None:
        return family.name, True
    value = call.args[cmd] if cmd < len(call.args) else 0
    value &= family.constants.get("CMD_MASK", 0xFFFF_FFFF)
    found = family.ops.get(value)
    if found is None or guest_of(call.guest) not in found.guests:
        return f"{family.name}.{value}", False
    return found.title, True


def explain(
    call: PlanCall,
    copies: Sequence[Seen],
    *,
    following: PlanCall | None = None,
    attempts: int = _MOST_ATTEMPTS,
) -> Explanation:
    """Whether the catalogue allows the copies recorded during one hypercall.

    Args:
        call: number, arguments and guest kind.
        copies: the accesses inside it, in order.
        following: the guest's next hypercall of the same number.  That the
            call was preempted is believed only if this is its next leg, with
            the arguments that the plan's ``continue`` gives it.
        attempts: give up after trying that many alternatives.
    """
    # An error or a preemption is believed only where nothing simpler fits.
    if following is None:
        calm = _Search(call, copies, calm=True).result(attempts)
        if calm.verdict.explained:
            return calm
    return _Search(call, copies, following).result(attempts)


class _Search:
    """Depth-first over the alternatives, by running the plan again."""

    def __init__(
        self,
        call: PlanCall,
        copies: Sequence[Seen],
        following: PlanCall | None = None,
        *,
        calm: bool = False,
    ) -> None:
        self.calm = calm
        self.call = call
        self.following = following
        self.copies = copies
        self.answers: list[tuple[PlanChoice, tuple[bool | int, ...], int]] = []
        self.unmodelled: PlanOutcome | None = None
        # Multicall entries: index of the answer to (which entry, accesses before it).
        self.entries: dict[int, tuple[int, int]] = {}
        self.hopeless: set[tuple[int, int]] = set()
        self.matched = 0
        self.expected = ""
        self.pieces: list[PlanCopy] = []
        self.free: dict[str, None] = {}

    def result(self, attempts: int) -> Explanation:
        name = name_of(self.call)
        for _ in range(attempts):
            outcome = self.attempt()
            if outcome is not None:
                return self.success(name, outcome)
            while self.answers and self.answers[-1][2] + 1 >= len(self.answers[-1][1]):
                self.answers.pop()
                # What follows an entry of a multicall depends on nothing else.
                self.hopeless.add(self.entries.pop(len(self.answers), (-1, -1)))
            if not self.answers:
                break
            choice, options, index = self.answers[-1]
            self.answers[-1] = (choice, options, index + 1)
        else:
            self.expected = f"no match in {attempts} attempts; {self.expected}"
        if self.unmodelled is not None:
            return self.success(name, self.unmodelled)
        _, known = _named(self.call)
        verdict = PlanVerdict.UNEXPLAINED if known else PlanVerdict.UNKNOWN
        return Explanation(verdict, name, matched=self.matched, expected=self.expected)

    def success(self, name: str, outcome: PlanOutcome) -> Explanation:
        if outcome.how is Ending.UNMODELLED:
            return Explanation(
                PlanVerdict.UNMODELLED, name, outcome=outcome, expected=outcome.reason
            )
        unusual = []
        for choice, options, index in self.answers:
            if choice.kind in ("branch", "loop", "callee", "sub-op"):
                self.free.setdefault(choice.reason)
            elif options[index] != choice.usual:
                unusual.append(str(choice))
        return Explanation(
            verdict=PlanVerdict.FREE if self.free else PlanVerdict.EXACT,
            name=name,
            free=tuple(self.free),
            choices=tuple(unusual),
            pieces=tuple(self.pieces),
            outcome=outcome,
            matched=len(self.copies),
        )

    def attempt(self) -> PlanOutcome | None:
        """Run the plan with the answers so far; None if it does not match."""
        self.pieces, self.free = [], {}
        position, answered = 0, 0
        steps = predict(self.call)
        reply: bool | int | None = None
        asked: dict[str, int] = {}  # since the last access that was matched
        try:
            step = next(steps)
            for _ in range(100 * len(self.copies) + 400):
                if isinstance(step, PlanCopy):
                    reply = None
                    if not step.inline:
                        if not self.meets(step, position):
                            return None
                        position += 1
                        asked.clear()
                else:
                    # "n > 3" is asked in the round after "n > 2".
                    question = step.reason.rstrip("0123456789")
                    asked[question] = asked.get(question, 0) + 1
                    if answered == len(self.answers):
                        options = self.options(step, position)
                        if asked[question] > _ROUNDS and step.kind in _LOOPING:
                            # More rounds without an access explain no more.
                            options = options[-1:]
                        if not options or not self.worthwhile(step, position):
                            return None
                        self.answers.append((step, options, 0))
                    _, options, index = self.answers[answered]
                    reply = options[index]
                    answered += 1
                step = steps.send(reply)
        except ImpossibleError:
            return None
        except StopIteration as stop:
            outcome: PlanOutcome = stop.value
            if outcome.how is Ending.CONTINUED and not self.resumed(outcome):
                self.note(position, "the call again, with a continuation's arguments")
                return None
            if outcome.how is Ending.UNMODELLED and self.guessed():
                # Another sub-op may be modelled and fit.
                self.unmodelled = self.unmodelled or outcome
                return None
            if position == len(self.copies) or outcome.how is Ending.UNMODELLED:
                return outcome
            self.note(position, f"the end ({outcome.how})")
            return None
        self.note(position, "fewer alternatives")
        return None

    def worthwhile(self, choice: PlanChoice, position: int) -> bool:
        """Whether this entry of a multicall has not failed here before."""
        if choice.kind != "callee":
            return True
        entry = (sum(index < len(self.answers) for index in self.entries), position)
        if entry in self.hopeless:
            return False
        self.entries[len(self.answers)] = entry
        return True

    def guessed(self) -> bool:
        """Whether this run chose a hypercall or sub-op that was not recorded."""
        return any(
            choice.kind in ("callee", "sub-op") and len(options) > 1
            for choice, options, _ in self.answers
        )

    def meets(self, step: PlanCopy, position: int) -> bool:
        if position == len(self.copies):
            self.note(position, _shown(step))
            return False
        direction, address, length = self.copies[position]
        free = [v.variable.name for v in (step.address, step.length) if isinstance(v, Free)]
        if direction != step.direction or not step.accepts(address, length):
            self.note(position, _shown(step))
            return False
        self.pieces.append(step)
        self.free.update(dict.fromkeys(free))
        return True

    def options(self, choice: PlanChoice, position: int) -> tuple[bool | int, ...]:
        """The answers worth trying."""
        left = position < len(self.copies)
        if self.calm and choice.kind in ("fail", "continue"):
            return choice.options[:1]
        if choice.kind == "continue" and self.following is None:
            return tuple(o for o in choice.options if not o)
        if choice.ends and left:
            return tuple(o for o in choice.options if not o)
        if choice.kind == "callee":
            if not left:
                return choice.options[:1]
            direction, _, length = self.copies[position]
            return tuple(
                option
                for option in choice.options
                if int(option) < 0 or _can_start(int(option), self.call, direction, length)
            )
        if choice.kind == "sub-op":
            return _distinct(choice.family, choice.options, self.call.xen)
        return choice.options

    def resumed(self, outcome: PlanOutcome) -> bool:
        """Whether the guest's next such hypercall is this one's next leg."""
        if self.following is None or outcome.args is None:
            return False
        for value, seen in zip(outcome.args, self.following.args, strict=False):
            # A 32-bit argument leaves the register's upper half open.
            width = 32 if isinstance(value, int) and value < 1 << 32 else 64
            if isinstance(value, int) and (value - seen) % (1 << width):
                return False
        return True

    def note(self, position: int, expected: str) -> None:
        """Remember the furthest disagreement; of several there, Xen's usual path's."""
        if position > self.matched or not self.expected:
            self.matched, self.expected = position, expected


def _shown(step: PlanCopy) -> str:
    address = f"{step.address:#x}" if isinstance(step.address, int) else str(step.address)
    return (
        f"{step.direction} {address}, {step.length} bytes ({step.title}: {step.role or step.type})"
    )


@lru_cache(maxsize=256)
def _distinct(family: str, options: tuple[bool | int, ...], xen: str) -> tuple[bool | int, ...]:
    """One sub-op for each different copy plan: the recording cannot tell the others apart."""
    ops = find_family(family, xen).ops
    kept: dict[str, bool | int] = {}
    for option in options:
        op = ops[int(option)]
        if op.missing:
            continue
        kept.setdefault(op.plan_text, option)
    return tuple(kept.values())


@lru_cache(maxsize=512)
def _starts(number: int, guest: str, xen: str) -> tuple[Seen, ...]:
    """Direction and bounds of the length of every first access that a hypercall can make."""
    found: set[Seen] = set()
    answers: list[tuple[tuple[bool | int, ...], int]] = []
    for _ in range(_MOST_ATTEMPTS):
        steps = predict(PlanCall(number, (), guest, xen=xen), unknown=True)
        answered = 0
        try:
            step = next(steps)
            for _ in range(200):
                if isinstance(step, PlanCopy):
                    if not step.inline:
                        size = step.length
                        low, high = size.bounds() if isinstance(size, Free) else (size, size)
                        found.add((step.direction, low, high))
                        break
                    step = steps.send(None)
                    continue
                if answered == len(answers):
                    answers.append((step.options, 0))
                options, index = answers[answered]
                answered += 1
                step = steps.send(options[index])
        except (StopIteration, ImpossibleError):
            pass
        while answers and answers[-1][1] + 1 >= len(answers[-1][0]):
            answers.pop()
        if not answers:
            break
        answers[-1] = (answers[-1][0], answers[-1][1] + 1)
    return tuple(sorted(found))


def _can_start(number: int, around: PlanCall, direction: Direction, length: int) -> bool:
    starts = _starts(number, around.guest, around.xen)
    return any(d == direction and low <= length <= high for d, low, high in starts)
