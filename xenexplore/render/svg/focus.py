"""Where the current copy has got to: its pieces, linear and guest-physical, as far as is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.render.views.step_tree import StepTree
from xenexplore.steps import Copy, ListRead, Move, P2mLookup, Piece, PteRead, Purpose, TlbLookup

__all__ = ["Chunk", "Focus", "focus_at"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A piece of a copy.

    Attributes:
        first: the step that it begins with.
        va: linear address, or None where the handle is not one.
        size: bytes.
        gpa: guest-physical address, or None as long as it is not known.
        meant: what the caller meant, or None as long as nothing has moved.
        moved: whether its bytes have moved.
        wrong: whether they moved to or from another frame, or are no use there.
    """

    first: int
    va: Gva | None
    size: int
    gpa: Gpa | None = None
    meant: Gpa | None = None
    moved: bool = False
    wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """What a picture of one step looks at.

    Attributes:
        copy: the step that is the copy around it, or None.
        chunks: the copy's pieces so far.
        table: the guest's frame that the step reads a page-table entry from, or None.
    """

    copy: int | None
    chunks: tuple[Chunk, ...]
    table: Gfn | None

    @property
    def chunk(self) -> Chunk | None:
        """The current piece: the latest."""
        return self.chunks[-1] if self.chunks else None


def focus_at(tree: StepTree, index: int) -> Focus:
    """What a picture of step ``index`` looks at."""
    copy = next((at for at in tree.around(index) if isinstance(tree.steps[at].step, Copy)), None)
    step = tree.steps[index].step
    table = Gfn(step.table.value >> 12) if isinstance(step, PteRead) else None
    if copy is None:
        return Focus(copy=None, chunks=(), table=table)
    return Focus(copy=copy, chunks=tuple(_chunks(tree, copy, index)), table=table)


def _chunks(tree: StepTree, copy: int, last: int) -> Iterator[Chunk]:
    at: Chunk | None = None
    for node in tree.inside(copy):
        if node.index > last:
            break
        step = node.step
        if isinstance(step, TlbLookup | Piece):
            va: Gva | None = step.va if isinstance(step, TlbLookup) else Gva(step.handle)
            # A walk after a miss is about the same piece.
            again = at is not None and not at.moved and at.va == va
            if at is not None and not again:
                yield at
            first = at.first if again and at is not None else node.index
            hit = isinstance(step, TlbLookup) and step.gpa is not None
            size = step.covered if isinstance(step, TlbLookup) and hit else step.size
            gpa = step.gpa if isinstance(step, TlbLookup) else None
            at = Chunk(first=first, va=va, size=size, gpa=gpa)
        elif isinstance(step, P2mLookup) and step.purpose is Purpose.WALK_END:
            if at is not None and at.va is not None and step.mfn is not None:
                at = replace(at, gpa=Gpa(step.gfn.value << 12 | at.va.value & 0xFFF))
        elif isinstance(step, ListRead) and at is not None and at.moved:
            yield at
            at = None
        elif isinstance(step, Move):
            if at is not None and at.moved:
                yield at
                # One look-up may serve several pages of a large registered range.
                after = None if at.va is None else at.va + at.size
                at = Chunk(first=node.index, va=after, size=step.size)
            at = at or Chunk(first=node.index, va=None, size=step.size)
            at = replace(
                at, size=step.size, gpa=step.gpa, meant=step.meant, moved=True,
                wrong=not step.right,
            )  # fmt: skip
    if at is not None:
        yield at
