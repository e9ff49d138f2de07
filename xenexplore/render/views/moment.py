"""One step of a trace and what surrounds it: what every view of a single step shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xenexplore.addr import Gva
from xenexplore.errors import MachineError
from xenexplore.hypervisor.outcome import Counts, counts_of
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.drawing_rules import StepLabel
from xenexplore.render.views.locations import describe, handles
from xenexplore.render.views.notes import notes_at
from xenexplore.render.views.rows import StepRow, siblings, updates_of
from xenexplore.render.views.step_labels import step_label
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import (
    Action,
    Copy,
    Hypercall,
    Node,
    Phase,
    PhaseName,
    Piece,
    PteRead,
    PteUpdate,
    TlbLookup,
)

__all__ = ["Moment", "counted", "moment_at", "step_index"]

_ENTRIES_SHOWN = 3
_SCENARIO = "the scenario"

# Field of Counts: one, several.
_COUNTED = {
    "exits": ("exit", "exits"),
    "tlb_inserts": ("registration", "registrations"),
    "tlb_purges": ("purge", "purges"),
    "tlb_lookups": ("TLB look-up", "TLB look-ups"),
    "tlb_hits": ("hit", "hits"),
    "tlb_compares": ("compare", "compares"),
    "walks": ("walk", "walks"),
    "pte_reads": ("entry read", "entry reads"),
    "p2m_lookups": ("P2M look-up", "P2M look-ups"),
    "list_reads": ("list read", "list reads"),
    "guest_translations": ("translation by the guest", "translations by the guest"),
    "guest_bytes_copied": ("byte bounced", "bytes bounced"),
    "guest_bytes_written": ("byte written by the guest", "bytes written by the guest"),
    "flips": ("flip", "flips"),
    "register_bytes": ("byte in registers", "bytes in registers"),
    "unchecked": ("unchecked access", "unchecked accesses"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A step in its surroundings.

    Attributes:
        number: the step, as every view counts: from 0.
        last: the number of the last step.
        call: the hypercall, or what else is going on.
        rows: what leads to the step and what follows, in the same copy (or
            beside it); what is still to come says ``"..."`` only.
        current: which of ``rows`` shows the step.
        once: counts of what was done once, so far.
        counts: counts of everything else, so far.
        sentence: what the step says.
        cite: the rule behind it; ``""`` where the scenario itself is.
        notes: what is worth noticing.
    """

    number: int
    last: int
    call: str
    rows: tuple[StepRow, ...]
    current: int
    once: Counts
    counts: Counts
    sentence: str
    cite: str
    notes: tuple[str, ...]


def counted(counts: Counts) -> tuple[str, ...]:
    """Counts in words, without the zeros; bytes copied are always there."""
    found = []
    for name, (one, several) in _COUNTED.items():
        value = getattr(counts, name)
        if value:
            found.append(f"{value:,} {one if value == 1 else several}")
    copied = counts.bytes_from_guest + counts.bytes_to_guest
    found.append(f"{spell.size(copied)} copied")
    return tuple(found)


def moment_at(trace: Trace, index: int, tree: StepTree | None = None) -> Moment:
    """What a view of one step shows.

    Raises:
        MachineError: the trace has no such step.
    """
    index = step_index(trace, index)
    tree = tree or StepTree(trace.steps)
    rows = tuple(_SurroundingRows(trace, tree, index).all())
    current = next(place for place, row in enumerate(rows) if row.first <= index <= row.last)
    before = trace.steps[: index + 1]
    once = {node.index for node in _set_up(trace, tree)}
    step = trace.steps[index].step
    return Moment(
        number=index,
        last=len(trace.steps) - 1,
        call=_going_on(tree, index),
        rows=rows,
        current=current,
        once=counts_of(node for node in before if node.index in once),
        counts=counts_of(node for node in before if node.index not in once),
        sentence=spell.regroup(step.say()),
        cite="" if step.cite.where == _SCENARIO else str(step.cite),
        notes=notes_at(trace, tree, index),
    )


def step_index(trace: Trace, index: int | None) -> int:
    """The number of a step, the last one for None.

    Raises:
        MachineError: the trace has no such step.
    """
    last = len(trace.steps) - 1
    if index is None:
        return last
    if not 0 <= index <= last:
        raise MachineError(
            f"no step {index}: {trace.about.name} under {trace.option.label} has steps 0 to {last}"
        )
    return index


def _set_up(trace: Trace, tree: StepTree) -> Iterator[Node]:
    for node in trace.steps:
        if isinstance(node.step, Phase) and node.step.name is PhaseName.SETUP:
            yield from tree.inside(node.index)


