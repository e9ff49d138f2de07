"""Every option's replay model against the step-by-step machine: calls made here, and recorded."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import takewhile

import pytest
from calls import MAKERS, Where, refused, run_call
from last_walk import LastWalk
from variants import SPECIFIED, replayable, shown, text_of
from workloads import Made, workload_of

from xenexplore.addr import Gva
from xenexplore.analysis.replay.design import DESIGNS, replay_model
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.replay.guest_work import columns_of
from xenexplore.analysis.replay.replayed import AccessVerdict, Replayed
from xenexplore.analysis.workload.call_buffers import buffers_of
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.errors import MachineError, RecordingError
from xenexplore.guest.domain import Domain
from xenexplore.guest.layout.regions import Layout, RegionKind
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.design import Design
from xenexplore.hypervisor.outcome import Counts, Outcome
from xenexplore.hypervisor.replay_model import RecordedBuffers, RecordedGuest
from xenexplore.options.registry import OPTIONS, TODAY, variant
from xenexplore.options.variant import Variant
from xenexplore.recording.contents.call_index import CallIndex
from xenexplore.recording.conversion.to_scenario import to_scenario
from xenexplore.recording.format.columns import Recording
from xenexplore.recording.format.reader import read_recording
from xenexplore.scenario.model.action_records import CallAction
from xenexplore.scenario.model.call_names import find_call
from xenexplore.scenario.model.scenario import Scenario
from xenexplore.scenario.run.build import build_domain
from xenexplore.scenario.run.runner import run
from xenexplore.steps import Copy, Hypercall, Node, Piece, PteRead

# What is counted per buffer is a lower bound where buffers adjoin.
GUEST_SIDE = ("guest_translations", "guest_bytes_copied", "guest_bytes_written", "register_bytes")
ONE_BUFFER = ("send", "runstate")
PLACES = (
    ("kmalloc", None), ("stack", None), ("static", None),
    ("kmalloc", 4080), ("stack", 4080), ("static", 4080),
)  # fmt: skip
PLAIN = RecordedGuest(pv=False, encrypted=False)
ENCRYPTED_CALLS = ("send", "runstate", "populate")
EVERY = 7
REPLAYED = (*replayable(), variant(LastWalk))
IN_MEMORY = ("sends", "same_twice")
"""Multicalls: how an entry's buffers are passed is said in memory, which is not recorded."""


@dataclass(frozen=True)
class Recorded:
    """What a recorder would have seen: Xen's copies under today's interface."""

    domain: Domain
    calls: tuple[Made, ...]
    shape: PageSizes

    def replay(self, what: Variant, *, encrypted: bool = False) -> Replayed:
        load = workload_of(self.domain.layout, self.calls)
        return replay(load, what, 0, self.shape, encrypted=encrypted)


def copies_of(nodes: tuple[Node, ...]) -> list[tuple[str, int, int]]:
    steps = [node.step for node in nodes]
    return [(s.direction, s.handle, s.size) for s in steps if isinstance(s, Copy)]


def leaves_of(layout: Layout, nodes: tuple[Node, ...]) -> dict[RegionKind, int] | None:
    """Page sizes by today's walks; None: a region with more than one, or a walk that faults."""
    leaves: dict[RegionKind, int] = {}
    for node in nodes:
        if not isinstance(node.step, Piece):
            continue
        reads = _reads_below(nodes, node)
        kind = layout.find(Gva(node.step.handle)).kind
        order = {4: 0, 3: 9, 2: 18}.get(reads)
        if order is None or leaves.setdefault(kind, order) != order:
            return None
    return leaves


def _reads_below(nodes: tuple[Node, ...], top: Node) -> int:
    below = takewhile(lambda one: one.depth > top.depth, nodes[top.index + 1 :])
    return sum(isinstance(one.step, PteRead) for one in below)


@functools.cache
def made(maker: str, kind: str, offset: int | None) -> Recorded:
    ran = run_call(TODAY, MAKERS[maker], Where(kind, offset))
    copies = copies_of(ran.xen.nodes)
    call = MAKERS[maker](Domain(GuestSpec()), Where(kind, offset))
    sub_op = call.args[0] if call.number != 13 else -1
    leaves = leaves_of(ran.domain.layout, ran.xen.nodes)
    assert leaves is not None
    return Recorded(
        ran.domain, (Made(call.number, sub_op, copies, call.args),), PageSizes(leaves=leaves)
    )


def agree(got: Replayed, outcome: Outcome, *, exact: bool) -> bool:
    """Hold a replay of one call to what the machine counts; False where they cannot be compared.

    ``exact``: the call has one buffer; else what the guest does is a lower bound.
    """
    if outcome.status == "refused":
        assert got.refused == 1
        assert got.counts == Counts()
        return True
    assert got.refused == 0
    assert got.setup == outcome.setup
    if outcome.status != "right":
        return False  # a call that fails early makes fewer copies than today's
    for item in fields(Counts):
        mine, theirs = getattr(got.counts, item.name), getattr(outcome.calls, item.name)
        if item.name in GUEST_SIDE and not exact:
            assert mine <= theirs, item.name
        else:
            assert mine == theirs, item.name
    return True


def rotated() -> Iterator[tuple[Variant, str, str, int | None]]:
    """Each variant with every kind of call, and these with every place in turn."""
    for number, what in enumerate(REPLAYED):
        for turn, maker in enumerate(MAKERS):
            yield what, maker, *PLACES[(number + turn) % len(PLACES)]


