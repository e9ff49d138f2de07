"""Judge a design's run of a scenario against today's interface on the same machine."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from xenexplore.addr import PAGE_SHIFT, Gfn, Gpa
from xenexplore.errors import DesignError, MachineError, ScenarioError
from xenexplore.guest.domain import Domain
from xenexplore.hypervisor.outcome import Outcome
from xenexplore.options.registry import TODAY, variant
from xenexplore.options.variant import Variant
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.runner import run_machine
from xenexplore.steps import (
    Fault,
    GuestWrite,
    Node,
    RegisterPass,
    Return,
    Status,
    Step,
    UncheckedAccess,
)

__all__ = ["Judged", "Ran", "Ruling", "judge", "ran", "today"]

_SCRATCH = ("bounce-", "gfn-list-")
_PRESENT = 1
"""P of a page fault's error code: the page is present (Intel SDM vol. 3A, 4.7)."""


class Ruling(enum.StrEnum):
    """Ruling on a design, beside today's interface."""

    AGREES = "agrees"
    """The same bytes in the same places, the same results; or as wrong as today."""
    REFUSED = "refused"
    """The design says that it cannot do this."""
    FAILS = "reports an error"
    """It reports an error where today's interface moves the bytes."""
    UNCHECKED = "unchecked"
    """It moves bytes that today's walk would refuse, and says that it does not check."""
    HAZARD = "hazard"
    """Bytes go astray, and the run says so by a hazard."""
    DAMAGE = "silent damage"
    """Bytes go astray without an error or a hazard."""
    LOST = "lost check"
    """It moves bytes that today's walk refuses, and calls them checked."""
    DIFFERS = "other results"
    """Every byte is right, but results or the guest's buffers are not today's."""
    MISTAKE = "mistake"
    """A hook raises, or returns an invalid result."""

    @property
    def failed(self) -> bool:
        """Whether it is a fault of the design that the run does not admit."""
        return self in (Ruling.DAMAGE, Ruling.LOST, Ruling.DIFFERS, Ruling.MISTAKE)


@dataclass(frozen=True, slots=True)
class Judged:
    """One ruling.

    Attributes:
        ruling: what came of it.
        why: in words.
        outcome: the design's own verdict over its run; None where it did not end.
    """

    ruling: Ruling
    why: str = ""
    outcome: Outcome | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Ran:
    """A run, as far as it is compared.

    Attributes:
        steps: what happened.
        outcome: the verdict.
        results: what each call returned, in order.
        contents: what the guest finds in its buffers afterwards, by name.
        places: where each of these buffers is then, by name: its offset in its first frame,
            and its frames; what has none is compared as a whole.
    """

    steps: tuple[Node, ...]
    outcome: Outcome
    results: tuple[int, ...]
    contents: dict[str, bytes]
    places: dict[str, tuple[int, tuple[Gfn | None, ...]]] = field(default_factory=dict)


def ran(scenario: Scenario, option: Variant) -> Ran:
    """Run a scenario, and look at the guest's buffers afterwards.

    Raises:
        DesignError: a hook's mistake.
        ScenarioError: the machine cannot be built, or do what an action asks.
    """
    trace, domain = run_machine(scenario, option)
    steps = [node.step for node in trace.steps]
    return Ran(
        trace.steps, trace.outcome,
        tuple(step.value for step in steps if isinstance(step, Return)), _contents(domain),
        {name: (one.va.offset, domain.frames_of(name)) for name, one in domain.buffers.items()},
    )  # fmt: skip


def today(scenario: Scenario) -> Ran:
    """The same under today's interface; of an encrypted guest, of its twin that is not."""
    if scenario.guest.encryption != "none":
        buffers = tuple(replace(buffer, shared=None) for buffer in scenario.buffers)
        guest = replace(scenario.guest, encryption="none")
        scenario = replace(scenario, guest=guest, buffers=buffers)
    return ran(scenario, variant(TODAY))


def judge(scenario: Scenario, option: Variant, base: Ran | None = None) -> Judged | None:
    """Rule on a design in one scenario; None: the scenario cannot be carried out at all.

    Args:
        scenario: the machine and what happens in it.
        option: the design.
        base: today's run, where it is known already.
    """
    try:
        base = base or today(scenario)
    except (MachineError, ScenarioError):
        return None
    try:
        own = ran(scenario, option)
    except DesignError as error:
        return Judged(Ruling.MISTAKE, str(error))
    except (MachineError, ScenarioError):
        return None
    encrypted = scenario.guest.encryption != "none"
    found = compared(own, base, encrypted=encrypted)
    if encrypted and found.ruling is Ruling.DAMAGE:
        # The twin has no ciphertext; what today's interface does in this very guest counts, too.
        same = ran(scenario, variant(TODAY))
        if own.outcome.wrong_bytes <= same.outcome.wrong_bytes:
            found = Judged(Ruling.AGREES, "as wrong as today")
    return replace(found, outcome=own.outcome)


