"""The translation path as a graph: register, handle, lookup, entries, frame, for each piece."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from xenexplore.render.drawing.canvas import Canvas, Command
from xenexplore.render.drawing.glyphs import draw_glyph
from xenexplore.render.drawing.text_metrics import Span, fitted, plain, spans_of, wrapped
from xenexplore.render.drawing.theme import Theme
from xenexplore.render.svg.explanation import capitalised
from xenexplore.render.svg.head import MARGIN, draw_head
from xenexplore.render.views.graph_nodes import GraphNode, NodeKey, NodePosition
from xenexplore.render.views.moment import moment_at
from xenexplore.render.views.notes import notes_at
from xenexplore.render.views.path_layout import AddressField, address_fields, path_positions
from xenexplore.render.views.piece_paths import PiecePath, piece_paths
from xenexplore.render.views.step_labels import shape_of, step_label
from xenexplore.render.views.step_tree import StepTree
from xenexplore.render.views.translation_graph import copy_shown, laid_out, translation_graph
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import step_kinds

if TYPE_CHECKING:
    import networkx as nx

__all__ = ["draw_translation"]

_WIDTH = 1170.0
_ROW = 94.0
_SIZE = 11.0
_FIELDS = 52.0  # what the address takes above the graph


def draw_translation(trace: Trace, index: int, theme: Theme) -> Canvas:
    """Draw the way of one copy, as far as it is gone at a step.

    Args:
        trace: the run.
        index: the step, from 0; outside a copy, the picture is of the copy
            that :func:`~xenexplore.render.views.translation_graph.copy_shown` names.
        theme: its colours.
    """
    tree = StepTree(trace.steps)
    copy = copy_shown(tree, index)
    moment = moment_at(trace, index, tree)
    title = f"{trace.about.title}: how Xen gets there under {trace.option.label}, step {index}"
    canvas = Canvas(theme, f"xe-{trace.about.name}-path-{index}", title, width=_WIDTH)
    y = draw_head(canvas, trace, f"step {index} / {moment.last}") + 34
    canvas.heading(MARGIN, y, "How Xen gets there")
    if copy is None:
        canvas.desc = "Nothing is copied in this run."
        canvas.text(MARGIN, y + 32, canvas.desc, size=14)
        canvas.height = round(y + 60)
        return canvas
    words = step_label(tree.steps[copy].step)
    about = f"{words.label}: {words.side}" if words.side else words.label
    canvas.text(_WIDTH - MARGIN, y, fitted(about, 12, 600), size=12, role="quiet", anchor="end")
    graph = translation_graph(tree, copy, index)
    path = _piece_shown(tree, copy, index)
    spots = laid_out(graph)
    fields = address_fields(tree, path, path_positions(path)) if path is not None else ()
    y += _FIELDS if fields else 0
    if path is not None:
        _draw_fields(canvas, path, fields, spots, y + 62)
    y = _draw_graph(canvas, graph, spots, index, y + 62)
    return _finish(canvas, trace, tree, copy, index, (graph.graph["left_out"], y))


def _piece_shown(tree: StepTree, copy: int, index: int) -> PiecePath | None:
    """The piece whose address stands above the graph: the one around the step."""
    paths = piece_paths(tree, copy)
    begun = [path for path in paths if path.first <= index]
    if begun:
        return begun[-1]
    return paths[0] if paths else None


def _slot(spots: Mapping[NodeKey, NodePosition]) -> float:
    columns = max(spot.layer for spot in spots.values()) + 1
    return (_WIDTH - 2 * MARGIN) / max(columns, 5)


def _draw_fields(
    canvas: Canvas,
    path: PiecePath,
    fields: tuple[AddressField, ...],
    spots: Mapping[NodeKey, NodePosition],
    top: float,
) -> None:
    """The bits of the piece's address, each over the entry that it chooses."""
    slot, y = _slot(spots), top - 80
    over = {at.layer: key for key, at in path_positions(path).items() if at.row == 0}
    for field in fields:
        key = over.get(field.column)
        if key is None or key not in spots:
            continue
        x = MARGIN + slot * (spots[key].layer + 0.5)
        wide = min(96.0, slot - 10)
        role = "quiet" if field.level < 0 else "ink"
        bits = f"{field.high}:{field.low}"
        canvas.text(x, y - 4, bits, size=_SIZE, role="quiet", anchor="middle")
        canvas.rect(
            x - wide / 2, y, wide, 20, fill="paper", stroke="line" if field.level < 0 else "ink"
        )
        text = fitted(field.text, 12, wide - 6)
        canvas.text(x, y + 14.5, text, size=12, role=role, anchor="middle")
        if field.level >= 0:
            down = top - 32
            canvas.line(("M", x, y + 20), ("L", x, down), stroke="quiet", dash=(2.0, 2.0))


