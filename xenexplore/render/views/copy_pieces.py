"""The pieces of a copy: linear and guest-physical address, and from which step each is known."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xenexplore.addr import Gpa, Gva
from xenexplore.render.views.step_tree import StepTree
from xenexplore.steps import ListRead, Move, P2mLookup, Piece, Purpose, TlbLookup, UncheckedAccess

__all__ = ["CopyPiece", "pieces_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPiece:
    """A piece of a copy, as it is when the copy is over.

    Attributes:
        first: the step that it begins with.
        va: linear address, or None where nothing says one.
        size: bytes asked for.
        gpa: guest-physical address, or None where it was never found.
        known: the step from which ``gpa`` is known, or None.
        lookup: the search of registered buffers made for it, or None.
        missed: whether that search gave no address.
        moved: the step that moved its bytes, or None.
        moved_size: how many bytes that step moved.
        meant: the guest-physical address that the caller meant, or None where
            nothing moved or nothing was mapped.
        told: whether Xen did not go by ``va``: only an unchecked access says it.
        wrong: whether they moved to or from another frame, or are unusable there.
    """

    first: int
    va: Gva | None
    size: int
    gpa: Gpa | None = None
    known: int | None = None
    lookup: int | None = None
    missed: bool = False
    moved: int | None = None
    moved_size: int = 0
    meant: Gpa | None = None
    wrong: bool = False
    told: bool = False


def pieces_of(tree: StepTree, copy: int) -> Iterator[CopyPiece]:
    """The pieces of a copy, in the order in which they are moved."""
    at: CopyPiece | None = None
    for node in tree.inside(copy):
        step = node.step
        if isinstance(step, TlbLookup | Piece):
            va = step.va if isinstance(step, TlbLookup) else Gva(step.handle)
            # A walk after a miss is about the same piece.
            again = at is not None and at.moved is None and at.va == va
            if at is not None and not again:
                yield at
            begun = at if again else None
            at = _begun(node.index, va, step, begun)
        elif isinstance(step, P2mLookup) and step.purpose is Purpose.WALK_END:
            if at is not None and at.va is not None and step.mfn is not None:
                gpa = Gpa(step.gfn.value << 12 | at.va.value & 0xFFF)
                at = replace(at, gpa=gpa, known=node.index)
        elif isinstance(step, UncheckedAccess):
            if at is not None and at.moved is not None:
                yield at
                at = _next(at, node.index, step.size)
            at = at or CopyPiece(first=node.index, va=None, size=step.size)
            at = at if at.va is not None else replace(at, va=step.va, told=True)
        elif isinstance(step, ListRead) and at is not None and at.moved is not None:
            yield at
            at = None
        elif isinstance(step, Move):
            if at is not None and at.moved is not None:
                yield at
                at = _next(at, node.index, step.size)
            at = at or CopyPiece(first=node.index, va=None, size=step.size)
            known = node.index if at.known is None or at.gpa != step.gpa else at.known
            at = replace(
                at, gpa=step.gpa, known=known, moved=node.index, moved_size=step.size,
                meant=step.meant, wrong=not step.right,
            )  # fmt: skip
    if at is not None:
        yield at


def _begun(index: int, va: Gva, step: TlbLookup | Piece, begun: CopyPiece | None) -> CopyPiece:
    first = index if begun is None else begun.first
    if isinstance(step, Piece):
        lookup = None if begun is None else begun.lookup
        missed = begun is not None and begun.missed
        return CopyPiece(first=first, va=va, size=step.size, lookup=lookup, missed=missed)
    if step.gpa is None:
        return CopyPiece(first=first, va=va, size=step.size, lookup=index, missed=True)
    return CopyPiece(first=first, va=va, size=step.covered, gpa=step.gpa, known=index, lookup=index)


def _next(before: CopyPiece, index: int, size: int) -> CopyPiece:
    """One lookup may serve several pages of a large registered range."""
    after = None if before.va is None or before.told else before.va + before.moved_size
    return CopyPiece(first=index, va=after, size=size, lookup=before.lookup)
