"""Parts of an exercise: words, initial session, judge of answers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xenexplore.hypervisor.outcome import Counts, Outcome
from xenexplore.options.registry import REGISTERED
from xenexplore.session.guest import Guest
from xenexplore.session.xen import Xen

__all__ = ["SEND", "JudgedAnswer", "Task", "begin_registered", "probe", "same_number"]

SEND = "event_channel_op send"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedAnswer:
    """Verdict on an answer, with its reason.

    Attributes:
        ok: whether it is right.
        says: why, in a sentence.
    """

    ok: bool
    says: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One exercise.

    Attributes:
        name: as ``xe.exercise`` takes it.
        title: one line.
        asks: what is asked, in plain text.
        hints: from a nudge to almost the answer.
        solution: Python that solves it, given ``guest`` and ``xen``: what is asked for as a
            value is left in ``answer``; a new Xen is left in ``xen``.
        begin: makes the session.
        judge: judges an answer (None where the session itself is the answer), asking the
            model, not a list of right answers.
        answer: what kind of value is asked for, or ``""``.
    """

    name: str
    title: str
    asks: str
    hints: tuple[str, ...]
    solution: str
    begin: Callable[[], Xen]
    judge: Callable[[Xen, Any], JudgedAnswer]
    answer: str = ""


def begin_registered(*, vcpus: int = 1, register: bool = True) -> Xen:
    """Software TLB, a Linux guest with ``send`` on a stack; registered by vCPU 0, or not."""
    guest = Guest("linux", vcpus=vcpus)
    send = guest.buffer("stack", struct="evtchn_send", port=5, name="send")
    xen = Xen(guest, design=REGISTERED.name)
    if register:
        xen.tlb[0].register(send)
    return xen


def probe(xen: Xen, buffer: str = "send", *, vcpu: int = 0) -> tuple[Outcome, Counts]:
    """Result that EVTCHNOP_send with a buffer would have now; the call is taken back.

    Raises:
        MachineError: the design refuses the guest.
    """
    trace = xen.hypercall(SEND, arg=xen.guest.buffers[buffer], vcpu=vcpu)
    xen.undo()
    return trace.outcome, trace.outcome.calls


def same_number(answer: object, right: int) -> bool:
    """Whether an answer is this number, as an int or as an address or frame of any space."""
    value = getattr(answer, "value", answer)
    return isinstance(value, int) and not isinstance(value, bool) and value == right
