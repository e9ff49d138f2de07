"""Exercises on designs: encrypted guests, and a proposal made to fail."""

from __future__ import annotations

from typing import Final

from xenexplore.errors import MachineError
from xenexplore.options.registry import REGISTERED
from xenexplore.session.guest import Guest
from xenexplore.session.xen import Xen
from xenexplore.steps import Move, Status
from xenexplore.teaching.task import SEND, JudgedAnswer, Task, begin_registered, probe

__all__ = ["TASKS"]


def _encrypted() -> Xen:
    guest = Guest("linux", encryption="snp")
    guest.buffer("stack", struct="evtchn_send", port=5, name="send")
    return Xen(guest)


def _right(xen: Xen, _answer: object) -> JudgedAnswer:
    if xen.refusal:
        return JudgedAnswer(ok=False, says=f"{xen.design} refuses this guest: {xen.refusal}")
    try:
        outcome, _ = probe(xen)
    except MachineError as error:
        return JudgedAnswer(ok=False, says=str(error))
    if outcome.status is Status.RIGHT:
        return JudgedAnswer(ok=True, says=f"under {xen.design} the call moves the right bytes")
    why = {
        Status.ERROR: "Xen cannot read the data that it needs",
        Status.WRONG: "Xen reads other bytes than the guest wrote",
        Status.REFUSED: "the design refuses the call",
    }[outcome.status]
    return JudgedAnswer(ok=False, says=f"under {xen.design}: {why}")


def _is_proposal(xen: Xen) -> bool:
    return xen.design.startswith(REGISTERED.name)


def _loses(xen: Xen, _answer: object) -> JudgedAnswer:
    if not _is_proposal(xen):
        return JudgedAnswer(ok=False, says=f"this is {xen.design}, not the software TLB")
    outcome, _ = probe(xen)
    if outcome.status is Status.WRONG and outcome.result is not None and outcome.result >= 0:
        says = f"it returns {outcome.result}, and {outcome.wrong_bytes} bytes are wrong"
        return JudgedAnswer(ok=True, says=says)
    return JudgedAnswer(
        ok=False, says=f"a call is {outcome.status.value}; it should succeed and be wrong"
    )


def _lost_before(xen: Xen) -> bool:
    """Whether some call of the session moved wrong bytes."""
    moves = (node.step for node in xen.trace.steps if isinstance(node.step, Move))
    return any(not move.right for move in moves)


def _cured(xen: Xen, _answer: object) -> JudgedAnswer:
    if not _is_proposal(xen):
        return JudgedAnswer(ok=False, says=f"this is {xen.design}, not the software TLB")
    if not _lost_before(xen):
        return JudgedAnswer(ok=False, says="no call of this session has moved wrong bytes yet")
    outcome, counts = probe(xen)
    if outcome.status is not Status.RIGHT:
        return JudgedAnswer(ok=False, says=f"it is not fixed: a call is {outcome.status.value}")
    if counts.walks:
        return JudgedAnswer(
            ok=False, says="a call is right, but by a walk: register the buffer again"
        )
    return JudgedAnswer(ok=True, says="it failed, and now a call is right without a walk")


TASKS: Final = (
    Task(
        name="encrypted-guest",
        title="A hypercall of a guest whose memory is encrypted",
        asks=(
            "The guest's memory is encrypted (SEV-SNP): Xen reads its page tables as "
            "ciphertext, and today's walk fails. Choose a design, and do in the guest what the "
            f"design requires, so that {SEND} with guest.buffers['send'] moves the right bytes. "
            "Assign the new Xen to the exercise: e.xen = xe.Xen(guest, ...).  check()"
        ),
        hints=(
            "xe.Xen(guest, 'software-tlb') needs no page tables for registered buffers.",
            "Xen reads the buffer itself as ciphertext, too, while its page is private.",
            "guest.share(guest.buffers['send']), then register it.",
        ),
        solution=(
            "xen = xe.Xen(guest, 'software-tlb')\n"
            "guest.share(guest.buffers['send'])\n"
            "xen.tlb[0].register(guest.buffers['send'])"
        ),
        begin=_encrypted,
        judge=_right,
    ),
    Task(
        name="make-it-fail",
        title="Make Gross's proposal fail",
        asks=(
            "guest.buffers['send'] is registered (software-tlb). Do something in the guest that "
            f"makes {SEND} return success although Xen reads the wrong bytes.  check()"
        ),
        hints=(
            "An entry records the frame behind an address. When does that become wrong?",
            "guest.remap(...)",
        ),
        solution="guest.remap(guest.buffers['send'])",
        begin=begin_registered,
        judge=_loses,
    ),
    Task(
        name="fail-and-fix",
        title="Make Gross's proposal fail, then fix it",
        asks=(
            "As before: make a call in which the software TLB moves wrong bytes. Then do what the "
            "guest should have done, so that the next call is right and needs no walk.  check()"
        ),
        hints=(
            f"Remap, then make the call: xen.hypercall('{SEND}', arg=guest.buffers['send']).",
            "A purged buffer no longer hits; an unregistered buffer is walked.",
        ),
        solution=(
            "send = guest.buffers['send']\n"
            "guest.remap(send)\n"
            f"xen.hypercall('{SEND}', arg=send)\n"
            "xen.tlb[0].purge(send)\n"
            "xen.tlb[0].register(send)"
        ),
        begin=begin_registered,
        judge=_cured,
    ),
)
