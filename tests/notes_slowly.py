"""What notes_at() said step by step before it went through a copy once: the oracle of it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

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

__all__ = ["TELLING", "notes_at", "overrun_note"]

_MOST = 3

#: Kinds of steps in a copy that a note may be about: others leave the notes as they are.
TELLING = (Copy, Fault, Move, Piece, TlbLookup)


def notes_at(trace: Trace, tree: StepTree, index: int) -> tuple[str, ...]:
    """What is worth noticing at a step, most important first; at most three notes."""
    copy = next((at for at in tree.around(index) if isinstance(tree.steps[at].step, Copy)), None)
    found: list[str] = []
    if copy is not None:
        done = [node for node in tree.inside(copy) if node.index <= index]
        found += _wrong(trace, tree, copy, done)
        found += _refused_by_smap(done)
        found += _overrun(trace, tree.steps[copy])
        found += _asked(tree, done)
        found += _walked_for(trace, tree, copy, done)
        found += _alias(trace, tree, copy, done)
        found += _apart(done)
        found += _again(tree, done)
    return tuple(found[:_MOST])


def _wrong(trace: Trace, tree: StepTree, copy: int, done: list[Node]) -> Iterator[str]:
    """Bytes that went to, or came from, another frame than the caller meant."""
    for node in reversed(done):
        step = node.step
        if not isinstance(step, Move) or step.right:
            continue
        way = "went to" if step.direction.writes else "came from"
        frame = f"gfn {spell.frame(step.gpa.value >> 12)}"
        if step.meant == step.gpa and step.spoilt is Spoilt.DROPPED:
            yield f"{frame} is read-only in the P2M: Xen drops the write and reports success."
            return
        if step.meant == step.gpa:
            verb = "wrote" if step.direction.writes else "read"
            yield (
                f"{frame} is private to the guest: the data that Xen {verb} there differs "
                f"from the guest's.{_silent(tree, copy, step)}"
            )
            return
        yield (
            f"the bytes {way} {frame}{_named(trace, step.gpa)}; the caller meant "
            f"{_meant(trace, step.meant)}.{_silent(tree, copy, step)}"
        )
        return


def _refused_by_smap(done: list[Node]) -> Iterator[str]:
    """A user page that the caller did not open to Xen's access."""
    for node in done:
        step = node.step
        if isinstance(step, Fault) and step.reason == WalkEnd.SMAP.value:
            yield (
                "SMAP fails the walk: a user page, and the caller's EFLAGS.AC is clear. privcmd "
                "opens user access first (stac): user = true on the action models this."
            )
            return


def _overrun(trace: Trace, node: Node) -> Iterator[str]:
    """A copy larger than what is left of the buffer it begins in."""
    found = overrun_of(trace, node)
    if found is not None:
        yield overrun_note(found)


def overrun_note(found: Overrun) -> str:
    """How far a copy reaches past its buffer, and what it hits there."""
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


def _asked(tree: StepTree, done: list[Node]) -> Iterator[str]:
    """Another vCPU's table was asked than that of the vCPU the access is about."""
    for node in reversed(done):
        step = node.step
        if not isinstance(step, TlbLookup) or step.shared or step.asked == step.subject:
            continue
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
            f"vCPU {step.asked} is current, so its table was searched, but the access is for "
            f"vCPU {step.subject}. {own}."
        )
        return


def _walked_for(trace: Trace, tree: StepTree, copy: int, done: list[Node]) -> Iterator[str]:
    """Another vCPU's page tables are walked than that of the vCPU the copy is about."""
    step = tree.steps[copy].step
    assert isinstance(step, Copy)
    given = dict(trace.option.values).get("cross_vcpu")
    if step.subject == step.current or given == "subject":
        return
    kinds = {type(node.step) for node in done}
    if Piece in kinds and TlbLookup not in kinds:
        yield (
            f"vCPU {step.current} is current, so its tables are walked, but the address is "
            f"vCPU {step.subject}'s."
        )


def _alias(trace: Trace, tree: StepTree, copy: int, done: list[Node]) -> Iterator[str]:
    """A lookup missed although an entry covers the very frame, by another address."""
    missed = [n for n in done if isinstance(n.step, TlbLookup) and not n.step.hit]
    if not missed:
        return
    lookup = missed[-1].step
    assert isinstance(lookup, TlbLookup)
    table = tree.registered.at(missed[-1].index).table(lookup.asked)
    gpa = _found_after(tree, copy, missed[-1].index)
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
    """Where the bytes of a lookup turned out to be: the first move after it."""
    for node in tree.inside(copy):
        if node.index > lookup and isinstance(node.step, TlbLookup):
            return None
        if node.index > lookup and isinstance(node.step, Move):
            return node.step.gpa
    return None


def _apart(done: list[Node]) -> Iterator[str]:
    """The pieces of one copy lie in non-contiguous frames."""
    frames: list[int] = []
    for node in done:
        if isinstance(node.step, Move):
            frame = node.step.gpa.value >> 12
            if not frames or frames[-1] != frame:
                frames.append(frame)
    jumps = [(a, b) for a, b in pairwise(frames) if b != a + 1]
    if jumps:
        before, after = jumps[0]
        yield (
            f"the copy continues in a non-contiguous frame: gfn {spell.frame(before)}, "
            f"then {spell.frame(after)}."
        )


def _again(tree: StepTree, done: list[Node]) -> Iterator[str]:
    """The page of this walk was walked before in the same run."""
    walk = next((n for n in reversed(done) if isinstance(n.step, Piece)), None)
    if walk is None or tree.walk_root(walk.index) is None:
        return
    if any(isinstance(node.step, WalkCacheLookup) for node in done):
        return  # walks are remembered: the lookup says why this one was made again
    assert isinstance(walk.step, Piece)
    before = tree.walked_before(walk.index)
    if before:
        times = "once" if before == 1 else f"{before:,} times"
        at = spell.linear(Gva(walk.step.handle).page.value)
        yield f"the page at {at} has been walked {times} before in this run; nothing was kept."
