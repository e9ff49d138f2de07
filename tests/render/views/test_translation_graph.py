from __future__ import annotations

import ast
from itertools import combinations
from pathlib import Path

import networkx as nx
import render_traces as made
from hypothesis import given
from hypothesis import strategies as st

import xenexplore
from xenexplore.render.views.graph_nodes import NodeKey, NodeRole
from xenexplore.render.views.step_tree import StepTree
from xenexplore.render.views.translation_graph import (
    copy_shown,
    laid_out,
    telling_step,
    translation_graph,
)
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import run
from xenexplore.steps import Copy, Move, Node, P2mLookup, PteRead, Refusal, TlbLookup


def tree_of(name: str, option: str | None = None) -> StepTree:
    return StepTree(run(load_builtin(name), option).steps)


def test_only_the_graph_knows_networkx() -> None:
    package = Path(xenexplore.__file__).parent
    users = set()
    for file in package.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if any(name.split(".")[0] == "networkx" for name in names):
                users.add(str(file.relative_to(package)))
    # Type checkers read the annotations of the module that draws the graph.
    assert users == {
        "render/views/translation_graph.py",
        "render/svg/translation_path.py",
    }


def test_pieces_that_read_the_same_entry_meet_there() -> None:
    tree = tree_of("straddle", "linear-walk")
    copy = copy_shown(tree, 0)
    assert copy is not None
    graph = translation_graph(tree, copy)
    reads = [node.step for node in tree.inside(copy) if isinstance(node.step, PteRead)]
    by_entry: dict[tuple[int, int], int] = {}
    for step in reads:
        key = (step.level, step.entry_at.value)
        by_entry[key] = by_entry.get(key, 0) + 1
    places = [p for _, p in graph.nodes(data="place") if p.kind == "pte-read"]
    assert sorted(place.times for place in places) == sorted(by_entry.values())
    assert [len(place) for place in (reads, places)] == [8, 5]
    # Where the two pieces part: the level-2 table.
    parts = [key for key in graph if graph.out_degree(key) == 2]
    assert [graph.nodes[key]["place"].label[:2] for key in parts] == ["L2"]
    moves = [node.step for node in tree.inside(copy) if isinstance(node.step, Move)]
    frames = [key for key, place in graph.nodes(data="place") if place.kind == "frame"]
    assert frames == [NodeKey(NodeRole.GUEST_FRAME, step.gpa.value >> 12) for step in moves]


def test_a_hit_leads_to_the_frame_and_a_miss_to_the_walk() -> None:
    hit = tree_of("evtchn-send-from-stack", "software-tlb")
    copy = copy_shown(hit, 0)
    assert copy is not None
    graph = translation_graph(hit, copy)
    ways = {(s, e): d["way"] for s, e, d in graph.edges(data=True) if d["way"]}
    (start, end), way = ways.popitem()
    assert (start.role, end.role, way) == (NodeRole.LOOKUP, NodeRole.GUEST_FRAME, "hit")
    assert not ways

    miss = tree_of("evtchn-send-from-stack", "giant-map")
    copy = copy_shown(miss, 0)
    assert copy is not None
    graph = translation_graph(miss, copy)
    ways = {(s, e): d["way"] for s, e, d in graph.edges(data=True) if d["way"]}
    (start, end), way = ways.popitem()
    assert (start.role, end.role, way) == (NodeRole.LOOKUP, NodeRole.ENTRY, "miss")
    assert graph.nodes[start]["place"].tone == "miss"
    frame = next(key for key in graph if key.role is NodeRole.MACHINE_FRAME)
    assert nx.has_path(graph, NodeKey(NodeRole.CALL), frame)