def _draw_graph(
    canvas: Canvas,
    graph: nx.DiGraph[NodeKey],
    spots: dict[NodeKey, NodePosition],
    index: int,
    top: float,
) -> float:
    slot = _slot(spots)
    at = {
        key: (MARGIN + slot * (spot.layer + 0.5), top + _ROW * spot.row)
        for key, spot in spots.items()
    }
    for start, end, edge in graph.edges(data=True):
        far = spots[end].layer - spots[start].layer > 1
        _edge(canvas, (at[start], at[end]), edge, graph.nodes[end]["place"], index, far=far)
    for key, place in graph.nodes(data="place"):
        _place(canvas, place, at[key], slot - 8, index)
    return max(y for _, y in at.values()) + 44


def _edge(
    canvas: Canvas,
    ends: tuple[tuple[float, float], tuple[float, float]],
    edge: dict[str, object],
    place: GraphNode,
    index: int,
    *,
    far: bool,
) -> None:
    ahead = int(str(edge["first"])) > index
    way = edge["way"]
    role = "faint" if ahead else "bad" if way == "miss" or place.tone == "bad" else "good"
    dash: tuple[float, ...] = (5.0, 3.0) if way == "miss" else (1.0, 4.0) if ahead else ()
    if way == "meant" and not ahead:
        role, dash = "now", (1.0, 3.0)
    (x0, y0), (x1, y1) = ends
    x0, x1 = x0 + 9, x1 - 9
    if x1 <= x0:
        return
    # Level between label and address, steep between the columns.
    flat = min(46.0, (x1 - x0) * 0.4)
    middle = (x0 + x1) / 2
    way_on: tuple[Command, ...] = (
        ("L", x0 + flat, y0), ("C", middle, y0, middle, y1, x1 - flat, y1), ("L", x1, y1),
    )  # fmt: skip
    if y0 == y1 and far:
        # What lies between on the same level is passed above.
        way_on = (("C", x0 + 40, y0 - 44, x1 - 40, y1 - 44, x1, y1),)
    canvas.line(("M", x0, y0), *way_on, stroke=role, dash=dash, thick=1.6)


def _place(
    canvas: Canvas, place: GraphNode, at: tuple[float, float], room: float, index: int
) -> None:
    x, y = at
    ahead = place.first > index
    tone = {"bad": "bad", "miss": "bad"}.get(place.tone, "good")
    role = "line" if ahead else "now" if place.first == index else tone
    kind = {"frame": "move"}.get(place.kind, place.kind)
    draw_glyph(canvas, shape_of(step_kinds()[kind]), x, y, role, filled=place.first == index)
    times = (
        f" \N{MULTIPLICATION SIGN}{place.times}" if place.times > 1 and place.kind != "copy" else ""
    )
    label = fitted(place.label + times, 12, room, bold=True)
    face = (Span(text=label, bold=not ahead),)
    ink = "quiet" if ahead else "ink"
    canvas.text(x, y - 15, face, size=12, role=ink, anchor="middle")
    if ahead:
        canvas.text(x, y + 21, "…", size=_SIZE, role="quiet", anchor="middle")
        return
    lines = wrapped(plain(place.main), _SIZE, room, most=2) if place.main else ()
    if place.kind == "pte-read":
        lines = (spans_of(place.main),)
    down = y + 6
    for line in lines:
        down += 15
        canvas.text(x, down, line, size=_SIZE, role=ink, anchor="middle")
    shade = tone if place.tone in ("bad", "miss", "good") else "quiet"
    side = fitted(place.side, _SIZE, room)
    canvas.text(x, down + 15, side, size=_SIZE, role=shade, anchor="middle")


def _finish(
    canvas: Canvas, trace: Trace, tree: StepTree, copy: int, index: int, place: tuple[int, float]
) -> Canvas:
    """Foot of the picture: pieces left out, the step's sentence, notes."""
    left_out, y = place
    if left_out:
        y += 16
        pieces = "1 more piece" if left_out == 1 else f"{left_out:,} more pieces"
        canvas.text(MARGIN, y, f"{pieces} of this copy not shown", size=12.5, role="quiet")
        y += 8
    canvas.rule(MARGIN, y + 8, _WIDTH - MARGIN)
    y += 16
    last = min(max(index, copy), tree.end(copy))
    says = moment_at(trace, last, tree).sentence
    for line in wrapped(f"Step {last}: {says}", 14, _WIDTH - 2 * MARGIN):
        y += 20
        canvas.text(MARGIN, y, line, size=14)
    notes = notes_at(trace, tree, last)
    for note in notes:
        y += 6
        for line in wrapped(capitalised(note), 12.5, _WIDTH - 2 * MARGIN):
            y += 18
            canvas.text(MARGIN, y, line, size=12.5, role="quiet")
    canvas.desc = " ".join((says, *notes))
    canvas.height = round(y + MARGIN)
    return canvas
