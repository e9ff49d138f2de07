"""Notes at a step: made from the recorded steps, not from a scenario's prose."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from xenexplore.addr import Gpa, Gva, gpa_to_gfn
from xenexplore.paging import WalkEnd
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.locations import holders, second_mapping
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.overruns import Overrun, overrun_of
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import (
    Copy,
    Fault,
    Hypercall,
    Move,
    Node,
    Piece,
    Return,
    Spoilt,
    TlbLookup,
    WalkCacheLookup,
)

__all__ = ["TELLING", "CopyNotes", "notes_at", "overrun_note"]

_MOST = 3

#: Kinds of steps in a copy that a note may be about: others leave the notes as they are.
TELLING = (Copy, Fault, Move, Piece, TlbLookup)


def notes_at(trace: Trace, tree: StepTree, index: int) -> tuple[str, ...]:
    """Notes on a step, most important first; at most three."""
    copy = next((at for at in tree.around(index) if isinstance(tree.steps[at].step, Copy)), None)
    if copy is None:
        return ()
    notes = CopyNotes(trace, tree, copy)
    for node in tree.steps[copy : index + 1]:
        notes.take(node)
    return notes.told()


class CopyNotes:
    """Notes on one copy, as its steps are gone through.

    Each step is looked at once, and each note is made once.

    Args:
        trace: the run.
        tree: its steps.
        copy: index of the copy.
    """

    def __init__(self, trace: Trace, tree: StepTree, copy: int) -> None:
        self._trace, self._tree, self._copy = trace, tree, copy
        self._made: dict[tuple[object, ...], tuple[str, ...]] = {}
        self._wrong: Node | None = None  # the last move that went wrong
        self._missed: Node | None = None  # the last lookup that missed
        self._asked: Node | None = None  # the last lookup of another vCPU's table
        self._walk: Node | None = None  # the last piece
        self._smap = self._looked_up = self._remembered = False
        self._frame: int | None = None
        self._ending: dict[bool, str] = {}
        self._jump: tuple[int, int] | None = None

    def take(self, node: Node) -> None:
        """Go on by one step of the copy."""
        step = node.step
        if isinstance(step, Move):
            self._wrong = self._wrong if step.right else node
            frame = step.gpa.value >> 12
            before, self._frame = self._frame, frame
            if self._jump is None and before is not None and frame - before not in (0, 1):
                self._jump = (before, frame)
        elif isinstance(step, TlbLookup):
            self._looked_up = True
            self._missed = self._missed if step.hit else node
            self._asked = self._asked if step.shared or step.asked == step.subject else node
        elif isinstance(step, Piece):
            self._walk = node
        elif isinstance(step, Fault):
            self._smap = self._smap or step.reason == WalkEnd.SMAP.value
        elif isinstance(step, WalkCacheLookup):
            self._remembered = True

    def told(self) -> tuple[str, ...]:
        """Notes after the steps taken; at most three."""
        trace, tree, copy = self._trace, self._tree, self._copy
        found: list[str] = []
        found += self._once(_wrong, self._wrong, trace, self._silent)
        found += _refused_by_smap() if self._smap else ()
        found += self._once(_overrun, tree.steps[copy], trace)
        found += self._once(_asked, self._asked, tree)
        if self._walk is not None and not self._looked_up:
            found += self._once(_walked_for, tree.steps[copy], trace)
        found += self._once(_alias, self._missed, trace, tree, copy)
        found += _apart(*self._jump) if self._jump else ()
        if not self._remembered:  # else the lookup says why the walk was made again
            found += self._once(_again, self._walk, tree)
        return tuple(found[:_MOST])

    def _silent(self, move: Move) -> str:
        """Whether the call ends well all the same: alike for all moves one way."""
        writes = move.direction.writes
        if writes not in self._ending:
            self._ending[writes] = _silent(self._tree, self._copy, move)
        return self._ending[writes]

    def _once(
        self, make: Callable[..., Iterator[str]], node: Node | None, *rest: object
    ) -> tuple[str, ...]:
        """Notes on a node, made when they are first asked for."""
        if node is None:
            return ()
        key = (make, node.index)
        if key not in self._made:
            self._made[key] = tuple(make(node, *rest))
        return self._made[key]


def _wrong(node: Node, trace: Trace, silent: Callable[[Move], str]) -> Iterator[str]:
    """Bytes that went to, or came from, another frame than the caller meant."""
    step = node.step
    assert isinstance(step, Move)
    way = "went to" if step.direction.writes else "came from"
    frame = f"gfn {spell.frame(step.gpa.value >> 12)}"
    if step.meant == step.gpa and step.spoilt is Spoilt.DROPPED:
        yield f"{frame} is read-only in the P2M: Xen drops the write and reports success."
    elif step.meant == step.gpa:
        verb = "wrote" if step.direction.writes else "read"
        yield (
            f"{frame} is private to the guest: the data that Xen {verb} there differs from the "
            f"guest's.{silent(step)}"
        )
    else:
        yield (
            f"the bytes {way} {frame}{_named(trace, step.gpa)}; the caller meant "
            f"{_meant(trace, step.meant)}.{silent(step)}"
        )


def _refused_by_smap() -> Iterator[str]:
    """A user page that the caller did not open to Xen's access."""
    yield (
        "SMAP fails the walk: a user page, and the caller's EFLAGS.AC is clear. privcmd opens "
        "user access first (stac): user = true on the action models this."
    )


