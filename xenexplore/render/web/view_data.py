"""Contents of a stepper, computed once: words, rows, pieces, counts and notes of every step.

The browser lays out and draws; what it says comes from here.  What repeats is
written once and named by its place in a list, so that a long run adds little.
"""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.hypervisor.outcome import counts_of
from xenexplore.render.svg.explanation import COUNTED, capitalised
from xenexplore.render.svg.head import STATUS, given_of
from xenexplore.render.text.run.trace import guest_line
from xenexplore.render.views.citation_links import link_of
from xenexplore.render.views.copy_pieces import pieces_of
from xenexplore.render.views.drawing_rules import StepLabel
from xenexplore.render.views.graph_nodes import NodeKey, NodeRole
from xenexplore.render.views.lockstep import set_up_steps, waits_of
from xenexplore.render.views.notes import TELLING, CopyNotes
from xenexplore.render.views.path_layout import address_fields, path_positions
from xenexplore.render.views.piece_paths import PiecePath, piece_paths
from xenexplore.render.views.step_labels import bracket_label, row_columns, short_label, step_label
from xenexplore.render.views.step_places import marks_of
from xenexplore.render.views.step_tree import StepTree
from xenexplore.render.views.unit_rows import unit_of, unit_rows
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import (
    Action,
    Check,
    Copy,
    CopyFailed,
    Fault,
    Flip,
    GuestCopy,
    GuestTranslate,
    GuestWrite,
    Hazard,
    Hypercall,
    ListRead,
    Move,
    Note,
    P2mLookup,
    PteRead,
    PteUpdate,
    Refusal,
    Step,
    TlbInsert,
    TlbPurge,
    UncheckedAccess,
)

__all__ = ["trace_view_json"]

_Item = TypeVar("_Item", bound=Hashable)
#: Of a step's words, how many are always told; and what the others are where they are not.
_TOLD = 2
_UNTOLD = ("", "", (), "plain")
_COUNTERS = {name: place for place, (name, _) in enumerate(COUNTED)}


class _Interned(Generic[_Item]):
    """Values by their place in a list, each of them once."""

    def __init__(self) -> None:
        self.places: dict[_Item, int] = {}

    def __call__(self, value: _Item) -> int:
        return self.places.setdefault(value, len(self.places))

    def all(self) -> list[_Item]:
        return list(self.places)


def trace_view_json(trace: Trace) -> bytes:
    """A trace as :meth:`Trace.to_json` writes it, with one more member: ``view``."""
    body = trace.to_json().rstrip()
    assert body.endswith(b"]}"), "a trace ends with its list of steps"
    view = json.dumps(_View(trace).as_json(), ensure_ascii=False, separators=(",", ":"))
    return body[:-1] + b',\n"view":' + view.encode() + b"}\n"


