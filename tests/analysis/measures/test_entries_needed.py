from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from workloads import Made, plain_layout, workload_of

from xenexplore.analysis.measures.coverage import coverage
from xenexplore.analysis.measures.entries_needed import SHARES, entries_needed
from xenexplore.analysis.replay.registrations import page_entries, registrations
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.errors import MachineError
from xenexplore.guest.layout.linux_layout import LinuxBases, linux_layout
from xenexplore.guest.layout.regions import RegionKind

VMALLOC, DIRECTMAP, IMAGE, USER = (
    0xFFFF_C900_0000_0000, 0xFFFF_8880_0300_0000, 0xFFFF_FFFF_8340_0000, 0x7FFF_F000_0000,
)  # fmt: skip
# Two stacks of two pages each, two directmap pages, an image page, a user page.
PAGES = (VMALLOC, VMALLOC + 4096, VMALLOC + (16 << 10), VMALLOC + (20 << 10),
         DIRECTMAP, DIRECTMAP + 4096, IMAGE, USER)  # fmt: skip


def _brute(things: list[tuple[int, set[int]]], pages: list[int], wanted: int) -> int | None:
    """Try every set of entries."""
    best = None
    for size in range(len(things) + 1):
        for chosen in itertools.combinations(things, size):
            covered = set().union(*(served for _, served in chosen))
            cost = sum(price for price, _ in chosen)
            enough = sum(page in covered for page in pages) >= wanted
            if enough and (best is None or cost < best):
                best = cost
    return best


@given(st.lists(st.sampled_from(PAGES), min_size=1, max_size=40))
def test_the_fewest_entries_by_trying_every_set(pages: list[int]) -> None:
    load = workload_of(plain_layout(), [Made(32, 4, [("from", page + 8, 4)]) for page in pages])
    single = [(1, {page}) for page in PAGES]
    regions = [(1, {DIRECTMAP, DIRECTMAP + 4096}), (1, {IMAGE})]
    stacks = [(4, set(PAGES[0:2])), (4, set(PAGES[2:4]))]
    units = (single, regions + single, regions + stacks)
    for found, things in zip(entries_needed(load, 0), units, strict=True):
        for share, needed in zip(SHARES, found.needed, strict=True):
            assert needed == _brute(things, pages, math.ceil(share * len(pages))), found.unit


def test_an_interrupt_between_is_no_change_of_task() -> None:
    """Task, interrupt, same task; interrupt, another task: one change, one entry for the stack."""
    irq, one, two = VMALLOC, VMALLOC + (64 << 10), VMALLOC + (128 << 10)
    layout = linux_layout(LinuxBases(irq_stack=irq, irq_stack_at=0x1760_2000))
    order = (one, irq, one, irq + 4096, two, irq)
    load = workload_of(layout, [Made(24, 8, [("from", at + 8, 16)]) for at in order])
    got = coverage(load, 0).stacks
    assert (got.accesses, got.stacks, got.changes, got.vcpu_exits) == (3, 2, 1, 5)
    assert (got.irq_accesses, got.irq_stacks, got.task_entries) == (3, 1, 8)
    assert entries_needed(load, 0)[1].needed == (3, 3, 3, 3)  # its two pages are one entry
    assert entries_needed(load, 0)[2].needed == (9, 9, 9, 9)
    first, *pages = registrations(load, 0, ("stack",))
    assert (first.va.value, first.pa.value, first.size) == (irq, 0x1760_2000, 16 << 10)
    assert [(entry.va.value, entry.size) for entry in pages] == [(one, 4096), (two, 4096)]
    # Where its frames are not known, the pages that were used.
    unknown = workload_of(linux_layout(LinuxBases(irq_stack=irq)), [
        Made(24, 8, [("from", at, 16)]) for at in order
    ])  # fmt: skip
    assert coverage(unknown, 0).stacks == got
    assert [entry.va.value for entry in registrations(unknown, 0, ("stack",))] == [irq, one, two]
    assert registrations(unknown, 0, ("stack",))[0].size == 8192
    # On two vCPUs the tasks follow each other on none.
    apart = workload_of(layout, [
        Made(24, 8, [("from", at, 16)], vcpu=vcpu) for vcpu, at in enumerate((one, two))
    ])  # fmt: skip
    assert coverage(apart, 0).stacks.changes == 0


def test_pages_whose_frames_follow_share_an_entry() -> None:
    frames = {VMALLOC >> 12: 70, (VMALLOC >> 12) + 1: 71, (VMALLOC >> 12) + 2: 90}
    copies = [("from", VMALLOC + 4096 * n, 4) for n in range(3)]
    load = workload_of(plain_layout(), [Made(32, 4, copies, frames={
        address >> 12: frames[address >> 12] for _, address, _ in copies
    })])  # fmt: skip
    found = page_entries(load, load.inside(0))
    assert [(entry.va.value, entry.pa.value, entry.size) for entry in found] == [
        (VMALLOC, 70 << 12, 8192), (VMALLOC + 8192, 90 << 12, 4096),
    ]  # fmt: skip


def test_unknown_words_and_page_sizes() -> None:
    load = workload_of(plain_layout(), [Made(32, 4, [("from", VMALLOC, 4)])])
    with pytest.raises(MachineError, match="cannot register 'heap': expected one of directmap"):
        registrations(load, 0, ("heap",))
    with pytest.raises(MachineError, match="P2M order 3"):
        PageSizes(p2m_order=3)
    with pytest.raises(MachineError, match="leaf order 10"):
        PageSizes(leaves={RegionKind.USER: 10})
    assert PageSizes(levels=5, leaves={}).pte_reads(load.regions).tolist() == [5] * len(
        load.regions
    )
