"""Shadow paging: what its walk looks up, and the vTLB on the path of every copy."""

from __future__ import annotations

import pytest

from xenexplore.addr import Gva
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.linear import walk_piece
from xenexplore.hypervisor.outcome import counts_of
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.registry import make_option
from xenexplore.paging.state import CR4_PKE, CR4_SMAP
from xenexplore.steps import (
    FlushCause,
    P2mLookup,
    Purpose,
    WalkCacheFlush,
    WalkCacheInsert,
    WalkCacheLookup,
)


def machine(**spec: object) -> Xen:
    domain = Domain(GuestSpec(**{"paging": "shadow", **spec}))  # type: ignore[arg-type]
    return Xen(domain, make_option("linear-walk"))


def piece(xen: Xen, va: Gva, *, write: bool = False, vcpu: int = 0) -> bool:
    """Whether a piece was walked."""
    before = len(xen.nodes)
    walk_piece(xen, va, 4, write=write, vcpu=vcpu)
    return bool(counts_of(xen.nodes[before:]).walks)


def test_the_walk_looks_up_lower_tables_only() -> None:
    for paging, purposes in (("hap", 6), ("shadow", 3)):
        xen = machine(paging=paging)
        va = xen.domain.place("b", "vmalloc", 64).va
        walk_piece(xen, va, 4, write=False, vcpu=0)
        found = [node.step for node in xen.nodes if isinstance(node.step, P2mLookup)]
        # hap_p2m_ga_to_gfn() looks CR3's table and the frame found up, too.
        assert len(found) == purposes - (paging == "hap")
        assert any(step.root for step in found) == (paging == "hap")
        assert any(step.purpose is Purpose.WALK_END for step in found) == (paging == "hap")


def test_no_gib_pages_and_no_protection_keys() -> None:
    xen = machine()
    state = xen.paging_state(0)
    assert not state.page1gb
    assert state.cr4 & (CR4_PKE | CR4_SMAP) == CR4_SMAP
    assert machine(paging="hap").paging_state(0).page1gb
    far = Gva(0xFFFF_8880_0000_0000 + (2 << 30))  # the directmap, past its first GiB
    sizes = [
        machine(paging=paging, memory=3 << 30).walk(0, far, write=False).page_size
        for paging in ("hap", "shadow")
    ]
    assert sizes == [1 << 30, 2 << 20]


def test_a_write_is_not_served_by_a_reads_walk() -> None:
    xen = machine()
    va = xen.domain.place("b", "vmalloc", 64).va
    walked = [piece(xen, va, write=write) for write in (False, False, True, True, False)]
    assert walked == [True, False, True, False, False]
    kept = [node.step for node in xen.nodes if isinstance(node.step, WalkCacheInsert)]
    assert [(step.write, step.replaced) for step in kept] == [(False, None), (True, None)]


def test_pages_whose_numbers_differ_by_thirteen_share_a_slot() -> None:
    xen = machine()
    va = xen.domain.place("b", "vmalloc", 14 << 12, offset=0).va
    walked = [piece(xen, va + (number << 12)) for number in (0, 13, 0, 1, 0)]
    assert walked == [True, True, True, True, False]
    looked = [node.step for node in xen.nodes if isinstance(node.step, WalkCacheLookup)]
    assert [step.slot == looked[0].slot for step in looked] == [True, True, True, False, True]


def test_a_walk_that_faults_is_not_kept() -> None:
    xen = machine()
    missing = Gva(0xFFFF_C900_0FFF_0000)
    assert piece(xen, missing)
    assert piece(xen, missing)


@pytest.mark.parametrize("cause", [FlushCause.CR3_WRITE, FlushCause.INVLPG])
def test_a_flush_is_of_the_vcpus_that_it_concerns(cause: FlushCause) -> None:
    xen = machine(vcpus=2)
    va = xen.domain.place("b", "vmalloc", 64).va
    assert [piece(xen, va, vcpu=vcpu) for vcpu in (0, 1, 0, 1)] == [True, True, False, False]
    if cause is FlushCause.CR3_WRITE:
        xen.loaded_cr3(1)
    else:
        xen.domain.remap("b")
        xen.invalidated()
    flushed = [node.step for node in xen.nodes if isinstance(node.step, WalkCacheFlush)]
    assert {(step.vcpu, step.cause) for step in flushed} == {
        (vcpu, cause) for vcpu in ((1,) if cause is FlushCause.CR3_WRITE else (0, 1))
    }
    again = [piece(xen, va, vcpu=vcpu) for vcpu in (0, 1)]
    assert again == [cause is FlushCause.INVLPG, True]


def test_hap_keeps_nothing() -> None:
    xen = machine(paging="hap")
    va = xen.domain.place("b", "vmalloc", 64).va
    assert xen.vtlb is None
    assert all(piece(xen, va) for _ in range(3))
