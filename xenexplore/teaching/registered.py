"""Exercises on registered buffers: hits, stale entries, whose table, a table that is full."""

from __future__ import annotations

from typing import Final

from xenexplore.options.registry import REGISTERED
from xenexplore.session.guest import Guest
from xenexplore.session.xen import Xen
from xenexplore.steps import Status
from xenexplore.teaching.task import SEND, JudgedAnswer, Task, begin_registered, probe

__all__ = ["TASKS"]


def _hits(xen: Xen, buffer: str = "send", *, vcpu: int = 0) -> JudgedAnswer:
    """Whether a call with the buffer is right and needs no walk."""
    outcome, counts = probe(xen, buffer, vcpu=vcpu)
    if outcome.status is not Status.RIGHT:
        return JudgedAnswer(ok=False, says=f"a call with {buffer!r} is {outcome.status.value}")
    if counts.walks:
        walks = f"{counts.walks} walk{'' if counts.walks == 1 else 's'}"
        return JudgedAnswer(ok=False, says=f"a call with {buffer!r} still makes {walks}")
    if not counts.tlb_hits:
        return JudgedAnswer(ok=False, says=f"a call with {buffer!r} makes no lookup")
    return JudgedAnswer(ok=True, says=f"a call with {buffer!r} hits, and moves the right bytes")


def _first_hit(xen: Xen, _answer: object) -> JudgedAnswer:
    return _hits(xen)


def _stale() -> Xen:
    xen = begin_registered()
    xen.guest.remap("send")
    return xen


def _other_vcpu(xen: Xen, _answer: object) -> JudgedAnswer:
    return _hits(xen, vcpu=1)


def _small_table() -> Xen:
    guest = Guest("linux")
    for name in ("first", "second", "third"):
        guest.buffer("kmalloc", struct="evtchn_send", port=5, name=name)
    return Xen(guest, design=REGISTERED.name, entries=2)


def _all_hit(xen: Xen, _answer: object) -> JudgedAnswer:
    for name in ("first", "second", "third"):
        judged = _hits(xen, name)
        if not judged.ok:
            return judged
    return JudgedAnswer(ok=True, says="calls with all three hit, in a table of two slots")


TASKS: Final = (
    Task(
        name="first-hit",
        title="Register a buffer, so that a call needs no walk",
        asks=(
            "Xen has the software TLB, and nothing is registered. Make vCPU 0's next "
            f"{SEND} with guest.buffers['send'] find its buffer without a page walk.  check()"
        ),
        hints=("xen.tlb[0] is vCPU 0's table.", "xen.tlb[0].register(guest.buffers['send'])"),
        solution="xen.tlb[0].register(guest.buffers['send'])",
        begin=lambda: begin_registered(register=False),
        judge=_first_hit,
    ),
    Task(
        name="stale-entry",
        title="Repair a stale entry",
        asks=(
            "guest.buffers['send'] is registered; then the guest mapped another frame at its "
            "address. A call now reads the old frame. Make a call right again, still without a "
            "walk.  check()"
        ),
        hints=(
            "Look at xen.tlb[0]: which entry is stale?",
            "The guest has to purge what it remaps: xen.tlb[0].purge(...).",
            "Purge the buffer, then register it again.",
        ),
        solution=(
            "xen.tlb[0].purge(guest.buffers['send'])\nxen.tlb[0].register(guest.buffers['send'])"
        ),
        begin=_stale,
        judge=_first_hit,
    ),
    Task(
        name="wrong-vcpu",
        title="Whose table is it?",
        asks=(
            "guest.buffers['send'] is registered by vCPU 0. The same call made on vCPU 1 misses. "
            "Make it hit there too.  check()"
        ),
        hints=(
            f"Make the call on vCPU 1: xen.hypercall('{SEND}', arg=..., vcpu=1).",
            "Tables are per vCPU: xen.tlb[1] is empty.",
        ),
        solution="xen.tlb[1].register(guest.buffers['send'])",
        begin=lambda: begin_registered(vcpus=2),
        judge=_other_vcpu,
    ),
    Task(
        name="full-table",
        title="Three buffers, two slots",
        asks=(
            "The table has two slots. guest.buffers has 'first', 'second' and 'third', all from "
            "kmalloc. Make calls with any of the three hit.  check()"
        ),
        hints=(
            "Where is kmalloc memory? Look at guest.regions.",
            "One entry may cover a whole region.",
            "xen.tlb[0].register('directmap')",
        ),
        solution="xen.tlb[0].register('directmap')",
        begin=_small_table,
        judge=_all_hit,
    ),
)
