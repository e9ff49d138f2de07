from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest
from calls import MAKERS, Where, populate, run_call
from hypothesis import given, settings
from hypothesis import strategies as st
from workloads import Made, workload_of

from xenexplore.addr import Gpa, Gva
from xenexplore.analysis.replay.design import DESIGNS, design, replay_model
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.replay.replayed import AccessVerdict
from xenexplore.analysis.replay.replays import replay_designs
from xenexplore.analysis.replay.sampled import replay_stepwise
from xenexplore.analysis.replay.static_table import StaticTable
from xenexplore.analysis.sweep import Grid, measure
from xenexplore.analysis.workload.page_sizes import LINUX_LEAVES, PageSizes
from xenexplore.analysis.workload.tables import read_workload
from xenexplore.errors import MachineError, RecordingError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.calls import HandleAccess
from xenexplore.hypervisor.copying import copy_from_guest, copy_to_guest
from xenexplore.hypervisor.outcome import Counts, counts_of
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import make_option, variant
from xenexplore.steps import Copy, Direction
from xenexplore.tlb import TlbEntry, TlbTable


def _access(way: str, va: int, size: int) -> HandleAccess:
    return HandleAccess(
        direction=Direction(way),
        handle=va,
        size=size,
        role="bytes",
        current=0,
        subject=0,
        number=None,
    )


@functools.cache
def _guest(p2m_order: int) -> tuple[Domain, int]:
    """A guest with nine vmalloc'ed pages in a row."""
    domain = Domain(GuestSpec(p2m_order=p2m_order))
    buffer = domain.place("pages", "vmalloc", 9 << 12, offset=0)
    return domain, buffer.va.value


ranges = st.lists(st.tuples(st.integers(0, 8 * 4096), st.integers(1, 3 * 4096)), max_size=5)
touches = st.lists(
    st.tuples(st.booleans(), st.integers(0, 6 * 4096), st.integers(1, 3 * 4096)),
    min_size=1, max_size=4,
)  # fmt: skip


@settings(max_examples=120)
@given(
    spans=ranges,
    wanted=touches,
    order=st.sampled_from([0, 9]),
    search=st.sampled_from(["scan", "sorted", "direct"]),
    policy=st.sampled_from(["refuse", "lru", "fifo"]),
    capacity=st.sampled_from([0, 1, 2, 5]),
    straddle=st.sampled_from(["redo", "miss"]),
    miss=st.sampled_from(["walk", "fail"]),
    aligned=st.booleans(),
)
def test_random_accesses_cost_what_the_machine_counts(
    spans, wanted, order, search, policy, capacity, straddle, miss, aligned
) -> None:
    domain, base = _guest(order)
    if search == "direct":
        capacity = capacity or 3
    entries = _entries(base, spans, aligned)
    option = make_option("software-tlb", {
        "search": search, "policy": policy, "entries": capacity, "straddle": straddle,
        "miss": miss,
    })  # fmt: skip
    xen = Xen(domain, option)
    option.setup(xen)
    for entry in entries:
        option.tlb.insert_quietly(xen, 0, entry)
    table = StaticTable(entries, capacity=capacity or None, policy=policy, search=search)
    before = len(xen.nodes)
    for write, start, size in wanted:
        if write:
            copy_to_guest(xen, _access("to", base + start, size), bytes(size))
        else:
            copy_from_guest(xen, _access("from", base + start, size))
    seen = counts_of(xen.nodes[before:])
    got = table.look_up(
        np.array([base + start for _, start, _ in wanted], np.uint64),
        np.array([size for _, _, size in wanted], np.uint64),
        straddle=straddle, walk=miss == "walk",
    )  # fmt: skip
    assert int(got.lookups.sum()) == seen.tlb_lookups
    assert int(got.hits.sum()) == seen.tlb_hits
    assert int(got.compares.sum()) == seen.tlb_compares
    assert int(got.walks.sum()) == seen.walks
    shape = PageSizes(p2m_order=order)
    lookups = int(got.walks.sum()) * 5 + int(got.pieces.sum())
    assert lookups == seen.p2m_lookups
    assert lookups * shape.entry_reads == seen.p2m_entry_reads


def _entries(base: int, spans: list[tuple[int, int]], aligned: bool) -> list[TlbEntry]:
    entries: list[TlbEntry] = []
    for start, size in spans:
        if aligned:
            start, size = start & ~0xFFF, (size | 0xFFF) + 1
        # Any RAM will do: it is not said where bytes must go, only what it costs.
        entry = TlbEntry(
            Gva(base + start),
            Gpa(0x800_0000 + (start if aligned else start * 7 % 8192)),
            size,
            True,
        )
        if not any(entry.overlaps(other.va.value, other.size) for other in entries):
            entries.append(entry)
    return entries


