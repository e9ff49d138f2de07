"""Recorded calls through the machine: held to the vectorised models; what cannot be replayed."""

from __future__ import annotations

import functools
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from last_walk import LastWalk
from planted import PLANTED
from workloads import Made, workload_of

import xenexplore as xe
from xenexplore.analysis.replay.design import design
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.replay.sampled import replay_stepwise, strata_of
from xenexplore.analysis.workload.find_workload import find_workload
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import Workload
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.outcome import Counts
from xenexplore.options.registry import variant

# Page sizes of the tables are assumed by a model and real in the machine.
BY_PAGE_SIZE = {"pte_reads", "p2m_lookups", "p2m_entry_reads"}
COUNTED = [field.name for field in fields(Counts) if field.name not in BY_PAGE_SIZE]
KEPT = next(one for one in PLANTED if one.name == "keeps-walks")
MODELLED = ("linear-walk", LastWalk, "software-tlb", "software-tlb: register=directmap, entries=2")


class Unmodelled(LastWalk):
    """The mechanism alone."""

    name = "unmodelled"
    ident = "UM"


@functools.cache
def recorded() -> Workload:
    return find_workload("pvh", None)


def first_calls(load: Workload, domain: int, count: int) -> Workload:
    """The same recording, ended early for one domain."""
    calls = load.calls_of(domain)
    last = int(calls[count]) if count < len(calls) else len(load.calls)
    keep = (load.accesses.call < last) & (load.accesses.domain == domain)
    owner = load.calls.domain.copy()
    owner[last:] = -1
    return replace(
        load, accesses=load.accesses.pick(np.flatnonzero(keep)),
        calls=replace(load.calls, domain=owner),
    )  # fmt: skip


@pytest.mark.parametrize("chosen", MODELLED, ids=str)
@pytest.mark.parametrize(("domain", "count"), [(0, 120), (1, 120)])
def test_all_calls_cost_what_the_model_says(chosen: object, domain: int, count: int) -> None:
    load, what = first_calls(recorded(), domain, count), design(chosen)  # type: ignore[arg-type]
    got, said = replay_stepwise(load, what, domain, all=True), replay(load, what, domain)
    assert (got.exact, got.failed, got.hypercalls) == (True, 0, said.hypercalls)
    if "register" in dict(what.values) or what.use != "software-tlb":
        assert got.refused == said.refused == 0
    for name in COUNTED:
        assert getattr(got.counts, name) == getattr(said.counts, name), name
        assert got.intervals[name] == (getattr(got.counts, name),) * 2


ACCESS = st.tuples(
    st.sampled_from(("from", "to", "clear")), st.integers(0, 7), st.integers(0, 4088),
    st.integers(1, 8),
)  # fmt: skip


@given(st.lists(st.lists(ACCESS, max_size=4), min_size=1, max_size=4), st.integers(0, 1))
@settings(max_examples=15)
def test_random_calls_cost_what_the_model_says(calls: list, own: int) -> None:
    """Pages of vmalloc'ed memory in frames of their own."""
    start = 0xFFFF_C900_0004_0000
    made = [
        Made(12, 6, [(way, start + page * 4096 + at, size) for way, page, at, size in copies],
             frames={(start >> 12) + page: 0x5000 + 7 * page for page in range(9)})
        for copies in calls
    ]  # fmt: skip
    load = workload_of(Domain(GuestSpec()).layout, made)
    what = variant(LastWalk if own else "linear-walk")
    got, said = replay_stepwise(load, what, 0, all=True), replay(load, what, 0)
    for name in COUNTED:
        assert getattr(got.counts, name) == getattr(said.counts, name), name


def test_a_sample_s_intervals_hold_the_exact_totals() -> None:
    """Seeded: what is drawn, and so whether an interval holds the total, is always the same."""
    load, what = recorded(), variant(Unmodelled)
    got = replay_stepwise(load, what, 1, n=60)
    said = replay(load, variant(LastWalk), 1)
    assert not got.exact
    assert got.strata == len(np.unique(strata_of(load, 1)))
    assert got.sampled >= 60
    assert got == replay_stepwise(load, what, 1, n=60)
    for name in COUNTED:
        low, high = got.intervals[name]
        assert low <= getattr(said.counts, name) <= high, name


def test_it_is_shown_with_its_sample() -> None:
    load = first_calls(recorded(), 1, 60)
    rows = xe.replay(load, ["linear-walk", Unmodelled], n=20)
    text = rows.text()
    assert f"{rows[3].sampled} hypercalls of {rows[3].strata} strata, seed 0" in text
    assert max(map(len, text.splitlines())) <= 72
    assert "every hypercall, in order" in xe.replay(load, Unmodelled, all=True).text()


def test_what_cannot_be_replayed_is_refused() -> None:
    load = recorded()
    with pytest.raises(MachineError, match="keeps state from one hypercall to the next"):
        replay_stepwise(load, variant(KEPT), 1, n=30)
    few = first_calls(load, 1, 40)
    assert replay_stepwise(few, variant(KEPT), 1, all=True).counts.walks < 40

    class Flavoured(LastWalk):
        """Its number has a bit."""

        def dispatch(self, xen, call):  # type: ignore[no-untyped-def]
            return call.number

    class Encodes(LastWalk):
        """Its handles are others."""

        def prepare(self, xen, call):  # type: ignore[no-untyped-def]
            return replace(call, args=(1,))

    for own, why in ((Flavoured, r"dispatch\(\) changes"), (Encodes, r"prepare\(\) changes")):
        with pytest.raises(MachineError, match=why):
            replay_stepwise(few, variant(own), 1, PageSizes())
    pv = workload_of(Domain(GuestSpec()).layout, [Made(32, 4, [])], kind="pv")
    got = replay_stepwise(pv, variant(Unmodelled), 0)
    assert (got.refused, got.why[0][0]) == (1, "a PV guest is not walked for")