def test_what_was_meant_stands_beside_what_happened() -> None:
    tree = tree_of("wrong-vcpu", "software-tlb")
    index = telling_step(tree)
    move = tree.steps[index].step
    assert isinstance(move, Move)
    assert not move.right
    assert move.meant is not None
    copy = copy_shown(tree, index)
    assert copy is not None
    graph = translation_graph(tree, copy, index)
    wrong = graph.nodes[NodeKey(NodeRole.GUEST_FRAME, move.gpa.value >> 12)]["place"]
    assert wrong.tone == "bad"
    meant = next(e for _, e, data in graph.edges(data=True) if data["way"] == "meant")
    assert graph.nodes[meant]["place"].main == f"gfn {move.meant.value >> 12:05x}"
    # Before the bytes move, nobody knows.
    before = translation_graph(tree, copy, index - 1)
    assert not any(place.tone == "bad" for _, place in before.nodes(data="place"))


def test_of_many_pieces_those_around_the_step_are_shown() -> None:
    tree = tree_of("large-buffer", "linear-walk")
    moves = [node.index for node in tree.steps if isinstance(node.step, Move)]
    assert len(moves) == 513  # a struct, and 512 pages
    copy = copy_shown(tree, moves[-1])
    assert copy is not None
    graph = translation_graph(tree, copy, moves[100])
    assert graph.graph["left_out"] == 512 - 6
    shown = [p.first for _, p in graph.nodes(data="place") if p.kind == "frame"]
    assert len(shown) == 6
    last = tree.steps[moves[100]].step
    assert isinstance(last, Move)
    assert NodeKey(NodeRole.GUEST_FRAME, last.gpa.value >> 12) in graph
    first = translation_graph(tree, copy)
    step = tree.steps[moves[1]].step
    assert isinstance(step, Move)
    assert NodeKey(NodeRole.GUEST_FRAME, step.gpa.value >> 12) in first


def test_the_step_that_says_most() -> None:
    refused = tree_of("no-directmap", "giant-map")
    assert isinstance(refused.steps[telling_step(refused)].step, Refusal)
    right = tree_of("straddle", "linear-walk")
    moves = [node.index for node in right.steps if isinstance(node.step, Move)]
    assert telling_step(right) == moves[-1]
    wrong = tree_of("wrong-vcpu", "linear-walk")
    bad = [n.index for n in wrong.steps if isinstance(n.step, Move) and not n.step.right]
    assert telling_step(wrong) == bad[0]


@given(made.trees(40), st.data())
def test_any_copy_is_a_graph_without_circles(nodes: tuple[Node, ...], data: st.DataObject) -> None:
    tree = StepTree(nodes)
    index = data.draw(st.integers(0, len(nodes) - 1))
    copies = [node.index for node in nodes if isinstance(node.step, Copy)]
    copy = copy_shown(tree, index)
    assert (copy is None) == (not copies)
    assert telling_step(tree) < len(nodes)
    if copy is None:
        return
    graph = translation_graph(tree, copy, index)
    assert nx.is_directed_acyclic_graph(graph)
    spots = laid_out(graph)
    assert set(spots) == set(graph)
    assert all(spots[start].layer < spots[end].layer for start, end in graph.edges)
    for one, other in combinations(spots.values(), 2):
        assert one.layer != other.layer or abs(one.row - other.row) >= 1
    assert spots == laid_out(translation_graph(tree, copy, index))


def test_every_look_up_and_frame_of_a_copy_is_in_its_graph() -> None:
    for name in ("straddle", "wrong-vcpu", "encrypted-miss", "list-layouts"):
        tree = tree_of(name)
        for node in tree.steps:
            if not isinstance(node.step, Copy) or node.index > 400:
                continue
            graph = translation_graph(tree, node.index)
            for inside in tree.inside(node.index):
                step = inside.step
                if isinstance(step, TlbLookup):
                    assert NodeKey(NodeRole.LOOKUP, inside.index) in graph
                if isinstance(step, Move):
                    assert NodeKey(NodeRole.GUEST_FRAME, step.gpa.value >> 12) in graph
                if isinstance(step, P2mLookup) and step.purpose == "buffer" and step.mfn:
                    assert NodeKey(NodeRole.MACHINE_FRAME, step.mfn.value) in graph