@pytest.mark.parametrize("order", [0, 9, 18])
@pytest.mark.parametrize("kind", ["kmalloc", "vmalloc", "static"])
def test_page_sizes_decide_what_a_walk_costs(order: int, kind: str) -> None:
    spec = GuestSpec(memory=3 << 30, p2m_order=order)
    domain = Domain(spec)
    buffer = domain.place("it", kind, 64)
    xen = Xen(domain, make_option("linear-walk"))
    copy_from_guest(xen, _access("from", buffer.va.value, 64))
    seen = counts_of(xen.nodes)
    made = workload_of(domain.layout, [Made(32, 4, [("from", buffer.va.value, 64)])])
    leaves = dict(LINUX_LEAVES)
    region = domain.layout.find(buffer.va)
    reads_to_order = {4: 0, 3: 9, 2: 18}
    leaves[region.kind] = reads_to_order[seen.pte_reads]
    got = replay(made, variant("linear-walk"), 0, PageSizes(p2m_order=order, leaves=leaves)).counts
    assert got.pte_reads == seen.pte_reads
    assert got.p2m_lookups == seen.p2m_lookups
    reads = seen.p2m_entry_reads
    if order != 18:
        assert got.p2m_entry_reads == reads
    else:
        # The holes below 1 MiB and 4 GiB keep parts of this guest on smaller pages.
        assert got.p2m_entry_reads <= reads


def test_the_digests_arithmetic_holds() -> None:
    """thread.md section 6, item 1: 6, 5, 4 lookups; 4, 3, 2 reads; by 4, 3, 2 entry reads."""
    domain, base = _guest(0)
    made = workload_of(domain.layout, [Made(32, 4, [("from", base, 8)])])
    kind = domain.layout.find(Gva(base)).kind
    for leaf, lookups, reads in ((0, 6, 4), (9, 5, 3), (18, 4, 2)):
        for order, each in ((0, 4), (9, 3), (18, 2)):
            shape = PageSizes(p2m_order=order, leaves={kind: leaf})
            got = replay(made, design("linear-walk"), 0, shape).counts
            assert (got.p2m_lookups, got.pte_reads) == (lookups, reads)
            assert got.p2m_entry_reads == lookups * each
            flat = replay(made, design("domain-mode"), 0, shape).counts
            assert (flat.p2m_lookups, flat.p2m_entry_reads, flat.pte_reads) == (1, each, 0)


def test_pv_and_unspecified_designs_refuse() -> None:
    domain, base = _guest(0)
    made = workload_of(domain.layout, [Made(32, 4, [("from", base, 8)])], kind="pv")
    for got in replay_designs(made, DESIGNS):
        if got.design.design.replay.carries_pv:
            assert got.share(AccessVerdict.DIRECT) == 1
            assert got.counts == got.today == Counts(exits=1, copies=1, bytes_from_guest=8)
        else:
            assert got.share(AccessVerdict.REFUSED) == 1
            assert got.refused == got.hypercalls == 1
            assert got.why[0][0]


def test_the_baseline_of_a_design_that_carries_all_is_todays_walk() -> None:
    domain, base = _guest(0)
    made = workload_of(domain.layout, [Made(32, 4, [("from", base + 4090, 12), ("to", base, 8)])])
    walked = replay(made, variant("linear-walk"), 0).counts
    assert (walked.walks, walked.bytes_from_guest, walked.bytes_to_guest) == (3, 12, 8)
    others = [got for got in replay_designs(made, DESIGNS) if not got.refused]
    assert len(others) > len(DESIGNS) // 2
    assert {got.design.label: got.today for got in others if got.today != walked} == {}


def test_an_encrypted_guest_fails_where_it_would_be_walked() -> None:
    domain, base = _guest(0)
    made = workload_of(domain.layout, [Made(32, 4, [("from", base, 8)])])
    walked = replay(made, variant("linear-walk"), 0, encrypted=True)
    assert walked.share(AccessVerdict.FAIL) == 1
    assert walked.counts.bytes_from_guest == walked.counts.walks == 0
    missed = replay(made, variant("software-tlb: register=directmap"), 0, encrypted=True)
    assert missed.share(AccessVerdict.FAIL) == 1
    assert missed.counts.tlb_lookups == 1


