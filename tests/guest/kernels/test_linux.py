"""The Linux layout, held to the page tables of a real Linux 6.1.192 guest."""

from __future__ import annotations

from pathlib import Path

import pytest
import zstandard

from xenexplore.addr import Gva
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.paging import walk

DATA = Path(__file__).parents[2] / "data" / "images"
BITS = (("X", 63), ("G", 8), ("P", 7), ("D", 6), ("A", 5), ("C", 4), ("T", 3), ("U", 2), ("W", 1))
MIB = 1 << 20


def real_leaves(name):
    """``{linear: (physical, letters)}`` as QEMU's ``info tlb`` printed them."""
    text = zstandard.decompress((DATA / name / "info_tlb.txt.zst").read_bytes()).decode()
    rows = (line.replace(":", "").split() for line in text.splitlines())
    return {int(linear, 16): (int(gpa, 16), letters) for linear, gpa, letters in rows}


def our_leaves(domain, start, end):
    """The same of a built domain, for one range."""
    state = domain.paging_state(0)
    found, at = {}, start
    while at < end:
        result = walk(domain.memory.guest, state, at)
        if result.gpa_value is None:  # step over all that the missing entry stands for
            span = 1 << state.plan.page_shifts[len(result.entries) - 1]
            at = (at & -span) + span
            continue
        entry = result.entries[-1]
        letters = "".join(
            letter if entry >> bit & 1 and not (letter == "P" and result.page_size == 4096) else "-"
            for letter, bit in BITS
        )
        found[at] = (result.gpa_value, letters)
        at += result.page_size
    return found


def between(leaves, start, end):
    return {linear: leaf for linear, leaf in leaves.items() if start <= linear < end}


@pytest.fixture(scope="module")
def real():
    return real_leaves("plain-96-nokaslr")


@pytest.fixture(scope="module")
def ours():
    return Domain(GuestSpec(memory=96 * MIB))


def test_kernel_image_is_mapped_exactly_as_the_real_one(real, ours):
    span = 0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_A000_0000
    expected = between(real, *span)
    assert len(expected) == 2_582
    assert our_leaves(ours, *span) == expected


def test_directmap_is_mapped_as_the_real_one_from_2_mib_to_the_images_end(real, ours):
    # Below, the real-mode trampoline's pages differ; above, aliases of module text.
    base = 0xFFFF_8880_0000_0000
    span = base + 2 * MIB, base + 0x460_0000
    expected = between(real, *span)
    assert our_leaves(ours, *span) == expected
    assert {letters[2] for _, letters in expected.values()} == {"P", "-"}


def test_directmap_of_the_first_2_mib_has_4_kib_pages(real, ours):
    base = 0xFFFF_8880_0000_0000
    span = base, base + 2 * MIB
    expected, found = between(real, *span), our_leaves(ours, *span)
    assert len(expected) == len(found) == 512
    different = [linear - base for linear in expected if expected[linear] != found[linear]]
    assert different == [0x98000, 0x99000, 0x9A000]  # the real-mode trampoline


def test_the_la57_kernel_maps_its_image_alike():
    real = real_leaves("plain-96-la57")
    domain = Domain(GuestSpec(memory=96 * MIB, la57=True))
    span = 0xFFFF_FFFF_8000_0000, 0xFFFF_FFFF_A000_0000
    assert our_leaves(domain, *span) == between(real, *span)
    base = 0xFF11 << 48
    span = base + 2 * MIB, base + 0x460_0000
    assert our_leaves(domain, *span) == between(real, *span)


def stacks(leaves, start):
    """Lowest pages of what looks like a kernel stack: 16 KiB aligned, four pages, guards around."""
    for base in range(start, start + 6 * MIB, 1 << 14):
        pages = [leaves.get(base + page * 4096) for page in range(4)]
        if None not in pages and base + 0x4000 not in leaves and base - 4096 not in leaves:
            yield base, pages