def compared(own: Ran, base: Ran, *, encrypted: bool = False) -> Judged:
    """Rule on a run beside today's; each rule is ours.

    Args:
        own: the design's run.
        base: today's, in the same machine.
        encrypted: buffers lie elsewhere then, and structs hold other addresses.
    """
    status, before = own.outcome.status, base.outcome.status
    if status is Status.REFUSED:
        return Judged(Ruling.REFUSED, own.outcome.refusals[0])
    if status is Status.WRONG:
        if before is Status.WRONG and own.outcome.wrong_bytes <= base.outcome.wrong_bytes:
            return Judged(Ruling.AGREES, "as wrong as today")
        what = f"{own.outcome.wrong_bytes} bytes misplaced"
        if own.outcome.hazards:
            return Judged(Ruling.HAZARD, f"{what}: {own.outcome.hazards[0]}")
        return Judged(Ruling.DAMAGE, f"{what}, without an error")
    if status is Status.ERROR:
        if before is Status.RIGHT:
            return Judged(Ruling.FAILS, "an error where today bytes move")
        return Judged(Ruling.AGREES, "an error, as today")
    if before is Status.RIGHT:
        return _same(own, base, encrypted=encrypted)
    if before is Status.WRONG:
        return Judged(Ruling.AGREES, "right where today is wrong")
    return _allowed(own, base)


def _same(own: Ran, base: Ran, *, encrypted: bool) -> Judged:
    if own.results != base.results:
        return Judged(Ruling.DIFFERS, f"results {own.results}, today {base.results}")
    if encrypted:
        return Judged(Ruling.AGREES)
    given = _given(own) & _given(base)
    for name in base.contents:
        if _answers(own, name, given) != _answers(base, name, given):
            return Judged(Ruling.DIFFERS, f"buffer {name!r} holds other bytes afterwards")
    return Judged(Ruling.AGREES)


def _given(one: Ran) -> set[tuple[Gpa, int]]:
    """Arguments of a call that the guest writes itself: address and bytes."""
    steps = (node.step for node in one.steps)
    return {(step.gpa, step.size) for step in steps if isinstance(step, GuestWrite)}


def _answers(one: Ran, name: str, given: set[tuple[Gpa, int]]) -> bytes:
    """A buffer's bytes without those that the guest gives itself, in either run: handles."""
    held = bytearray(one.contents.get(name, b""))
    offset, frames = one.places.get(name, (0, ()))
    for number, frame in enumerate(frames):
        if frame is None:
            continue
        start = (frame.value << PAGE_SHIFT) - (number << PAGE_SHIFT) + offset
        for gpa, size in given:
            if gpa.value >> PAGE_SHIFT == frame.value:
                low = max(gpa.value - start, 0)
                high = min(gpa.value - start + size, len(held))
                if low < high:
                    held[low:high] = bytes(high - low)
    return bytes(held)


def _allowed(own: Ran, base: Ran) -> Judged:
    """All is right where today reports an error: was a check left out, and is that said?

    A page that the guest does not map at all is not a check: a design that needs no mapping
    there, such as an area registered by its frame, leaves none out.
    """
    if not any(_refuses(node.step) for node in base.steps):
        return Judged(Ruling.AGREES, "right where today finds nothing mapped, or has other errors")
    steps = [node.step for node in own.steps]
    if any(isinstance(step, UncheckedAccess) and step.would_fail for step in steps):
        return Judged(Ruling.UNCHECKED, "bytes move that today's walk would reject (checked=False)")
    if any(isinstance(step, RegisterPass) for step in steps):
        return Judged(Ruling.AGREES, "in registers: there is no memory to check")
    return Judged(Ruling.LOST, "bytes move that today's walk would reject, as if they were checked")


def _refuses(step: Step) -> bool:
    """Whether a translation fails though there is one: error code P is set, or it is not a #PF."""
    if not isinstance(step, Fault):
        return False
    return step.error_code is None or bool(step.error_code & _PRESENT)


def _contents(domain: Domain) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, buffer in domain.buffers.items():
        if name.startswith(_SCRATCH):
            continue
        try:
            if buffer.process:
                found[name] = domain.read(buffer.va, buffer.size, process=buffer.process)
            else:
                found[name] = domain.read(buffer.va, buffer.size, vcpu=0)
        except MachineError:
            found[name] = b""  # unmapped by then
    return found