def _going_on(tree: StepTree, index: int) -> str:
    for at in tree.around(index):
        step = tree.steps[at].step
        if isinstance(step, Hypercall):
            return step.name
        if isinstance(step, Action):
            return spell.regroup(step.detail.removesuffix("."))
        if isinstance(step, Phase) and step.name is PhaseName.SETUP:
            return "set-up, once"
    return "the run"


class _SurroundingRows:
    """The rows around one step."""

    def __init__(self, trace: Trace, tree: StepTree, index: int) -> None:
        self.trace = trace
        self.tree = tree
        self.index = index

    def all(self) -> Iterator[StepRow]:
        around = self.tree.around(self.index)
        copy = next((at for at in around if isinstance(self.tree.steps[at].step, Copy)), None)
        if copy is not None:
            yield from self._under_copy(copy)
            return
        focus = self.index if self.tree.children(self.index) else self.tree.steps[self.index].parent
        if focus >= 0:
            words = step_label(self.tree.steps[focus].step)
            yield self._shown(StepRow(first=focus, last=focus, depth=0, words=words))
        depth = 1 if focus >= 0 else 0
        for row in siblings(self.tree, self.tree.children(focus), depth):
            inside = replace(row, last=max(row.last, self.tree.end(row.last)))
            yield self._shown(row if self.index <= row.last else inside)

    def _under_copy(self, copy: int) -> Iterator[StepRow]:
        step = self.tree.steps[copy].step
        assert isinstance(step, Copy)
        yield StepRow(first=copy, last=copy, depth=0, words=self._handle(copy, step))
        yield from self._inside(copy, [0])

    def _inside(self, parent: int, lookups: list[int]) -> Iterator[StepRow]:
        """Everything under a copy, without indentation: pieces are rows of their own."""
        for row in siblings(self.tree, self.tree.children(parent), 0):
            for at in range(row.first, row.last + 1):
                lookups[0] += int(self.tree.steps[at].step.kind == "p2m-lookup")
            step = self.tree.steps[row.first].step
            if step.kind == "p2m-lookup":
                row = replace(row, words=replace(row.words, aside=f"p2m {lookups[0]}"))
            if isinstance(step, TlbLookup):
                row = replace(row, words=self._search(row.first, step, row.words))
            alone = len([n for n in self.tree.children(parent) if self._is_walk(n)]) == 1
            if not (isinstance(step, Piece) and alone and self.index != row.first):
                yield self._shown(row)
            if self.tree.children(row.first):
                yield from self._inside(row.first, lookups)

    def _is_walk(self, index: int) -> bool:
        return isinstance(self.tree.steps[index].step, Piece)

    def _shown(self, row: StepRow) -> StepRow:
        """The row as far as it has happened."""
        words = row.words
        if row.first > self.index:
            words = StepLabel(label=words.label, main="...", tone="quiet")
        elif row.first <= self.index < row.last:
            read = self.tree.steps[row.last].step
            if isinstance(read, PteRead):
                at = spell.physical(read.entry_at.value)
                words = replace(words, main=f"{at}  ...")
            elif isinstance(read, PteUpdate):
                done = self.tree.steps[row.first : self.index + 1]
                words = updates_of([node.step for node in done])
                words = replace(words, main=f"{words.main} ...")
        return replace(row, words=words)

    def _handle(self, copy: int, step: Copy) -> StepLabel:
        words = step_label(step)
        kind = handles(self.tree, copy)
        where = {"list": "a list of pieces", "registers": "passed in registers"}.get(kind, "")
        if kind == "linear":
            where = describe(self.trace.machine, Gva(step.handle), step.subject)
        elif kind == "physical":
            where = "guest-physical"
        return replace(
            words,
            label="handle",
            side=where,
            more=(f"{words.label}: {step.role}", *words.more),
        )

    def _search(self, index: int, step: TlbLookup, words: StepLabel) -> StepLabel:
        """A miss shows the entries that do not cover the handle, and what comes of it."""
        if step.slot is not None:
            return words
        table = self.tree.registered.at(index).table(step.asked)
        after = next((n.step for n in self.tree.steps[index + 1 : index + 2]), None)
        goes_on = "walk as today" if isinstance(after, Piece) else "the copy fails"
        if not table.entries:
            return replace(words, main="nothing is registered", more=(goes_on, *words.more))
        lines = [
            f"[{entry.slot}] {spell.linear(entry.va.value)} {spell.span(entry.size)} {entry.label}"
            for entry in table.entries[:_ENTRIES_SHOWN]
        ]
        if len(table.entries) > _ENTRIES_SHOWN:
            lines.append(f"and {len(table.entries) - _ENTRIES_SHOWN} more entries")
        end = f"no entry covers the handle: {goes_on}"
        first, *others = [line.rstrip() for line in lines]
        return replace(words, main=first, aside="", more=(*others, end, *words.more))
