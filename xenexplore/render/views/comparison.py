"""A comparison as a table of records: which measures there are, and each option's values."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from xenexplore.hypervisor.outcome import Outcome
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.notes import notes_at, overrun_note
from xenexplore.render.views.step_labels import step_label
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.scenario.run.overruns import overruns
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import (
    Copy,
    CopyFailed,
    Fault,
    FaultKind,
    Flip,
    GuestCopy,
    GuestTranslate,
    GuestWrite,
    ListRead,
    Move,
    Node,
    Phase,
    PhaseName,
    Piece,
    PteRead,
    Refusal,
    RegisterPass,
    Status,
    Step,
    TlbLookup,
    WalkCacheLookup,
)

__all__ = ["Measure", "Side", "measures_of", "note_of", "sides_of", "verdict_of", "way_of"]

_FRAMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A column of the comparison.

    Attributes:
        head: one or two short words, one to a line.
        what: what it counts, in words.
        value: the number in an outcome.
        of: the number that ``value`` is a part of, where there is one.
    """

    head: tuple[str, ...]
    what: str
    value: Callable[[Outcome], int]
    of: Callable[[Outcome], int] | None = None

    def shown(self, outcome: Outcome) -> str:
        """The value as a table shows it: ``"."`` for 0, ``"1/3"`` for a part."""
        whole = self.of(outcome) if self.of is not None else 0
        value = self.value(outcome)
        if whole:
            return f"{value:,}/{whole:,}"
        return f"{value:,}" if value else "."


