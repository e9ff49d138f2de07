"""The rows of a unit: a copy with all its steps, or a step with those directly under it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from xenexplore.addr import Gva
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.drawing_rules import StepLabel
from xenexplore.render.views.locations import describe, handles
from xenexplore.render.views.rows import StepRow, siblings
from xenexplore.render.views.step_labels import step_label
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Copy, Piece, TlbLookup

__all__ = ["unit_of", "unit_rows"]

_ENTRIES_SHOWN = 3


def unit_of(tree: StepTree, index: int) -> int:
    """The step whose rows a view of step ``index`` shows; -1: the outermost steps.

    The copy around the step; else the step itself where it has others inside it, else its parent.
    """
    for at in tree.around(index):
        if isinstance(tree.steps[at].step, Copy):
            return at
    return index if tree.children(index) else tree.steps[index].parent


def unit_rows(trace: Trace, tree: StepTree, unit: int) -> tuple[StepRow, ...]:
    """The rows of a unit, each as it reads when it is done."""
    step = tree.steps[unit].step if unit >= 0 else None
    if isinstance(step, Copy):
        head = StepRow(first=unit, last=unit, depth=0, words=_handle(trace, tree, unit, step))
        return (head, *_inside(tree, unit, [0]))
    children = tuple(siblings(tree, tree.children(unit), 1 if unit >= 0 else 0))
    if step is None:
        return children
    return (StepRow(first=unit, last=unit, depth=0, words=step_label(step)), *children)


def _inside(tree: StepTree, parent: int, lookups: list[int]) -> Iterator[StepRow]:
    """Everything under a copy, without indentation: pieces are rows of their own."""
    children = tree.children(parent)
    alone = sum(isinstance(tree.steps[child].step, Piece) for child in children) == 1
    for row in siblings(tree, children, 0):
        for at in range(row.first, row.last + 1):
            lookups[0] += int(tree.steps[at].step.kind == "p2m-lookup")
        step = tree.steps[row.first].step
        if step.kind == "p2m-lookup":
            row = replace(row, words=replace(row.words, aside=f"p2m {lookups[0]}"))
        if isinstance(step, TlbLookup):
            row = replace(row, words=_search(tree, row.first, step, row.words))
        yield replace(row, implied=isinstance(step, Piece) and alone)
        if tree.children(row.first):
            yield from _inside(tree, row.first, lookups)


def _handle(trace: Trace, tree: StepTree, copy: int, step: Copy) -> StepLabel:
    words = step_label(step)
    kind = handles(tree, copy)
    where = {"list": "a list of pieces", "registers": "passed in registers"}.get(kind, "")
    if kind == "linear":
        where = describe(trace.machine, Gva(step.handle), step.subject)
    elif kind == "physical":
        where = "guest-physical"
    return replace(
        words, label="handle", side=where, more=(f"{words.label}: {step.role}", *words.more)
    )


def _search(tree: StepTree, index: int, step: TlbLookup, words: StepLabel) -> StepLabel:
    """A miss shows the entries that do not cover the handle, and what comes of it."""
    if step.slot is not None:
        return words
    table = tree.registered.at(index).table(step.asked)
    after = next((n.step for n in tree.steps[index + 1 : index + 2]), None)
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