class _View:
    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.tree = StepTree(trace.steps)
        self.words: _Interned[tuple[object, ...]] = _Interned()
        self.lines: _Interned[tuple[str, str]] = _Interned()
        self.focus: _Interned[tuple[object, ...]] = _Interned()
        self.deltas: _Interned[tuple[tuple[int, int], ...]] = _Interned()
        self.texts: _Interned[str] = _Interned()
        self.noted: _Interned[tuple[int, ...]] = _Interned()
        self.paths: _Interned[tuple[object, ...]] = _Interned()
        self.shapes: _Interned[tuple[object, ...]] = _Interned()
        self.named: _Interned[tuple[str, ...]] = _Interned()

    def as_json(self) -> dict[str, object]:
        trace, tree, every = self.trace, self.tree, range(len(self.trace.steps))
        status = STATUS.get(trace.outcome.status, ("", trace.outcome.status, "ink"))
        units = [unit_of(tree, index) for index in every]
        columns = {
            "word": [self._words(n.step, step_label(n.step)) for n in trace.steps],
            "line": [self._line(index) for index in every],
            "unit": units,
            "at": [self.focus(_focus(tree.steps[index].step)) for index in every],
            "delta": [self.deltas(delta) for delta in self._deltas()],
            "note": list(self._noted(units)),
        }
        return {
            "status": status[:2],
            "guest": guest_line(trace).replace(", ", " · "),
            "given": given_of(trace),
            "counters": [what for _, what in COUNTED],
            "counts": list(_COUNTERS),
            "links": self._links(),
            "rows": {unit: self._rows(unit) for unit in sorted(set(units))},
            "pieces": {
                node.index: list(_pieces(tree, node.index))
                for node in trace.steps
                if isinstance(node.step, Copy)
            },
            "copies": {
                node.index: [
                    (path.first, self._path(path)) for path in piece_paths(tree, node.index)
                ]
                for node in trace.steps
                if isinstance(node.step, Copy)
            },
            **columns,
            "words": self.words.all(),
            "lines": self.lines.all(),
            "focus": self.focus.all(),
            "deltas": self.deltas.all(),
            "paths": self.paths.all(),
            "shapes": self.shapes.all(),
            "named": self.named.all(),
            "texts": self.texts.all(),
            "notes": self.noted.all(),
            "stops": [
                n.index for n in trace.steps if isinstance(n.step, Action | Hypercall | Copy)
            ],
            "waits": waits_of(trace),
            "marks": marks_of(trace),
            "worth": [n.index for n in trace.steps if _worth(n.step)],
        }

    def _line(self, index: int) -> int:
        """Label of a step on a line of time, and the steps inside it."""
        step = self.tree.steps[index].step
        inside = bracket_label(step) if self.tree.children(index) else ""
        return self.lines((short_label(step), inside))

    def _words(self, step: Step, words: StepLabel) -> int:
        label = " ".join(words.label.replace("[ ", "[").replace("[ ", "[").split())
        found: tuple[object, ...] = (label, *row_columns(step, words), words.more, words.tone)
        while len(found) > _TOLD and found[-1] == _UNTOLD[len(found) - 1 - _TOLD]:
            found = found[:-1]  # the page knows what is not said
        return self.words(found)

    def _rows(self, unit: int) -> list[tuple[int, int, int, int]]:
        return [
            (row.first, row.last, self._words(self.tree.steps[row.last].step, row.words),
             int(row.implied))
            for row in unit_rows(self.trace, self.tree, unit)
        ]  # fmt: skip

    def _path(self, path: PiecePath) -> int:
        """The path of a piece: its shape, the texts of its nodes, the fields of its address.

        Its steps count from the piece's first, so that a shape is written once for all pieces
        that are alike, and a path for all that are the same.
        """
        positions = path_positions(path)
        call = path.nodes.get(NodeKey(NodeRole.CALL))
        places = {key: place for place, key in enumerate(positions)}
        texts = []
        for key in positions:
            node = path.nodes[key]
            label = call.label if call and key.role is NodeRole.HANDLE else node.label
            texts.append(self.named((label, node.main, node.side, node.tone)))
        nodes = []
        for key, at in positions.items():
            node = path.nodes[key]
            reached = max(node.first - path.first, -1)  # the handle is there before the piece
            told = node.told - path.first if node.told else 0
            nodes.append((key.role.name.lower(), at.layer, at.row, reached, told))
        edges = tuple(
            (places[edge.start], places[edge.end], edge.way, edge.first - path.first)
            for edge in path.edges
            if edge.start in places
        )
        fields = address_fields(self.tree, path, positions)
        bits = tuple((field.column, field.high, field.low, field.level) for field in fields)
        values = " ".join(field.text for field in fields)
        return self.paths((self.shapes((tuple(nodes), edges, bits)), tuple(texts), values))

    def _links(self) -> list[str]:
        """One for each of the trace's ``cites``, in their order."""
        cites = dict.fromkeys(node.step.cite for node in self.trace.steps)
        texts = {str(cite): link_of(cite) for cite in cites}
        return list(texts.values())

    def _noted(self, units: list[int]) -> Iterator[int]:
        """The notes of each step; in a copy, only steps of some kinds bring other ones."""
        open_: dict[int, CopyNotes] = {}
        unit, notes = -1, self.noted(())
        for index, node in enumerate(self.tree.steps):
            if isinstance(node.step, Copy):
                open_[index] = CopyNotes(self.trace, self.tree, index)
            open_ = {at: found for at, found in open_.items() if index <= self.tree.end(at)}
            for found in open_.values():
                found.take(node)
            if units[index] != unit or isinstance(node.step, TELLING):
                inside = open_.get(units[index])  # the unit of a step in a copy is the copy
                told = () if inside is None else inside.told()
                notes = self.noted(tuple(self.texts(capitalised(note)) for note in told))
            unit = units[index]
            yield notes

    def _deltas(self) -> Iterator[tuple[tuple[int, int], ...]]:
        """Counts that each step adds; what is done once counts past the last counter."""
        once = set_up_steps(self.trace, self.tree)
        walked: set[int] = set()
        for node in self.tree.steps:
            shift = len(COUNTED) if node.index in once else 0
            adds = dict(node.step.tally())
            walks = counts_of((node,)).walks
            if walks and node.parent not in walked:
                walked.add(node.parent)
                adds["walks"] = walks
            yield tuple((_COUNTERS[name] + shift, value) for name, value in adds.items() if value)


def _pieces(tree: StepTree, copy: int) -> Iterator[tuple[object, ...]]:
    for p in pieces_of(tree, copy):
        yield (
            p.first, _hex(p.va), p.size, _hex(p.gpa), p.known, p.lookup, int(p.missed),
            p.moved, p.moved_size, _hex(p.meant), int(p.wrong),
        )  # fmt: skip


def _hex(address: Gva | Gpa | Gfn | None) -> str | None:
    return None if address is None else f"{address.value:#x}"


def _focus(step: Step) -> tuple[object, ...]:
    """Addresses that a step itself is about: linear, bytes, guest-physical, table, frame."""
    if isinstance(step, PteRead | PteUpdate):
        return (None, 0, None, f"{step.entry_at.value >> 12:#x}", None)
    if isinstance(step, P2mLookup | Flip):
        return (None, 0, None, None, _hex(step.gfn))
    if isinstance(step, TlbInsert):
        return (_hex(step.va), step.size, _hex(step.pa), None, None)
    if isinstance(step, TlbPurge) and step.va is not None:
        return (_hex(step.va), step.size, None, None, None)
    if isinstance(step, GuestTranslate):
        return (_hex(step.va), 1, _hex(step.gpa), None, None)
    if isinstance(step, GuestCopy):
        return (_hex(step.source if step.inbound else step.target), step.size, None, None, None)
    if isinstance(step, GuestWrite | ListRead):
        return (None, 0, _hex(step.gpa), None, None)
    return ()


def _worth(step: Step) -> bool:
    """Whether a step stays worth noticing as long as its call goes on."""
    if isinstance(step, UncheckedAccess):
        return bool(step.would_fail)
    if isinstance(step, Check):
        return not step.passed
    if isinstance(step, Move):
        return not step.right
    if isinstance(step, TlbInsert):
        return bool(step.result)
    return isinstance(step, Hazard | Refusal | Note | CopyFailed | Fault)
