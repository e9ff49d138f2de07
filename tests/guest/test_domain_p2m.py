"""The P2M behind a guest: computed until it is changed, and then as any P2M."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenexplore.addr import Gfn, Mfn, gfn_to_gpa
from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.host_frames import GuestP2m, PvFrames
from xenexplore.guest.physical import Physical
from xenexplore.guest.placement.frame_allocator import FrameAllocator
from xenexplore.guest.spec import GuestSpec
from xenexplore.memory import CopyResult, P2m, P2mType

MIB, GIB = 1 << 20, 1 << 30


def plain_p2m(computed: GuestP2m) -> P2m:
    """The same P2M, every entry of it held."""
    held = P2m()
    for gfn, mfn, order, p2m_type in computed.entries():
        held.map(gfn, mfn, order, p2m_type)
    return held


def computed_p2m(**spec) -> GuestP2m:
    spec = GuestSpec(**spec)
    return GuestP2m(spec, Physical(spec))


@pytest.mark.parametrize(("order", "reads"), [(0, 4), (9, 3), (18, 2)])
def test_orders_and_reads(order, reads):
    p2m = computed_p2m(memory=6 * GIB, p2m_order=order)
    entry = p2m.entry((1 << 18) + 12345)
    assert (entry.order, entry.entry_reads, entry.type) == (order, reads, P2mType.p2m_ram_rw)
    # 3 to 3.75 GiB is no whole GiB.
    assert p2m.entry(3 << 18).order == min(order, 9)


def test_machine_frames_are_aligned_within_an_entry_and_unique():
    for order, memory in ((0, 96 * MIB), (9, 5 * GIB), (18, 5 * GIB)):
        p2m = computed_p2m(memory=memory, p2m_order=order)
        entries = list(p2m.entries())
        spans = sorted((mfn.value, mfn.value + (1 << size)) for _, mfn, size, _ in entries)
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))
        assert all(mfn.value % (1 << size) == 0 for _, mfn, size, _ in entries)
        assert sum(1 << size for _, _, size, _ in entries) == (memory >> 12) + 8


def test_at_order_0_no_two_machine_frames_follow_each_other():
    p2m = computed_p2m(memory=96 * MIB)
    mfns = [p2m.entry(gfn).mfn for gfn in range(96 * MIB >> 12)]
    assert all(b != a + 1 for a, b in itertools.pairwise(mfns))


@pytest.mark.parametrize("order", [0, 9, 18])
def test_holes_cost_the_same_as_in_a_p2m_that_holds_its_entries(order):
    memory = 4 * GIB if order else 96 * MIB
    computed = computed_p2m(memory=memory, type="hvm", p2m_order=order)
    held = plain_p2m(computed)
    holes = [0xA0, 0xBF, 0xF0000, 0xFEC00, 0xFEFF7, 0xFF000, 0xFFFFF, 0x10FFFF, 1 << 27, 1 << 36]
    for gfn in [*holes, 0, 0x9F, 0xC0, 0x200, 0x40000, 0xFEFF8, 0x100000, 0x10FFFE]:
        assert computed.entry(gfn) == held.entry(gfn), hex(gfn)


@settings(max_examples=25)
@given(data=st.data())
def test_changes_leave_it_equal_to_a_p2m_that_holds_its_entries(data):
    computed = computed_p2m(
        memory=data.draw(st.sampled_from([96 * MIB, 3 * GIB])),
        p2m_order=data.draw(st.sampled_from([9, 18])),
    )
    held = plain_p2m(computed)
    top = 5 << 18
    places = st.integers(0, top) | st.sampled_from([0, 511, 512, 0x40000, 0xF0000, 0x100000])
    changed = []
    for _ in range(data.draw(st.integers(1, 5))):
        order = data.draw(st.sampled_from([0, 0, 9, 18]))
        gfn = data.draw(places) >> order << order
        if data.draw(st.booleans()):
            mfn = data.draw(st.integers(0, 1 << 24)) >> order << order
            kind = data.draw(st.sampled_from([P2mType.p2m_ram_rw, P2mType.p2m_ram_ro]))
            computed.map(Gfn(gfn), Mfn(mfn), order, kind)
            held.map(Gfn(gfn), Mfn(mfn), order, kind)
        else:
            computed.unmap(Gfn(gfn), order)
            held.unmap(Gfn(gfn), order)
        changed += [gfn, max(gfn - 1, 0), gfn + (1 << order), gfn + 512, gfn ^ 0x3FFFF]
    for gfn in [*changed, *(data.draw(places) for _ in range(8))]:
        assert computed.entry(gfn) == held.entry(gfn), hex(gfn)
    assert list(computed.entries()) == list(held.entries())


def test_types_change_and_come_back():
    domain = Domain(GuestSpec())
    buffer = domain.place("b", "kmalloc", 8, contents=b"contents")
    gfn = buffer.frames[0]
    gpa = gfn_to_gpa(gfn) + buffer.offset
    before = domain.memory.p2m.entry(gfn.value)
    domain.set_p2m_type(gfn, "p2m_ram_paged")
    assert domain.memory.p2m.entry(gfn.value).mfn is None
    # hvm_translate_get_page() gets no page at all for what has left memory.
    assert domain.memory.read_piece(gpa, 8).result is CopyResult.BAD_GFN_TO_MFN
    domain.set_p2m_type(gfn, "p2m_ram_paging_out")
    assert domain.memory.read_piece(gpa, 8).result is CopyResult.GFN_PAGED_OUT
    domain.set_p2m_type(gfn, P2mType.p2m_ram_ro)
    assert domain.memory.read_piece(gpa, 8).data == b"contents"
    domain.set_p2m_type(gfn, "p2m_ram_rw")
    assert domain.memory.p2m.entry(gfn.value) == before
    assert domain.memory.p2m.entry(gfn.value + 1).type is P2mType.p2m_ram_rw
    with pytest.raises(MachineError, match=r"no P2M type 'p2m_ram_rx'.*did you mean 'p2m_ram_r"):
        domain.set_p2m_type(gfn, "p2m_ram_rx")
    with pytest.raises(MachineError, match="no machine frame behind gfn 0xf0000"):
        domain.set_p2m_type(Gfn(0xF0000), "p2m_ram_rw")


def test_a_superpage_is_split_around_a_change():
    domain = Domain(GuestSpec(memory=6 * GIB, p2m_order=18))
    gfn = Gfn((1 << 18) + 5)
    before = domain.memory.p2m.entry(gfn.value + 1)
    domain.set_p2m_type(gfn, "p2m_ioreq_server")
    found = domain.memory.p2m.entry(gfn.value + 1)
    assert (found.order, found.mfn) == (0, before.mfn)
    assert domain.memory.p2m.entry(gfn.value + 1024).order == 9
    assert domain.memory.p2m.entry(2 << 18).order == 18


@given(seed=st.integers(0, 1 << 40), count=st.integers(24576, 1 << 20))
def test_pv_numbers_go_and_come_back(seed, count):
    spec = GuestSpec(type="pv", memory=(count >> 9 << 9) << 12, seed=seed)
    frames = PvFrames(spec, Physical(spec))
    for pfn in (0, 1, count // 2, frames.count - 1):
        assert frames.to_pfn(frames.to_mfn(pfn)) == pfn
        assert frames.to_mfn(pfn + 1) != frames.to_mfn(pfn) + 1


@given(
    seed=st.integers(0, 1 << 64),
    runs=st.lists(st.tuples(st.integers(1, 40), st.integers(20, 200)), min_size=1, max_size=4),
    data=st.data(),
)
def test_frames_are_given_out_once_and_never_where_reserved(seed, runs, data):
    ram, at = [], 0
    for gap, size in runs:
        ram.append((at + gap, at + gap + size))
        at += gap + size
    cut = data.draw(st.integers(0, at))
    reserved = [(cut, cut + data.draw(st.integers(0, 15)))]
    frames = FrameAllocator(ram, reserved, seed)
    given_out: list[int] = []
    for _ in range(data.draw(st.integers(1, 12))):
        count = data.draw(st.integers(1, 6))
        try:
            if data.draw(st.booleans()):
                align = data.draw(st.sampled_from([1, 2, 8]))
                first = frames.take_run(count, align)
                assert first % align == 0
                given_out += range(first, first + count)
            else:
                found = frames.take_scattered(count)
                assert all(b != a + 1 for a, b in itertools.pairwise(found))
                given_out += found
        except MachineError:
            continue  # none left
    assert len(set(given_out)) == len(given_out)
    for frame in given_out:
        assert any(start <= frame < end for start, end in ram)
        assert not reserved[0][0] <= frame < reserved[0][1]
