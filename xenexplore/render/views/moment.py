"""One step of a trace and what surrounds it: what every view of a single step shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from xenexplore.errors import MachineError
from xenexplore.hypervisor.outcome import Counts, counts_of
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.drawing_rules import StepLabel
from xenexplore.render.views.notes import notes_at
from xenexplore.render.views.rows import StepRow, updates_of
from xenexplore.render.views.step_tree import StepTree
from xenexplore.render.views.unit_rows import unit_of, unit_rows
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import (
    Action,
    Hypercall,
    Node,
    Phase,
    PhaseName,
    PteRead,
    PteUpdate,
)

__all__ = ["Moment", "counted", "moment_at", "step_index"]

_SCENARIO = "the scenario"

# Field of Counts: one, several.
_COUNTED = {
    "exits": ("exit", "exits"),
    "tlb_inserts": ("registration", "registrations"),
    "tlb_purges": ("purge", "purges"),
    "tlb_lookups": ("TLB lookup", "TLB lookups"),
    "tlb_hits": ("hit", "hits"),
    "tlb_compares": ("compare", "compares"),
    "walks": ("walk", "walks"),
    "pte_reads": ("entry read", "entry reads"),
    "p2m_lookups": ("P2M lookup", "P2M lookups"),
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
    """Contents of a view of one step.

    Raises:
        MachineError: the trace has no such step.
    """
    index = step_index(trace, index)
    tree = tree or StepTree(trace.steps)
    rows = tuple(_rows(trace, tree, index))
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
            return "setup, once"
    return "the run"


def _rows(trace: Trace, tree: StepTree, index: int) -> Iterator[StepRow]:
    """The rows around one step, each as far as it has happened."""
    for row in unit_rows(trace, tree, unit_of(tree, index)):
        if row.implied and row.first != index:
            continue
        yield _so_far(tree, row, index)


def _so_far(tree: StepTree, row: StepRow, index: int) -> StepRow:
    words = row.words
    if row.first > index:
        words = StepLabel(label=words.label, main="...", tone="quiet")
    elif row.first <= index < row.last:
        read = tree.steps[row.last].step
        if isinstance(read, PteRead):
            words = replace(words, main=f"{spell.physical(read.entry_at.value)}  ...")
        elif isinstance(read, PteUpdate):
            done = tree.steps[row.first : index + 1]
            words = updates_of([node.step for node in done])
            words = replace(words, main=f"{words.main} ...")
    return replace(row, words=words)
