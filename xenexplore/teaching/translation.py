"""Exercises on translation: frames, entries, walks."""

from __future__ import annotations

from typing import Any, Final

from xenexplore.session.guest import Guest
from xenexplore.session.xen import Xen
from xenexplore.teaching.task import SEND, JudgedAnswer, Task, probe, same_number

__all__ = ["TASKS"]


def _stack_buffer(**where: Any) -> Xen:
    guest = Guest("linux")
    guest.buffer("stack", struct="evtchn_send", port=5, name="send", **where)
    return Xen(guest)


def _in_frame(xen: Xen, answer: Any) -> JudgedAnswer:
    gfn = xen.guest.buffers["send"].frames[0]
    assert gfn is not None, "the exercise's buffer is mapped"
    if same_number(answer, gfn.value):
        return JudgedAnswer(ok=True, says=f"gfn {gfn.value:#x} is behind the first byte of 'send'")
    value = getattr(answer, "value", answer)
    if isinstance(value, int) and value >> 12 == gfn.value:
        return JudgedAnswer(
            ok=False, says="that is the guest-physical address; the answer is the frame"
        )
    shown = f"{value:#x}" if isinstance(value, int) else repr(answer)
    return JudgedAnswer(ok=False, says=f"frame {shown} is not behind the first byte of 'send'")


def _unmapped_above() -> Xen:
    xen = _stack_buffer()
    xen.guest.page_tables.entry(xen.guest.buffers["send"], 2).present = False
    return xen


def _failed_level(xen: Xen, answer: Any) -> JudgedAnswer:
    walk = xen.guest.walk(xen.guest.buffers["send"])
    if walk.ok:
        return JudgedAnswer(ok=False, says="the walk no longer fails: reset() the exercise")
    assert walk.failed_level is not None
    if same_number(answer, walk.failed_level):
        return JudgedAnswer(ok=True, says=f"the entry of level {answer} is not present")
    level = getattr(answer, "value", answer)
    further = isinstance(level, int) and level > walk.failed_level
    says = "gets past" if further else "does not reach"
    return JudgedAnswer(ok=False, says=f"the walk {says} level {answer}")


def _walks(xen: Xen, answer: Any) -> JudgedAnswer:
    _, counts = probe(xen)
    if same_number(answer, counts.walks):
        pages = len(xen.guest.buffers["send"].frames)
        says = f"{counts.walks} walks: the copy touches {pages} pages, one walk for each"
        return JudgedAnswer(ok=True, says=says)
    noun = "walk" if same_number(answer, 1) else "walks"
    return JudgedAnswer(
        ok=False, says=f"Xen does not make {answer} {noun}: make the call and count"
    )


TASKS: Final = (
    Task(
        name="find-the-frame",
        title="Find the frame behind a linear address",
        asks=(
            "A Linux guest has a struct evtchn_send on a kernel stack: guest.buffers['send']. "
            "Stacks are in the vmalloc area, so its linear address says nothing about its "
            "frame. Which gfn contains its first byte?  check(gfn)"
        ),
        hints=(
            "The guest's page tables have the answer: guest.walk(guest.buffers['send']).",
            "The walk ends at a guest-physical address; a frame is 4 KiB.",
            "walk.gpa.value >> 12, or guest.buffers['send'].frames[0].",
        ),
        solution="answer = guest.walk(guest.buffers['send']).gpa.value >> 12",
        begin=_stack_buffer,
        judge=_in_frame,
        answer="a gfn: a number (0x...), or xe.Gfn",
    ),
    Task(
        name="where-it-fails",
        title="Find the level at which a walk ends",
        asks=(
            "One entry of the page tables that map guest.buffers['send'] is not present. "
            "At which level (4 at the top, 1 the leaf) does Xen's walk end?  check(level)"
        ),
        hints=(
            "Look at the walk: guest.walk(guest.buffers['send']).",
            "print(guest.walk(guest.buffers['send']).text()) shows each level's entry.",
            "walk.failed_level.",
        ),
        solution="answer = guest.walk(guest.buffers['send']).failed_level",
        begin=_unmapped_above,
        judge=_failed_level,
        answer="a level: 1 to 4",
    ),
    Task(
        name="count-the-walks",
        title="Count the walks of one hypercall",
        asks=(
            "The 4 bytes of guest.buffers['send'] begin at offset 4094 of a page. How many page "
            f"walks does today's Xen make for xen.hypercall('{SEND}', "
            "arg=guest.buffers['send'])?  check(number)"
        ),
        hints=(
            "__hvm_copy() translates once for each page that a copy touches.",
            "Make the call and look at trace.outcome.calls.",
        ),
        solution=(
            f"trace = xen.hypercall('{SEND}', arg=guest.buffers['send'])\n"
            "answer = trace.outcome.calls.walks"
        ),
        begin=lambda: _stack_buffer(offset=4094),
        judge=_walks,
        answer="a number of walks",
    ),
)
