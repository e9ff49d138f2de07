"""The graph that one copy's translation draws, and where each place of it goes on paper.

From the register through the handle, the registered buffers, the page-table
entries and the P2M to the frame, for each piece of the copy.  Pieces that read
the same entry meet there.  The only module that knows networkx.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xenexplore.render.views import number_format as spell
from xenexplore.render.views.graph_nodes import GraphNode, NodeKey, NodePosition, NodeRole
from xenexplore.render.views.step_labels import step_label
from xenexplore.render.views.step_tree import StepTree
from xenexplore.steps import (
    Copy,
    CopyFailed,
    Fault,
    Hypercall,
    ListRead,
    ListWord,
    Move,
    P2mLookup,
    Piece,
    PteRead,
    Purpose,
    Refusal,
    RegisterPass,
    TlbLookup,
    WalkCacheLookup,
)

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["copy_shown", "laid_out", "telling_step", "translation_graph"]

_REGISTERS = ("rdi", "rsi", "rdx", "r10", "r8")
_PIECES = 6


_CALL = NodeKey(NodeRole.CALL)
_HANDLE = NodeKey(NodeRole.HANDLE)


def copy_shown(tree: StepTree, index: int) -> int | None:
    """The copy that a picture of step ``index`` is about.

    The one around the step; or, of those begun by then, the first that goes
    wrong or fails, or else the first; or else the first of all.
    """
    for at in tree.around(index):
        if isinstance(tree.steps[at].step, Copy):
            return at
    return _telling_copy(tree, index)


def _telling_copy(tree: StepTree, index: int) -> int | None:
    copies = [node.index for node in tree.steps if isinstance(node.step, Copy)]
    begun = [at for at in copies if at <= index]
    bad = [at for at in begun if any(_bad(node.step) for node in tree.inside(at))]
    return next(iter(bad or begun or copies), None)


def telling_step(tree: StepTree) -> int:
    """The step that says most about a run, by default.

    Where bytes first go wrong or a copy first fails; else the end of the first
    copy; else a refusal; else the last step.
    """
    last = len(tree.steps) - 1
    copy = _telling_copy(tree, last)
    if copy is None:
        return next((n.index for n in tree.steps if isinstance(n.step, Refusal)), last)
    moves = [n.index for n in tree.inside(copy) if isinstance(n.step, Move)]
    bad = [n.index for n in tree.inside(copy) if _bad(n.step)]
    return bad[0] if bad else moves[-1] if moves else tree.end(copy)


def _bad(step: object) -> bool:
    return isinstance(step, CopyFailed) or (isinstance(step, Move) and not step.right)


def translation_graph(tree: StepTree, copy: int, index: int | None = None) -> nx.DiGraph[NodeKey]:
    """The graph of one copy.

    Nodes have an attribute ``place`` (:class:`GraphNode`) and ``lanes``, the
    pieces that come by; edges have ``first``, the step at which they are gone
    along, and ``way``: ``"hit"``, ``"miss"``, ``"meant"`` or ``""``.  The graph has an attribute
    ``left_out``: how many pieces it does not show.

    Args:
        tree: the run's steps.
        copy: the index of the copy's step.
        index: the current step; of many pieces, those up to its own are shown
            (default: the first ones).
    """
    return _Graph(tree, copy, index).build()


class _Graph:
    def __init__(self, tree: StepTree, copy: int, index: int | None) -> None:
        import networkx as nx

        self.tree, self.copy = tree, copy
        self.index = copy if index is None else index
        self.until = tree.end(copy) if index is None else index
        self.graph: nx.DiGraph[NodeKey] = nx.DiGraph()
        self.lane = 0
        self.at = _HANDLE  # where the current piece has got to
        self.depth = 0
        self.way = ""
        self.frame: NodeKey | None = None

    def build(self) -> nx.DiGraph[NodeKey]:
        """The pieces up to the current one, as many as a picture holds."""
        self._begin()
        pieces = self._pieces()
        at = next((n for n, piece in enumerate(pieces) if self.index <= piece[-1]), len(pieces) - 1)
        first = max(0, min(at, len(pieces)) - _PIECES + 1) if at >= _PIECES else 0
        shown = pieces[first : first + _PIECES]
        for lane, piece in enumerate(shown):
            self.lane = lane
            self.at, self.depth, self.way, self.frame = _HANDLE, 0, "", None
            for step in piece:
                self._take(step)
        for key in (_CALL, _HANDLE):
            if key in self.graph:
                self.graph.nodes[key]["lanes"] = list(range(max(1, len(shown))))
        self.graph.graph["left_out"] = len(pieces) - len(shown)
        return self.graph

    def _pieces(self) -> list[list[int]]:
        """The steps inside the copy, piece by piece: bytes have moved, and it goes on."""
        found: list[list[int]] = []
        moved = True
        for node in list(self.tree.inside(self.copy))[1:]:
            begins = isinstance(node.step, TlbLookup | ListRead | Piece | P2mLookup)
            if not found or (moved and begins):
                found.append([])
                moved = False
            moved = moved or isinstance(node.step, Move)
            found[-1].append(node.index)
        return found

    def _begin(self) -> None:
        step = self.tree.steps[self.copy].step
        assert isinstance(step, Copy)
        call = next(
            (s for at in self.tree.around(self.copy)
             if isinstance(s := self.tree.steps[at].step, Hypercall)), None,
        )  # fmt: skip
        if call is not None:
            pairs = zip(_REGISTERS, call.args, strict=False)
            register = next((name for name, value in pairs if value == step.handle), "call")
            name = call.name.replace(".", " ")
            place = GraphNode(kind="hypercall", label=register, main=name, first=self.copy)
            self._add(_CALL, place)
        size = spell.size(step.size)
        handle = GraphNode(kind="copy", label="handle", main=spell.handle(step.handle), side=size,
                       first=self.copy)  # fmt: skip
        self._add(_HANDLE, handle)
        if call is not None:
            self.graph.add_edge(_CALL, _HANDLE, first=self.copy, way="")

    def _take(self, index: int) -> None:
        step = self.tree.steps[index].step
        if isinstance(step, TlbLookup):
            self._look_up(index, step)
        elif isinstance(step, WalkCacheLookup):
            self._recall(index, step)
        elif isinstance(step, PteRead):
            self.depth += 1
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
            return  # the look-up of a table or list: what is read there has a place of its own
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
        if index > self.until:
            return
        frame = step.gpa.value >> 12
        if self.frame != NodeKey(NodeRole.GUEST_FRAME, frame):
            self.at = self.at if self.at != self.frame else _HANDLE
            self._guest_frame(index, frame)
        place: GraphNode = self.graph.nodes[self.frame]["place"]
        side = f"{spell.size(step.size)}, right"
        if step.spoilt:
            side = f"{spell.size(step.size)}, {step.spoilt}"
        if step.meant != step.gpa:
            side = f"{spell.size(step.size)}, WRONG"
            self._meant(index, step)
        tone = "good" if step.right and place.tone != "bad" else "bad"
        self.graph.nodes[self.frame]["place"] = replace(place, side=side, tone=tone)

    def _meant(self, index: int, step: Move) -> None:
        """Where the bytes should have gone to, or come from."""
        frame = None if step.meant is None else step.meant.value >> 12
        main = "nothing" if frame is None else f"gfn {spell.frame(frame)}"
        key = NodeKey(NodeRole.MEANT, frame)
        self._add(key, GraphNode(kind="frame", label="meant", main=main, first=index))
        self.graph.add_edge(_HANDLE, key, first=index, way="meant")

    def _reach(self, key: NodeKey, place: GraphNode) -> None:
        """Go on from where the piece is to a place, new or known."""
        start = self.at
        if start.role is NodeRole.GUEST_FRAME and not key.role.of_p2m:
            start = _HANDLE  # nothing but the P2M follows a guest frame: no circles
        self._add(key, place)
        if start != key and not self.graph.has_edge(start, key):
            self.graph.add_edge(start, key, first=place.first, way=self.way)
        self.at, self.way = key, ""

    def _add(self, key: NodeKey, place: GraphNode) -> None:
        if key in self.graph:
            known: GraphNode = self.graph.nodes[key]["place"]
            if self.lane not in self.graph.nodes[key]["lanes"]:
                self.graph.nodes[key]["place"] = replace(known, times=known.times + 1)
                self.graph.nodes[key]["lanes"].append(self.lane)
        else:
            self.graph.add_node(key, place=place, lanes=[self.lane])


def laid_out(graph: nx.DiGraph[NodeKey]) -> dict[NodeKey, NodePosition]:
    """A place on paper for every node: columns by the longest way there, rows by piece.

    A node that several pieces share lies between them; guest frames have one
    column, and so has what the P2M makes of them.  Same graph, same layout.
    """
    import networkx as nx

    order = {key: place for place, key in enumerate(graph)}
    layers: dict[NodeKey, int] = {}
    for key in nx.lexicographical_topological_sort(graph, key=order.__getitem__):
        layers[key] = max((layers[before] + 1 for before in graph.predecessors(key)), default=0)
    frames = [key for key in graph if graph.nodes[key]["place"].kind == "frame"]
    if frames:
        column = max(layers[key] for key in frames)
        for key in frames:
            layers[key] = column
            for after in graph.successors(key):
                layers[after] = column + 1
    rows: dict[NodeKey, float] = {}
    for layer in sorted(set(layers.values())):
        inside = [key for key in graph if layers[key] == layer]
        wanted = {
            key: sum(graph.nodes[key]["lanes"]) / len(graph.nodes[key]["lanes"]) for key in inside
        }
        inside.sort(key=lambda key: (wanted[key], order[key]))
        for place, key in enumerate(inside):
            least = rows[inside[place - 1]] + 1 if place else 0.0
            rows[key] = max(wanted[key], least)
    return {key: NodePosition(layer=layers[key], row=rows[key]) for key in graph}
