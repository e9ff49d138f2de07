"""The graph that one copy's translation draws, and where each place of it goes on paper.

From the register through the handle, the registered buffers, the page-table
entries and the P2M to the frame, for each piece of the copy.  Pieces that read
the same entry meet there.  The only module that knows networkx.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from xenexplore.render.views.graph_nodes import GraphNode, NodeKey, NodePosition, NodeRole
from xenexplore.render.views.piece_paths import PiecePath, piece_paths
from xenexplore.render.views.step_tree import StepTree
from xenexplore.steps import Copy, CopyFailed, Move, Refusal

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["copy_shown", "laid_out", "telling_step", "translation_graph"]

_PIECES = 6


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
    """The most informative step of a run, shown by default.

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
    """The graph of one copy: the paths of its pieces, joined where they meet.

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
    import networkx as nx

    paths = piece_paths(tree, copy)
    at = copy if index is None else index
    until = tree.end(copy) if index is None else index
    here = next((n for n, path in enumerate(paths) if at <= path.last), len(paths) - 1)
    first = max(0, here - _PIECES + 1) if here >= _PIECES else 0
    shown = paths[first : first + _PIECES]
    graph: nx.DiGraph[NodeKey] = nx.DiGraph()
    for lane, path in enumerate(shown):
        _join(graph, path, lane, until)
    for role in (NodeRole.CALL, NodeRole.HANDLE):
        key = NodeKey(role)
        if key in graph:
            graph.nodes[key]["lanes"] = list(range(max(1, len(shown))))
    graph.graph["left_out"] = len(paths) - len(shown)
    return graph


def _join(graph: nx.DiGraph[NodeKey], path: PiecePath, lane: int, until: int) -> None:
    """Add a piece's path; what only a later step reveals is left out before it."""
    for key, node in path.nodes.items():
        if key.role is NodeRole.MEANT and node.first > until:
            continue
        place = node if node.told <= until else replace(node, side="", tone="plain")
        if key not in graph:
            graph.add_node(key, place=place, lanes=[lane])
            continue
        known: GraphNode = graph.nodes[key]["place"]
        if lane not in graph.nodes[key]["lanes"]:
            graph.nodes[key]["lanes"].append(lane)
            known = replace(known, times=known.times + 1)
        if node.told and node.told <= until:
            tone = known.tone if known.tone == "bad" else place.tone
            known = replace(known, side=place.side, tone=tone)
        graph.nodes[key]["place"] = known
    for edge in path.edges:
        if edge.end in graph and not graph.has_edge(edge.start, edge.end):
            graph.add_edge(edge.start, edge.end, first=edge.first, way=edge.way)


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