_MEASURES = (
    Measure(head=("exits",), what="exits to Xen", value=lambda o: o.calls.exits),
    Measure(head=("walks",), what="walks of guest tables", value=lambda o: o.calls.walks),
    Measure(head=("entry", "reads"), what="guest table entries read",
            value=lambda o: o.calls.pte_reads),
    Measure(head=("P2M", "looks"), what="P2M lookups", value=lambda o: o.calls.p2m_lookups),
    Measure(head=("P2M", "reads"), what="P2M entries read for them",
            value=lambda o: o.calls.p2m_entry_reads),
    Measure(head=("TLB", "hits"),
            what="hits / lookups in registered buffers or remembered walks",
            value=lambda o: o.calls.tlb_hits, of=lambda o: o.calls.tlb_lookups),
    Measure(head=("TLB", "comps"), what="entries compared",
            value=lambda o: o.calls.tlb_compares),
    Measure(head=("list", "reads"), what="list elements read by Xen",
            value=lambda o: o.calls.list_reads),
    Measure(head=("bytes", "moved"), what="bytes that Xen copied",
            value=lambda o: o.calls.bytes_from_guest + o.calls.bytes_to_guest),
    Measure(head=("bytes", "wrong"), what="bytes in another frame, ciphertext, garbage or dropped",
            value=lambda o: o.wrong_bytes),
    Measure(head=("un-", "checked"), what="accesses without today's checks",
            value=lambda o: o.calls.unchecked),
    Measure(head=("lost", "checks"), what="of these, accesses that today's walk would reject",
            value=lambda o: o.lost_checks),
    Measure(head=("va", "to pa"), what="translations by the guest",
            value=lambda o: o.calls.guest_translations),
    Measure(head=("guest", "bytes"), what="bytes bounced or written by the guest",
            value=lambda o: o.calls.guest_bytes_copied + o.calls.guest_bytes_written),
    Measure(head=("reg.", "bytes"), what="bytes passed in registers",
            value=lambda o: o.calls.register_bytes),
    Measure(head=("flips",), what="changes of encryption state", value=lambda o: o.calls.flips),
    Measure(head=("in-", "serts"), what="registrations during calls",
            value=lambda o: o.calls.tlb_inserts),
    Measure(head=("purges",), what="purges during calls", value=lambda o: o.calls.tlb_purges),
    Measure(head=("once:", "exits"), what="exits in the setup",
            value=lambda o: o.setup.exits),
    Measure(head=("once:", "flips"), what="changes of encryption state in the setup",
            value=lambda o: o.setup.flips),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One option of a comparison.

    Attributes:
        trace: its run.
        ident: the design's number.
        label: what the scenario calls it.
        status: the run's verdict.
        result: what the last call returned, e.g. ``"0"``, ``"-EFAULT"``, ``""``.
        values: one per measure, as a table shows it.
        way: how a copy finds its memory, in few words; see :func:`way_of`.
        note: what is worth noticing about that copy, or ``""``.
        differs: the first step that differs from the first option's: its number
            and sentence, or None.
        failed: expectations that do not hold.
    """

    trace: Trace
    ident: str
    label: str
    status: Status
    result: str
    values: tuple[str, ...]
    way: str
    note: str
    differs: tuple[int | None, str] | None
    failed: tuple[str, ...]


def measures_of(comparison: Comparison) -> tuple[Measure, ...]:
    """The measures that are not 0 under every option."""
    outcomes = [row.trace.outcome for row in comparison.rows]
    return tuple(m for m in _MEASURES if any(m.shown(outcome) != "." for outcome in outcomes))


def sides_of(comparison: Comparison) -> tuple[Side, ...]:
    """The options, in the comparison's order."""
    measures = measures_of(comparison)
    found = []
    for row in comparison.rows:
        outcome = row.trace.outcome
        differs = None
        if row.difference is not None:
            says = row.difference.other_says or "the run has ended"
            differs = (row.difference.other, spell.regroup(says))
        found.append(
            Side(
                trace=row.trace,
                ident=row.trace.option.ident,
                label=row.trace.option.label,
                status=outcome.status,
                result="" if outcome.result is None else spell.errno_name(outcome.result),
                values=tuple(measure.shown(outcome) for measure in measures),
                way=way_of(row.trace),
                note=note_of(row.trace),
                differs=differs,
                failed=row.failed,
            )
        )
    return tuple(found)


_VERDICTS = {
    Status.RIGHT: "Right",
    Status.WRONG: "Wrong bytes",
    Status.ERROR: "Error",
    Status.REFUSED: "Refused",
}


def verdict_of(comparison: Comparison) -> str:
    """Verdict: right runs, fewest table entries read, lost checks."""
    runs = [row.trace for row in comparison.rows]
    said = []
    for status, word in _VERDICTS.items():
        labels = [run.option.label for run in runs if run.outcome.status is status]
        if labels:
            said.append(f"{word}: {_named(labels, len(runs))}.")
    right = [run for run in runs if run.outcome.status is Status.RIGHT]
    reads = {run.option.label: _table_reads(run.outcome) for run in right}
    if len(set(reads.values())) > 1:
        least = min(reads.values())
        labels = [label for label, count in reads.items() if count == least]
        most = max(reads, key=lambda label: reads[label])
        said.append(
            f"Of those that are right, {_named(labels, len(runs))} "
            f"{'reads' if len(labels) == 1 else 'read'} the fewest table entries in calls "
            f"(page tables and P2M): {least:,}; {most} reads {reads[most]:,}."
        )
    lost = [run.option.label for run in runs if run.outcome.lost_checks]
    if lost:
        said.append(f"The checks of today's walk are lost under {_named(lost, len(runs))}.")
    return " ".join(said)


def _table_reads(outcome: Outcome) -> int:
    return outcome.calls.pte_reads + outcome.calls.p2m_entry_reads


def _named(labels: list[str], whole: int) -> str:
    """Options by their labels: all of them in a word, labels with commas apart."""
    if len(labels) == whole and whole > 1:
        return f"all {whole}"
    return ("; " if any("," in label for label in labels) else ", ").join(labels)


def way_of(trace: Trace) -> str:
    """Way in which a copy finds its memory, in few words.

    The copy is the first one after the setup that goes wrong or fails, or
    else the first one.
    """
    tree = StepTree(trace.steps)
    refusal = next((n.step for n in trace.steps if isinstance(n.step, Refusal)), None)
    if refusal is not None:
        return step_label(refusal).main
    copy = _telling(tree)
    if copy is None:
        return "no copy"
    parts = [*_before(tree, copy), *_inside(tree, copy)]
    place = f"at step {copy}: " if copy != _copies(tree)[0] else ""
    return place + (", ".join(parts) or "in registers")


def note_of(trace: Trace) -> str:
    """The most important note about the copy that :func:`way_of` tells of; ``""`` if none."""
    tree = StepTree(trace.steps)
    copy = _telling(tree)
    notes = notes_at(trace, tree, tree.end(copy)) if copy is not None else ()
    if notes:
        return notes[0]
    return next(map(overrun_note, overruns(trace)), "")


def _telling(tree: StepTree) -> int | None:
    """The first copy that goes wrong or fails, or else the first one."""
    copies = _copies(tree)
    bad = [copy for copy in copies if any(_bad(node.step) for node in tree.inside(copy))]
    return next(iter(bad or copies), None)


def _bad(step: Step) -> bool:
    return isinstance(step, CopyFailed) or (isinstance(step, Move) and not step.right)


def _once(tree: StepTree) -> set[int]:
    return {
        node.index
        for phase in tree.steps
        if isinstance(phase.step, Phase) and phase.step.name is PhaseName.SETUP
        for node in tree.inside(phase.index)
    }


def _copies(tree: StepTree) -> list[int]:
    once = _once(tree)
    return [n.index for n in tree.steps if isinstance(n.step, Copy) and n.index not in once]


def _before(tree: StepTree, copy: int) -> list[str]:
    """Steps of the guest before a copy, in the same action."""
    action = tree.around(copy)[-1]
    kinds = {
        GuestTranslate: "guest translates",
        GuestCopy: "guest bounces",
        GuestWrite: "guest writes its arguments",
        Flip: "guest flips the page",
        RegisterPass: "guest loads registers",
    }
    found: dict[str, None] = {}
    for node in tree.steps[action:copy]:
        word = kinds.get(type(node.step))
        if word:
            found[word] = None
    return list(found)


_FAULTS = {FaultKind.P2M: "the P2M has no page"}


def _inside(tree: StepTree, copy: int) -> list[str]:
    """Steps of Xen in a copy, up to where it goes wrong or ends."""
    found: dict[str, int] = {}
    frames: dict[str, None] = {}
    missed = False
    for node in tree.inside(copy):
        step = node.step
        missed = missed or (isinstance(step, TlbLookup) and not step.hit)
        if isinstance(step, Fault):
            what = _FAULTS.get(step.what, step.what)
            told = missed and step.what is FaultKind.TLB_MISS
            return [*_times(found), "copy fails" if told else what]
        if isinstance(step, Move):
            frame = spell.frame(step.gpa.value >> 12)
            if not step.right:
                verdict = "WRONG" if step.meant != step.gpa else step.spoilt.upper()
                return [*_times(found), f"gfn {frame} ({verdict})"]
            frames[frame] = None
        word = _word(tree, node)
        if word:
            found[word] = found.get(word, 0) + 1
    return [*_times(found), *([_where(list(frames))] if frames else [])]


def _word(tree: StepTree, node: Node) -> str:
    step = node.step
    if isinstance(step, TlbLookup):
        return f"TLB {'hit' if step.hit else 'miss'}"
    if isinstance(step, WalkCacheLookup):
        return "cache hit" if step.hit else ""
    if isinstance(step, ListRead):
        return "list read"
    if isinstance(step, Piece):
        inside = [n.step for n in tree.inside(node.index)]
        lookup = next((one for one in inside if isinstance(one, WalkCacheLookup)), None)
        if lookup is not None and lookup.hit:
            return ""
        missed = "" if lookup is None else "cache miss, "
        levels = [one for one in inside if isinstance(one, PteRead)]
        return f"{missed}walk L{levels[0].level}-L{levels[-1].level}" if levels else "dereference"
    return ""


def _times(found: dict[str, int]) -> list[str]:
    return [word if count == 1 else f"{count:,} x {word}" for word, count in found.items()]


def _where(frames: list[str]) -> str:
    others = f" and {len(frames) - _FRAMES} more" if len(frames) > _FRAMES else ""
    return f"gfn {' '.join(frames[:_FRAMES])}{others} (right)"