def test_designs_are_named_with_their_parameters() -> None:
    wanted = (("register", ("directmap", "stack")), ("entries", 4), ("miss", "fail"))
    assert design("software-tlb:register=directmap+stack:entries=4:miss=fail").values == wanted
    assert design("O7: register=directmap+stack, entries=4, miss=fail").values == wanted
    assert replay_model(design("giant-map+image")).registers() == ("directmap", "kernel-image")
    with pytest.raises(MachineError, match="did you mean 'giant-map'"):
        design("gaint-map")
    with pytest.raises(MachineError, match="key=value"):
        design("software-tlb:entries")
    with pytest.raises(MachineError, match="takes a number"):
        design("software-tlb:entries=few")
    with pytest.raises(MachineError, match="does not support on_switch='tag'"):
        design("software-tlb:on_switch=tag")
    with pytest.raises(MachineError, match="has no parameter 'size'"):
        design("software-tlb:size=4")


@given(st.permutations(list(range(70))), st.booleans())
@settings(max_examples=10)
def test_a_table_of_many_entries_is_filled_like_the_real_one(order, overlap) -> None:
    """Beyond some size slots are given without asking the table, if nothing overlaps."""
    entries = [TlbEntry(Gva(n << 13), Gpa(n << 12), 4096, True) for n in order]
    if overlap:
        entries.append(TlbEntry(Gva((5 << 13) + 8), Gpa(0), 8, True))
    real = TlbTable()
    for entry in entries:
        real.insert(entry)
    assert StaticTable(entries).held == real.entries
    assert len(StaticTable(entries)) == 70


@pytest.mark.parametrize("extents", [507, 508])
def test_the_bounce_pages_limit_is_the_machines(extents: int) -> None:
    """32 bytes of struct and 8 for each extent: 4,088 bytes fit, 4,096 do not."""
    maker = functools.partial(populate, extents=extents)
    ran = run_call("bounce", maker, Where("vmalloc", 0))
    call = maker(Domain(GuestSpec()), Where("vmalloc", 0))
    today = run_call("linear-walk", maker, Where("vmalloc", 0))
    copies = [
        (s.direction, s.handle, s.size) for s in (n.step for n in today.xen.nodes)
        if isinstance(s, Copy)
    ]  # fmt: skip
    load = workload_of(today.domain.layout, [Made(12, 6, copies, call.args)])
    got = replay(load, design("bounce"), 0)
    assert (got.refused == 1) == (ran.outcome.status == "refused") == (extents == 508)


@pytest.mark.parametrize("privcmd", ["linear", "physical"])
def test_calls_from_user_space_under_the_number_bit(privcmd: str) -> None:
    values: dict[str, object] = {"privcmd": privcmd}
    where = Where("user")
    ran = run_call("number-bit", MAKERS["alloc_unbound"], where, params=dict(values), user=True)
    call = MAKERS["alloc_unbound"](Domain(GuestSpec()), where)
    copies = [
        (s.direction, call.args[1], s.size) for s in (n.step for n in ran.xen.nodes)
        if isinstance(s, Copy)
    ]  # fmt: skip
    made = Made(32, 6, copies, call.args, user=True)
    got = replay(workload_of(ran.domain.layout, [made]), variant("number-bit", values), 0)
    assert got.counts == ran.outcome.calls
    assert (got.counts.walks > 0) == (privcmd == "linear")


def test_reads_per_call_are_of_the_calls_that_are_carried() -> None:
    counts = Counts(pte_reads=8, p2m_entry_reads=48, list_reads=4)
    call = run_call("linear-walk", MAKERS["send"], Where("stack"))
    load = workload_of(call.domain.layout, [])
    got = replay(load, design("linear-walk"), 0)
    assert got.reads_per_call == 0.0
    assert replace(got, hypercalls=5, refused=2, counts=counts).reads_per_call == 20.0
    assert replace(got, hypercalls=2, refused=2, counts=counts).reads_per_call == 0.0


def test_a_domain_without_paging_is_not_replayed() -> None:
    """hvmloader and SeaBIOS: Xen walked nothing for them, and no walk is counted for them."""
    load = read_workload("hvm")
    assert [one.name for one in load.paged] == ["dom0"]
    assert {one.domain for one in replay_designs(load)} == {0}
    firmware = replace(load, unpaged=frozenset({0, 1}))
    points = Grid(register=("directmap", "on-miss"), domains=(1,)).points(["hvm"])
    for ask in (
        *(functools.partial(one, load, DESIGNS[0], 1) for one in (replay, replay_stepwise)),
        *(functools.partial(measure, point) for point in points),
    ):
        with pytest.raises(RecordingError, match=r"hvm: dom1: .* 141 without.*; replay dom0"):
            ask()
    with pytest.raises(RecordingError, match="without"):
        replay_designs(firmware)
    assert {point.domain for point in Grid().points(["hvm"])} == {0}
