"""Copies that extend past the end of their first buffer, and the memory there.

A handle is an address and nothing more: Xen copies as many bytes as the
hypercall's structure has, whatever the caller set aside.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE
from xenexplore.guest.placement.buffers import PlacedBuffer
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Copy, Move, Node

__all__ = ["Overrun", "overrun_of", "overruns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrun:
    """One copy that is larger than what is left of its buffer.

    Attributes:
        step: index of the copy.
        copy: the copy.
        buffer: the scenario's buffer that it begins in.
        left: bytes of the buffer from where the copy begins.
        hit: names of the scenario's buffers among the bytes past its end.
    """

    step: int
    copy: Copy
    buffer: PlacedBuffer
    left: int
    hit: tuple[str, ...]

    @property
    def over(self) -> int:
        """Bytes past the end of the buffer."""
        return self.copy.size - self.left


def overruns(trace: Trace) -> Iterator[Overrun]:
    """Every copy of a run that overruns, in order."""
    for node in trace.steps:
        found = overrun_of(trace, node)
        if found is not None:
            yield found


def overrun_of(trace: Trace, node: Node) -> Overrun | None:
    """Whether a step is a copy that overruns the scenario's buffer that it begins in."""
    copy = node.step
    if not isinstance(copy, Copy):
        return None
    own = trace.machine.buffers[: trace.machine.placed]
    begin = _begin(own, trace, node, copy)
    if begin is None:
        return None
    buffer, offset = begin
    left = buffer.size - offset
    if copy.size <= left:
        return None
    hit = _behind(own, buffer, offset, copy)
    return Overrun(step=node.index, copy=copy, buffer=buffer, left=left, hit=hit)


def _begin(
    own: tuple[PlacedBuffer, ...], trace: Trace, node: Node, copy: Copy
) -> tuple[PlacedBuffer, int] | None:
    """The buffer that a copy begins in, and where: by its handle, or by where it moves bytes."""
    for buffer in own:
        offset = copy.handle - buffer.va.value
        if 0 <= offset < buffer.size:
            return buffer, offset
    move = next((step for step in _moves(trace, node) if step.right), None)
    if move is None:
        return None
    for buffer in own:
        for page, frame in enumerate(buffer.frames):
            if frame.value == move.gpa.value >> PAGE_SHIFT:
                inside = move.gpa.value & PAGE_SIZE - 1
                offset = page * PAGE_SIZE + inside - buffer.offset
                if 0 <= offset < buffer.size:
                    return buffer, offset
    return None


def _moves(trace: Trace, node: Node) -> Iterator[Move]:
    """Moves in a copy: steps after it that are deeper."""
    for at in range(node.index + 1, len(trace.steps)):
        later = trace.steps[at]
        if later.depth <= node.depth:
            return
        if isinstance(later.step, Move):
            yield later.step


def _behind(
    own: tuple[PlacedBuffer, ...], buffer: PlacedBuffer, offset: int, copy: Copy
) -> tuple[str, ...]:
    """Buffers that the overrunning bytes reach, in order of address."""
    start = buffer.va.value + buffer.size
    end = buffer.va.value + offset + copy.size
    reached = [
        other
        for other in own
        if other is not buffer
        and (other.process is None or other.process == buffer.process)
        and other.va.value < end
        and other.va.value + other.size > start
    ]
    return tuple(other.name for other in sorted(reached, key=lambda one: one.va.value))