def test_stacks_have_the_real_ones_shape_and_rights(real, ours):
    vmalloc = 0xFFFF_C900_0000_0000
    found = list(stacks(real, vmalloc))
    assert len(found) == 48
    ours_at = ours.vcpus[0].kernel_stack.value
    (base, pages), *_ = stacks(our_leaves(ours, ours_at, ours_at + 0x8000), ours_at)
    assert base == ours_at
    rights = {letters for _, stack in found for _, letters in stack}
    assert rights == {letters for _, letters in pages} == {"XG-DA---W"}


def test_real_stacks_are_often_contiguous_though_nothing_promises_it(real):
    """Ours never are: the case that nobody may rely on.  The real guest's, early after boot."""
    whole = 0
    for _, pages in stacks(real, 0xFFFF_C900_0000_0000):
        frames = [gpa >> 12 for gpa, _ in pages]
        whole += frames == list(range(frames[0], frames[0] + 4))
    assert whole == 37  # of 48


def test_vmemmap_and_percpu_use_2_mib_pages_as_the_real_ones_do(real, ours):
    assert real[0xFFFF_EA00_0000_0000][1] == "XGPDA---W"
    assert our_leaves(ours, 0xFFFF_EA00 << 32, (0xFFFF_EA00 << 32) + 2 * MIB) == {
        0xFFFF_EA00 << 32: (ours.linear_region("vmemmap").physical.value, "XGPDA---W")
    }
    registers = (DATA / "plain-96-nokaslr" / "info_registers.txt").read_text()
    gs_base = int(registers.split("GS =0000 ")[1][:16], 16)
    assert gs_base % (2 * MIB) == 0
    assert real[gs_base][1] == "XGPDA---W"
    assert ours.vcpus[0].percpu.value % (2 * MIB) == 0
    page = our_leaves(ours, ours.vcpus[0].percpu.value, ours.vcpus[0].percpu.value + 1)
    assert [letters for _, letters in page.values()] == ["XGPDA---W"]


def test_the_second_percpu_chunk_lies_where_the_real_one_does(real, ours):
    assert 0xFFFF_E8FF_FFC0_0000 in real
    assert 0xFFFF_E8FF_FFC0_0000 - 4096 not in real
    domain = Domain(GuestSpec(memory=96 * MIB))
    first = domain.place("first", "percpu", 30_000)
    second = domain.place("second", "percpu", 40_000)
    assert first.contiguous
    assert second.va == Gva(0xFFFF_E8FF_FFC0_0000)
    assert not second.contiguous


def test_modules_start_where_the_real_ones_do(real):
    domain = Domain(GuestSpec())
    assert min(between(real, 0xFFFF_FFFF_A000_0000, 1 << 64)) == 0xFFFF_FFFF_C000_0000
    assert domain.place("data", "module", 8).va.value == 0xFFFF_FFFF_C000_0000


@pytest.mark.parametrize(
    ("vcpus", "unit"), [(1, 2 * MIB), (2, MIB), (4, 512 << 10), (8, 256 << 10), (9, 256 << 10)]
)
def test_percpu_units_share_a_2_mib_group(vcpus, unit):
    # The u... of the kernel's line "percpu: Embedded 61 pages/cpu ... u524288" with 4 CPUs.
    domain = Domain(GuestSpec(vcpus=vcpus))
    bases = [vcpu.percpu.value for vcpu in domain.vcpus]
    assert [base - bases[0] for base in bases] == [unit * index for index in range(vcpus)]


def test_gib_pages_only_for_aligned_whole_gib():
    domain = Domain(GuestSpec(memory=6 << 30))
    base = 0xFFFF_8880_0000_0000
    state = domain.paging_state(0)
    sizes = [
        walk(domain.memory.guest, state, base + (gib << 30) + (64 * MIB)).page_size
        for gib in range(7)
    ]
    # 3.75 GiB below the hole, 2.25 GiB from 4 GiB on, which end in vmemmap and percpu.
    assert sizes == [2 * MIB, 1 << 30, 1 << 30, 2 * MIB, 1 << 30, 1 << 30, 2 * MIB]
    without = Domain(GuestSpec(memory=6 << 30, gib_pages=False))
    result = walk(without.memory.guest, without.paging_state(0), base + (1 << 30))
    assert result.page_size == 2 * MIB
