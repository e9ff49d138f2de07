"""The steps of a trace as rows: what belongs on one line is on one line, repetitions fold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from xenexplore.render.views.drawing_rules import StepLabel
from xenexplore.render.views.step_labels import step_label
from xenexplore.render.views.step_tree import StepTree
from xenexplore.steps import P2mLookup, Piece, PteRead, PteUpdate, Step, WalkCacheLookup

__all__ = ["StepRow", "rows_of", "siblings", "updates_of"]

_LONGEST_PERIOD = 6
_FEWEST_ROUNDS = 3
_FEWEST_HIDDEN = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    """One line of a drawing of a trace.

    Attributes:
        first: first step that it shows.
        last: last step that it shows; a row that stands for a run of folded
            steps ends with the last of them.
        depth: how far it is indented.
        words: what it says.
        folded: how many repetitions it stands for; 0 for an ordinary row.
        implied: whether it goes without saying unless it is the current one.
    """

    first: int
    last: int
    depth: int
    words: StepLabel
    folded: int = 0
    implied: bool = False


def rows_of(tree: StepTree, *, folded: bool = True) -> tuple[StepRow, ...]:
    """Every step of a trace, as rows."""
    return tuple(_RowBuilder(tree, folded=folded).under(-1, 0))


class _RowBuilder:
    def __init__(self, tree: StepTree, *, folded: bool) -> None:
        self.tree = tree
        self.folded = folded

    def under(self, parent: int, depth: int) -> Iterator[StepRow]:
        children = self.tree.children(parent)
        at = 0
        while at < len(children):
            period, rounds = self._repetition(children, at)
            yield from self._run(children[at : at + period], depth)
            if rounds > 1:
                last = self.tree.end(children[at + period * rounds - 1])
                yield _fold(children[at + period], last, depth, rounds - 1, period)
            at += period * rounds

    def _run(self, children: Sequence[int], depth: int) -> Iterator[StepRow]:
        for row in siblings(self.tree, children, depth):
            yield row
            yield from self.under(row.first, depth + 1)

    def _repetition(self, children: Sequence[int], at: int) -> tuple[int, int]:
        """Period and rounds of the repetition that begins here; ``(n, 1)`` if none does.

        Without a repetition the run goes on to where one may begin, so that
        rows that belong together (a P2M lookup and the entry read after it) stay so.
        """
        if not self.folded:
            return len(children) - at, 1
        for start in range(at, len(children)):
            found = self._period(children, start)
            if found is not None:
                return found if start == at else (start - at, 1)
        return len(children) - at, 1

    def _period(self, children: Sequence[int], at: int) -> tuple[int, int] | None:
        shape = self.tree.shape
        for period in range(1, _LONGEST_PERIOD + 1):
            rounds = 1
            while all(
                (here := at + rounds * period + place) < len(children)
                and shape(children[here]) == shape(children[at + place])
                for place in range(period)
            ):
                rounds += 1
            if rounds < _FEWEST_ROUNDS:
                continue
            first_hidden = children[at + period]
            hidden = self.tree.end(children[at + period * rounds - 1]) - first_hidden + 1
            if hidden >= _FEWEST_HIDDEN:
                return period, rounds
        return None


def _fold(first: int, last: int, depth: int, rounds: int, period: int) -> StepRow:
    """The row that stands for ``rounds`` repetitions of the ``period`` subtrees before it."""
    alike = "like this" if period == 1 else f"rounds of these {period}"
    text = f"{rounds:,} more {alike}, steps {first} to {last}"
    words = StepLabel(label="...", main=text, tone="quiet")
    return StepRow(first=first, last=last, depth=depth, words=words, folded=rounds)


def siblings(tree: StepTree, children: Sequence[int], depth: int) -> Iterator[StepRow]:
    """Steps side by side as rows, without what is inside them.

    A P2M lookup and the entry then read from that table are one row; so are
    the Accessed and Dirty bits that one walk sets.  A step with others inside it
    has a row of its own.
    """
    at = 0
    while at < len(children):
        index = children[at]
        step = tree.steps[index].step
        joined = 1
        if not tree.children(index):
            joined = _joined(tree, children, at)
        if joined == 1:
            words = step_label(step)
            if isinstance(step, Piece) and (inside := tree.children(index)):
                last = tree.steps[inside[-1]].step
                recalled = isinstance(last, WalkCacheLookup) and last.hit
                words = replace(words, label="recall" if recalled else "walk")
        elif isinstance(step, PteUpdate):
            words = updates_of([tree.steps[child].step for child in children[at : at + joined]])
        else:
            words = step_label(tree.steps[children[at + 1]].step)
        yield StepRow(first=index, last=children[at + joined - 1], depth=depth, words=words)
        at += joined


def _joined(tree: StepTree, children: Sequence[int], at: int) -> int:
    """Number of the steps from here on that are one row."""
    first = tree.steps[children[at]].step
    until = at + 1
    while until < len(children) and not tree.children(children[until]):
        step = tree.steps[children[until]].step
        if _looks_for(first, step):
            return 2
        if not (isinstance(first, PteUpdate) and isinstance(step, PteUpdate)):
            break
        until += 1
    return until - at


def _looks_for(step: Step, following: Step) -> bool:
    """Whether a step is the P2M lookup of the table that the next step reads."""
    return (
        isinstance(step, P2mLookup)
        and isinstance(following, PteRead)
        and step.gfn.value == following.table.value >> 12
    )


def updates_of(run: Sequence[Step]) -> StepLabel:
    """The Accessed and Dirty bits that a walk sets, in one line."""
    if len(run) == 1:
        return step_label(run[0])
    parts: dict[str, list[str]] = {}
    for step in run:
        if isinstance(step, PteUpdate):
            bits = step.before ^ step.after
            names = " and ".join(n for bit, n in ((0x20, "A"), (0x40, "D")) if bits & bit)
            parts.setdefault(names or "bits", []).append(f"L{step.level}")
    text = ", ".join(f"{names} in {' '.join(levels)}" for names, levels in parts.items())
    return StepLabel(label="set", main=text)