def test_every_option_declares_a_replay_model() -> None:
    assert [name for name, option in OPTIONS.items() if "replay" not in vars(option)] == []
    assert {what.use for what in DESIGNS} == set(OPTIONS)
    assert {what.use for what in replayable()} == {option.name for option in SPECIFIED}
    for what in DESIGNS:
        assert replay_model(what).follows <= {p.name for p in what.design.parameters}


def test_models_and_options_refuse_the_same_guests() -> None:
    specs = [GuestSpec(), GuestSpec(encryption="sev"), GuestSpec(type="pv")]
    for what in (*DESIGNS, *REPLAYED):
        for spec in specs:
            guest = RecordedGuest(pv=spec.type == "pv", encrypted=spec.encrypted)
            said = refused(what.make(), spec)
            assert bool(replay_model(what).refuses(guest)) == bool(said), (what, spec)


@pytest.mark.parametrize(
    ("what", "maker", "kind", "offset"),
    [
        pytest.param(*case, id="-".join(map(str, (text_of(case[0]), *case[1:]))))
        for case in rotated()
    ],
)
def test_whole_calls_cost_what_the_machine_counts(
    what: Variant, maker: str, kind: str, offset: int | None
) -> None:
    recorded = made(maker, kind, offset)
    if replay_model(what).refuses(PLAIN):
        got = recorded.replay(what)
        assert (got.refused, got.counts) == (1, Counts())
        return
    try:
        ran = run_call(what.design, MAKERS[maker], Where(kind, offset), params=dict(what.values))
    except MachineError as error:  # no such table: the replay says the same
        with pytest.raises(MachineError, match=re.escape(str(error))):
            recorded.replay(what)
        return
    got = recorded.replay(what)
    calls = ran.outcome.calls
    if maker in IN_MEMORY and (calls.list_reads or calls.guest_bytes_copied):
        assert got.counts.copies in (0, calls.copies)
        return
    agree(got, ran.outcome, exact=maker in ONE_BUFFER)


@pytest.mark.parametrize("what", REPLAYED, ids=text_of)
def test_an_encrypted_guests_calls_cost_what_the_machine_counts(what: Variant) -> None:
    """Buffers are shared with Xen where the design does not see to it."""
    model, spec = replay_model(what), GuestSpec(encryption="sev")
    for turn, maker in enumerate(ENCRYPTED_CALLS):
        kind = ("stack", "kmalloc")[(REPLAYED.index(what) + turn) % 2]
        recorded = made(maker, kind, None)
        if model.refuses(RecordedGuest(pv=False, encrypted=True)):
            assert recorded.replay(what, encrypted=True).counts == Counts()
            continue
        flips = bool(model.prepares(recorded_buffers(recorded)).flipped)
        where = Where(kind, None, shared=not flips)
        try:
            ran = run_call(what.design, MAKERS[maker], where, spec=spec, params=dict(what.values))
        except MachineError:
            continue  # no such table, as for the guest that is not encrypted
        got = recorded.replay(what, encrypted=True)
        if ran.outcome.status == "error":
            assert got.share(AccessVerdict.FAIL) > 0
            assert got.setup == ran.outcome.setup
            assert got.counts.walks == 0
            assert got.counts.bytes_from_guest == ran.outcome.calls.bytes_from_guest
        else:
            agree(got, ran.outcome, exact=maker in ONE_BUFFER)


def recorded_buffers(recorded: Recorded) -> RecordedBuffers:
    load = workload_of(recorded.domain.layout, recorded.calls)
    return columns_of(load, buffers_of(load, load.inside(0)))


@functools.cache
def sampled() -> tuple[tuple[str, Scenario, Recorded], ...]:
    """Recorded calls, one of each kind, place and number of copies, that the model can run."""
    found = []
    for name in ("pvh",):
        recording = read_recording(name)
        for row in strata(recording):
            try:
                scenario = to_scenario(recording, row)
            except RecordingError:
                continue  # its buffers cannot be had, or its copies are not explained
            (action,) = [one for one in scenario.actions if isinstance(one, CallAction)]
            trace = run(scenario, TODAY)
            copies = copies_of(trace.steps)
            domain = build_domain(scenario)
            leaves = leaves_of(domain.layout, trace.steps)
            if trace.outcome.status != "right" or leaves is None or len(scenario.actions) > 1:
                continue
            family, op = find_call(action.hypercall)
            step = next(n.step for n in trace.steps if isinstance(n.step, Hypercall))
            call = Made(family.number, op.value if op is not None else -1, copies, step.args,
                        user=action.user)  # fmt: skip
            recorded = Recorded(domain, (call,), PageSizes(leaves=leaves))
            found.append((f"{name} {row}", scenario, recorded))
    return tuple(found)


def strata(recording: Recording) -> list[int]:
    """The first call of each hypercall, sub-op, region and number of copies."""
    index = CallIndex(recording)
    first: dict[tuple[object, ...], int] = {}
    for row in range(0, len(recording.calls), EVERY):
        call = index.call(row)
        first.setdefault((call.name, call.regions, min(call.copies, 3)), row)
    return list(first.values())


@pytest.mark.parametrize("design", SPECIFIED, ids=lambda design: design.name)
def test_recorded_calls_cost_what_the_machine_counts(design: type[Design]) -> None:
    what = next(one for one in shown() if one.design is design)
    compared = 0
    for name, scenario, recorded in sampled():
        trace = run(scenario, what)
        if trace.outcome.status == "refused" and not trace.outcome.calls.exits:
            assert recorded.replay(what).refused == 1, name
            compared += 1
            continue
        compared += agree(recorded.replay(what), trace.outcome, exact=False)
    assert compared >= len(sampled()) // 2
