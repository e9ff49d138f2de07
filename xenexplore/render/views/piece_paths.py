"""The path of each piece of a copy: from the handle through lookup, entries and P2M to a frame.

The stepper draws one path at a time, :mod:`~xenexplore.render.views.translation_graph` joins
several where they meet.  Both say what is said here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from xenexplore.render.views import number_format as spell
from xenexplore.render.views.graph_nodes import GraphNode, NodeKey, NodeRole
from xenexplore.render.views.step_labels import step_label
from xenexplore.render.views.step_tree import StepTree
from xenexplore.steps import (
    Copy,
    Fault,
    Hypercall,
    ListRead,
    ListWord,
    Move,
    P2mLookup,
    Piece,
    PteRead,
    Purpose,
    RegisterPass,
    TlbLookup,
    WalkCacheLookup,
)

__all__ = ["PathEdge", "PiecePath", "piece_paths"]

_REGISTERS = ("rdi", "rsi", "rdx", "r10", "r8")
_CALL = NodeKey(NodeRole.CALL)
_HANDLE = NodeKey(NodeRole.HANDLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class PathEdge:
    """From one node of a path to the next.

    Attributes:
        start: where from.
        end: where to.
        first: the step at which it is gone along.
        way: ``"hit"``, ``"miss"``, ``"meant"`` or ``""``.
    """

    start: NodeKey
    end: NodeKey
    first: int
    way: str = ""


@dataclass(slots=True, kw_only=True)
class PiecePath:
    """The path of one piece, whole: ``first`` and ``told`` say which step adds what.

    Attributes:
        first: the first step of the piece.
        last: the last one.
        va: its linear address, or None where no page tables are walked for it.
        nodes: in the order in which they are reached.
        edges: likewise.
    """

    first: int
    last: int
    va: int | None = None
    nodes: dict[NodeKey, GraphNode] = field(default_factory=dict)
    edges: list[PathEdge] = field(default_factory=list)


def piece_paths(tree: StepTree, copy: int) -> tuple[PiecePath, ...]:
    """The paths of a copy's pieces, in order; one that goes nowhere if nothing is moved.

    Args:
        tree: the run's steps.
        copy: the index of the copy's step.
    """
    pieces = _pieces(tree, copy)
    begun = _beginning(tree, copy)
    if not pieces:
        return (begun,)
    return tuple(_PathBuilder(tree, begun, piece).built() for piece in pieces)


def _pieces(tree: StepTree, copy: int) -> list[list[int]]:
    """The steps inside a copy, piece by piece: bytes have moved, and it goes on."""
    found: list[list[int]] = []
    moved = True
    for node in list(tree.inside(copy))[1:]:
        begins = isinstance(node.step, TlbLookup | ListRead | Piece | P2mLookup)
        if not found or (moved and begins):
            found.append([])
            moved = False
        moved = moved or isinstance(node.step, Move)
        found[-1].append(node.index)
    return found


def _beginning(tree: StepTree, copy: int) -> PiecePath:
    """The register and the handle: where every piece of a copy begins."""
    step = tree.steps[copy].step
    assert isinstance(step, Copy)
    path = PiecePath(first=copy, last=tree.end(copy))
    above = (tree.steps[at].step for at in tree.around(copy))
    call = next((step for step in above if isinstance(step, Hypercall)), None)
    if call is not None:
        pairs = zip(_REGISTERS, call.args, strict=False)
        register = next((name for name, value in pairs if value == step.handle), "call")
        name = call.name.replace(".", " ")
        path.nodes[_CALL] = GraphNode(kind="hypercall", label=register, main=name, first=copy)
        path.edges.append(PathEdge(start=_CALL, end=_HANDLE, first=copy))
    path.nodes[_HANDLE] = GraphNode(
        kind="copy", label="handle", main=spell.handle(step.handle), side=spell.size(step.size),
        first=copy,
    )  # fmt: skip
    return path


class _PathBuilder:
    def __init__(self, tree: StepTree, begun: PiecePath, piece: list[int]) -> None:
        self.tree, self.piece = tree, piece
        self.path = PiecePath(
            first=piece[0], last=piece[-1], nodes=dict(begun.nodes), edges=list(begun.edges)
        )
        self.at = _HANDLE  # where the piece has got to
        self.depth = 0
        self.way = ""
        self.frame: NodeKey | None = None
        self.asked: int | None = None  # the linear address of the latest piece or lookup

    def built(self) -> PiecePath:
        for index in self.piece:
            self._take(index)
        return self.path

    def _take(self, index: int) -> None:
        step = self.tree.steps[index].step
        if isinstance(step, TlbLookup):
            self._look_up(index, step)
        elif isinstance(step, Piece):
            self.asked = step.handle
        elif isinstance(step, WalkCacheLookup):
            self._recall(index, step)
        elif isinstance(step, PteRead):
            self.depth += 1
            self.path.va = self.asked if self.path.va is None else self.path.va
            key = NodeKey(NodeRole.ENTRY, step.entry_at.value, self.depth, step.level)
            self._reach(key, GraphNode(
                kind="pte-read", label=f"L{step.level} [{step.index}]",
                main=spell.entry(step.entry), side=f"at {spell.physical(step.entry_at.value)}",
                first=index,
            ))  # fmt: skip
        elif isinstance(step, ListRead):
            self.depth += 1
            is_address = step.meaning is ListWord.ADDRESS
            value = spell.physical(step.value) if is_address else f"{step.value:x}"
            self._reach(NodeKey(NodeRole.LIST, index, self.depth), GraphNode(
                kind="list-read", label=f"list [{step.element}]", main=f"{step.meaning} {value}",
                side=f"at {spell.physical(step.gpa.value)}", first=index,
            ))  # fmt: skip
        elif isinstance(step, P2mLookup):
            self._p2m(index, step)
        elif isinstance(step, Fault):
            self.depth += 1
            self._reach(NodeKey(NodeRole.FAULT, index, self.depth), GraphNode(
                kind="fault", label=step.what, main=step.reason, first=index, tone="bad",
            ))  # fmt: skip
        elif isinstance(step, RegisterPass):
            self._reach(NodeKey(NodeRole.REGISTERS, index), GraphNode(
                kind="registers", label="registers", main=" ".join(step.registers),
                side=spell.size(step.size), first=index, tone="good",
            ))  # fmt: skip
        elif isinstance(step, Move):
            self._move(index, step)

    def _look_up(self, index: int, step: TlbLookup) -> None:
        self.at, self.depth, self.way, self.frame = _HANDLE, 1, "", None
        self.asked = step.va.value
        owner = "TLB dom" if step.shared else f"TLB v{step.asked}"
        name = "" if step.slot is None else f"[{step.slot}] {step.label}".rstrip()
        compares = f"{step.compares} compare{'' if step.compares == 1 else 's'}"
        hit = step.gpa is not None
        said = "hit" if hit else f"miss · {compares}"
        self._reach(NodeKey(NodeRole.LOOKUP, index), GraphNode(
            kind="tlb-lookup", label=owner, main=name or said, side=said if name else "",
            first=index, tone="good" if hit else "miss",
        ))  # fmt: skip
        self.way = "hit" if hit else "miss"
        if step.gpa is not None:
            self._guest_frame(index, step.gpa.value >> 12)

    def _recall(self, index: int, step: WalkCacheLookup) -> None:
        """A walk that is remembered leads to its frame; one that is not has no place."""
        if step.gfn is None:
            return
        self.at, self.depth, self.way, self.frame = _HANDLE, 1, "", None
        words = step_label(step)
        self._reach(NodeKey(NodeRole.LOOKUP, index), GraphNode(
            kind=step.kind, label=words.label, main=f"[{step.slot}] of {step.slots}", side="hit",
            first=index, tone="good",
        ))  # fmt: skip
        self.way = "hit"
        self._guest_frame(index, step.gfn.value)

    def _p2m(self, index: int, step: P2mLookup) -> None:
        following = self.tree.steps[index + 1 : index + 2]
        if following and isinstance(following[0].step, PteRead | ListRead):
            return  # the lookup of a table or list: what is read there has a place of its own
        if step.purpose is Purpose.TABLE:
            return
        frame = step.gfn.value
        if self.frame != NodeKey(NodeRole.GUEST_FRAME, frame):
            self._guest_frame(index, frame)
        if step.mfn is None:
            self._reach(NodeKey(NodeRole.HOLE, frame), GraphNode(
                kind="fault", label="P2M", main="nothing there", side=step.p2m_type, first=index,
                tone="bad",
            ))  # fmt: skip
        else:
            self._reach(NodeKey(NodeRole.MACHINE_FRAME, step.mfn.value), GraphNode(
                kind="p2m-lookup", label="P2M", main=f"mfn {spell.frame(step.mfn.value)}",
                side=step.p2m_type, first=index,
            ))  # fmt: skip
        assert self.frame is not None
        self.at = self.frame  # bytes move to and from the guest's frame

    def _guest_frame(self, index: int, frame: int) -> None:
        self.frame = NodeKey(NodeRole.GUEST_FRAME, frame)
        self._reach(self.frame, GraphNode(
            kind="frame", label="frame", main=f"gfn {spell.frame(frame)}", first=index,
        ))  # fmt: skip

    def _move(self, index: int, step: Move) -> None:
        frame = step.gpa.value >> 12
        if self.frame != NodeKey(NodeRole.GUEST_FRAME, frame):
            self.at = self.at if self.at != self.frame else _HANDLE
            self._guest_frame(index, frame)
        assert self.frame is not None
        side = f"{spell.size(step.size)}, right"
        if step.spoilt:
            side = f"{spell.size(step.size)}, {step.spoilt}"
        if step.meant != step.gpa:
            side = f"{spell.size(step.size)}, WRONG"
            self._meant(index, step)
        place = self.path.nodes[self.frame]
        tone = "good" if step.right and place.tone != "bad" else "bad"
        self.path.nodes[self.frame] = replace(place, side=side, tone=tone, told=index)

    def _meant(self, index: int, step: Move) -> None:
        """Place where the bytes should have gone to, or come from."""
        frame = None if step.meant is None else step.meant.value >> 12
        main = "nothing" if frame is None else f"gfn {spell.frame(frame)}"
        key = NodeKey(NodeRole.MEANT, frame)
        self._add(key, GraphNode(kind="frame", label="meant", main=main, first=index))
        self.path.edges.append(PathEdge(start=_HANDLE, end=key, first=index, way="meant"))

    def _reach(self, key: NodeKey, place: GraphNode) -> None:
        """Go on from where the piece is to a place, new or known."""
        start = self.at
        if start.role is NodeRole.GUEST_FRAME and not key.role.of_p2m:
            start = _HANDLE  # nothing but the P2M follows a guest frame: no circles
        self._add(key, place)
        known = any((edge.start, edge.end) == (start, key) for edge in self.path.edges)
        if start != key and not known:
            edge = PathEdge(start=start, end=key, first=place.first, way=self.way)
            self.path.edges.append(edge)
        self.at, self.way = key, ""

    def _add(self, key: NodeKey, place: GraphNode) -> None:
        self.path.nodes.setdefault(key, place)