def _overrun(node: Node, trace: Trace) -> Iterator[str]:
    """A copy larger than what is left of the buffer it begins in."""
    found = overrun_of(trace, node)
    if found is not None:
        yield overrun_note(found)


def overrun_note(found: Overrun) -> str:
    """Extent of a copy past its buffer, and what it hits there."""
    copy, name = found.copy, found.buffer.name
    verb = "reads" if copy.direction == "from" else "writes"
    hit = f": into {', '.join(found.hit)}" if found.hit else ", where no buffer of the scenario is"
    return (
        f"{name} has {found.left:,} of the {copy.size:,} bytes that the call {verb}; "
        f"{found.over:,} are past its end{hit}."
    )


def _meant(trace: Trace, meant: Gpa | None) -> str:
    if meant is None:
        return "no frame of the guest"
    return f"gfn {spell.frame(meant.value >> 12)}{_named(trace, meant)}"


def _named(trace: Trace, gpa: Gpa) -> str:
    names = [buffer.name for buffer in holders(trace.machine, gpa)]
    return f" ({', '.join(names)} at the start)" if names else ""


def _silent(tree: StepTree, copy: int, move: Move) -> str:
    """Whether the call that the copy belongs to ends well all the same.

    What a handler makes of other bytes than were meant is not modelled, so
    nothing is said of a call that reads them.
    """
    if any(isinstance(node.step, Fault) for node in tree.inside(copy)):
        return ""
    if not move.direction.writes:
        return " The copy succeeds; the handler's use of these bytes is not modelled."
    for at in tree.around(copy):
        if isinstance(tree.steps[at].step, Hypercall):
            ends = [node.step for node in tree.inside(at) if isinstance(node.step, Return)]
            if ends and ends[-1].value == 0 and not ends[-1].what:
                return " The error is silent: the call returns 0."
            return ""
    return " The error is silent."


def _asked(node: Node, tree: StepTree) -> Iterator[str]:
    """Another vCPU's table was asked than that of the vCPU the access is about."""
    step = node.step
    assert isinstance(step, TlbLookup)
    search = tree.registered.at(node.index).search
    assert search is not None
    if search.other is None:
        own = f"vCPU {step.subject}'s own table has no entry for it"
    else:
        gpa = search.other.to_physical(step.va)
        own = (
            f"vCPU {step.subject}'s own table has gpa {spell.physical(gpa.value)} "
            f"([{search.other.slot}] {search.other.label}".rstrip()
            + ")"
        )
    yield (
        f"vCPU {step.asked} is current, so its table was searched, but the access is for vCPU "
        f"{step.subject}. {own}."
    )


def _walked_for(node: Node, trace: Trace) -> Iterator[str]:
    """Another vCPU's page tables are walked than that of the vCPU the copy is about."""
    step = node.step
    assert isinstance(step, Copy)
    given = dict(trace.option.values).get("cross_vcpu")
    if step.subject != step.current and given != "subject":
        yield (
            f"vCPU {step.current} is current, so its tables are walked, but the address is "
            f"vCPU {step.subject}'s."
        )


def _alias(node: Node, trace: Trace, tree: StepTree, copy: int) -> Iterator[str]:
    """A lookup missed although an entry covers the very frame, by another address."""
    lookup = node.step
    assert isinstance(lookup, TlbLookup)
    table = tree.registered.at(node.index).table(lookup.asked)
    gpa = _found_after(tree, copy, node.index)
    if gpa is None:
        return
    for entry in table.entries:
        alias = entry.alias_of(gpa)
        if alias is None or entry.covers(lookup.va):
            continue
        name = entry.label or f"[{entry.slot}]"
        why = second_mapping(trace.machine, lookup.va, lookup.subject)
        yield (
            f"the frame is registered, the address is not: {name} covers gfn "
            f"{spell.frame(gpa_to_gfn(gpa).value)} as {spell.linear(alias.value)}, and the handle "
            f"is {spell.linear(lookup.va.value)}. {why}".rstrip()
        )
        return


def _found_after(tree: StepTree, copy: int, lookup: int) -> Gpa | None:
    """Place where the bytes of a lookup turned out to be: the first move after it."""
    for at in range(lookup + 1, tree.end(copy) + 1):
        step = tree.steps[at].step
        if isinstance(step, TlbLookup):
            return None
        if isinstance(step, Move):
            return step.gpa
    return None


def _apart(before: int, after: int) -> Iterator[str]:
    """The pieces of one copy are in non-contiguous frames."""
    yield (
        f"the copy continues in a non-contiguous frame: gfn {spell.frame(before)}, "
        f"then {spell.frame(after)}."
    )


def _again(node: Node, tree: StepTree) -> Iterator[str]:
    """The page of this walk was walked before in the same run."""
    assert isinstance(node.step, Piece)
    if tree.walk_root(node.index) is None:
        return
    before = tree.walked_before(node.index)
    if before:
        times = "once" if before == 1 else f"{before:,} times"
        at = spell.linear(Gva(node.step.handle).page.value)
        yield f"the page at {at} has been walked {times} before in this run; nothing was kept."
