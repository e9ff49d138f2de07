"""Steps with their children, and which of them repeat each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property

from xenexplore.render.views.step_labels import step_label
from xenexplore.steps import (
    Node,
    Piece,
    PteRead,
    PteUpdate,
    Step,
)
from xenexplore.tlb.history import RegisteredHistory

__all__ = ["StepTree"]


class StepTree:
    """Steps with their children.

    Args:
        steps: the nodes of a trace, in preorder, ``steps[i].index == i``.
    """

    def __init__(self, steps: Sequence[Node]) -> None:
        self.steps = steps
        self.roots: list[int] = []
        self._children: list[list[int]] = [[] for _ in steps]
        self._ends = list(range(len(steps)))
        for node in steps:
            (self._children[node.parent] if node.parent >= 0 else self.roots).append(node.index)
        for node in reversed(steps):
            if node.parent >= 0:
                self._ends[node.parent] = max(self._ends[node.parent], self._ends[node.index])

    def children(self, index: int) -> list[int]:
        """Steps directly under one (-1: the outermost)."""
        return self.roots if index < 0 else self._children[index]

    def end(self, index: int) -> int:
        """The last step inside a step; itself if nothing is."""
        return self._ends[index]

    def inside(self, index: int) -> Iterator[Node]:
        """A step and everything inside it, in order."""
        yield from self.steps[index : self._ends[index] + 1]

    def around(self, index: int) -> list[int]:
        """A step and the steps around it, innermost first."""
        found = [index]
        while self.steps[found[-1]].parent >= 0:
            found.append(self.steps[found[-1]].parent)
        return found

    def shape(self, index: int) -> int:
        """Equal numbers mean: the same kinds of steps, nested alike, with the same verdicts.

        Accessed and Dirty bits do not count: only the first of many walks sets them.
        """
        return self._shapes[index]

    @cached_property
    def registered(self) -> RegisteredHistory:
        """The registered buffers after every step."""
        return RegisteredHistory(self.steps)

    def walk_root(self, piece: int) -> int | None:
        """Table that the walk of a piece began at, or None where nothing was read."""
        for child in self._children[piece]:
            step = self.steps[child].step
            if isinstance(step, PteRead):
                return step.table.value
        return None

    def walked_before(self, piece: int) -> int:
        """Number of earlier pieces in the page of this one, walked from the same table."""
        return self._repeated.get(piece, 0)

    @cached_property
    def _repeated(self) -> dict[int, int]:
        seen: dict[tuple[int, int | None], int] = {}
        found = {}
        for node in self.steps:
            if isinstance(node.step, Piece):
                key = (node.step.handle >> 12, self.walk_root(node.index))
                found[node.index] = seen.get(key, 0)
                seen[key] = found[node.index] + 1
        return found

    @cached_property
    def _shapes(self) -> list[int]:
        known: dict[tuple[object, ...], int] = {}
        shapes = [0] * len(self.steps)
        for node in reversed(self.steps):
            inner = tuple(
                shapes[child]
                for child in self._children[node.index]
                if not isinstance(self.steps[child].step, PteUpdate)
            )
            shapes[node.index] = known.setdefault((*_key(node.step), inner), len(known))
        return shapes


def _key(step: Step) -> tuple[object, ...]:
    """Equal keys: repetitions of each other (numbers inside texts aside)."""
    fields = (getattr(step, name) for name in step.alike)
    parts = (re.sub(r"\d+", "#", part) if isinstance(part, str) else part for part in fields)
    return (step.kind, step_label(step).tone, *parts)
