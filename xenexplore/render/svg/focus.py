"""Progress of the current copy: its pieces, linear and guest-physical, as far as is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.render.views.copy_pieces import pieces_of
from xenexplore.render.views.step_tree import StepTree
from xenexplore.steps import Copy, PteRead

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
        wrong: whether they moved to or from another frame, or are unusable there.
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
    """Focus of a picture of one step.

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
    """Focus of a picture of step ``index``."""
    copy = next((at for at in tree.around(index) if isinstance(tree.steps[at].step, Copy)), None)
    step = tree.steps[index].step
    table = Gfn(step.table.value >> 12) if isinstance(step, PteRead) else None
    if copy is None:
        return Focus(copy=None, chunks=(), table=table)
    return Focus(copy=copy, chunks=tuple(_chunks(tree, copy, index)), table=table)


def _chunks(tree: StepTree, copy: int, last: int) -> Iterator[Chunk]:
    """The pieces begun by a step, each as far as it is known then, by addresses that Xen uses."""
    for piece in pieces_of(tree, copy):
        if piece.first > last:
            return
        moved = piece.moved is not None and piece.moved <= last
        known = piece.known is not None and piece.known <= last
        yield Chunk(
            first=piece.first,
            va=None if piece.told else piece.va,
            size=piece.moved_size if moved else piece.size,
            gpa=piece.gpa if known else None,
            meant=piece.meant if moved else None,
            moved=moved,
            wrong=moved and piece.wrong,
        )
