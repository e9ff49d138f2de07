from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.addr import Gfn, Mfn
from xenexplore.errors import MachineError
from xenexplore.memory import P2m, P2mType
from xenexplore.steps import Purpose

TOP = 3 << 18  # three 1 GiB slots
TYPES = list(P2mType)


def aligned(order):
    return st.integers(0, (TOP >> order) - 1).map(lambda index: index << order)


operations = st.lists(
    st.sampled_from([0, 0, 9, 9, 18]).flatmap(
        lambda order: st.tuples(
            st.sampled_from(["map", "map", "unmap"]), st.just(order), aligned(order),
            aligned(order), st.sampled_from(TYPES),
        )
    ),
    max_size=8,
)  # fmt: skip


@given(operations, st.lists(st.integers(0, TOP - 1), max_size=20))
def test_agrees_with_a_list_of_what_was_done(done, gfns):
    """The newest operation that covers a frame decides; nothing else is known."""
    p2m = P2m()
    for what, order, gfn, mfn, kind in done:
        if what == "map":
            p2m.map(Gfn(gfn), Mfn(mfn), order, kind)
        else:
            p2m.unmap(Gfn(gfn), order)
    edges = [g + d for _, o, g, _, _ in done for d in (-1, 0, 1, (1 << o) - 1, 1 << o)]
    for gfn in [*gfns, *(e for e in edges if 0 <= e < TOP)]:
        expected = None
        for what, order, first, mfn, kind in done:
            if first <= gfn < first + (1 << order):
                expected = (mfn + gfn - first, kind) if what == "map" else None
        found = p2m.entry(gfn)
        assert found.gfn == gfn
        if expected is None:
            assert (found.mfn, found.type) == (None, P2mType.p2m_mmio_dm)
            assert 0 <= found.entry_reads <= 4
        else:
            assert (found.mfn, found.type) == expected
            assert found.entry_reads == {0: 4, 9: 3, 18: 2}[found.order]


@given(operations)
def test_entries_are_ascending_and_disjoint(done):
    p2m = P2m()
    for what, order, gfn, mfn, kind in done:
        if what == "map":
            p2m.map(Gfn(gfn), Mfn(mfn), order, kind)
        else:
            p2m.unmap(Gfn(gfn), order)
    end = 0
    for gfn, mfn, order, kind in p2m.entries():
        assert gfn.value >= end
        end = gfn.value + (1 << order)
        assert p2m.entry(gfn.value)[1:4] == (mfn.value, kind, order)


@given(
    st.integers(0, 1 << 19), st.integers(0, 1 << 19), st.integers(1, 1 << 19),
    st.sampled_from([0, 9, 18]), st.data(),
)  # fmt: skip
def test_a_range_gets_the_largest_entries_that_alignment_allows(gfn, mfn, frames, largest, data):
    if largest == 0:
        frames = frames % 2000 + 1
    elif (gfn ^ mfn) & 511:
        mfn = mfn & ~511 | gfn & 511
    p2m = P2m()
    p2m.map_range(Gfn(gfn), Mfn(mfn), frames, largest=largest)
    probe = gfn + data.draw(st.integers(0, frames - 1))
    found = p2m.entry(probe)
    assert found.mfn == mfn + probe - gfn
    assert found.order <= largest
    for order in (9, 18):  # no larger entry would have fitted around the probe
        first = probe & ~((1 << order) - 1)
        fits = (
            order <= largest
            and gfn <= first
            and first + (1 << order) <= gfn + frames
            and not (gfn ^ mfn) & ((1 << order) - 1)
        )
        if fits:
            assert found.order >= order
    assert p2m.entry(gfn + frames).mfn is None


def test_how_many_entries_a_hole_costs():
    """p2m_pt_get_entry(): it stops at the first entry that is not present."""
    p2m = P2m()
    assert p2m.entry(5).entry_reads == 0  # past the highest frame ever mapped
    p2m.map(Gfn(5 << 27), Mfn(0))
    assert (p2m.entry(1).entry_reads, p2m.entry(1).order) == (1, 18)
    p2m.map(Gfn(1 << 18), Mfn(0))
    assert (p2m.entry(1).entry_reads, p2m.entry(1).order) == (2, 18)
    p2m.map(Gfn(1 << 9), Mfn(0))
    assert (p2m.entry(1).entry_reads, p2m.entry(1).order) == (3, 9)
    p2m.map(Gfn(2), Mfn(0))
    assert (p2m.entry(1).entry_reads, p2m.entry(1).order) == (4, 0)
    assert p2m.entry((5 << 27) - 1).entry_reads == 1
    assert p2m.entry(6 << 27).entry_reads == 0


def test_a_lookup_is_a_step_that_says_what_was_found():
    p2m = P2m()
    p2m.map(Gfn(0x200), Mfn(0x1000), 9, P2mType.p2m_ram_ro)
    step = p2m.lookup(Gfn(0x234), Purpose.WALK_END)
    assert (step.mfn, step.order, step.entry_reads) == (Mfn(0x1034), 9, 3)
    assert step.p2m_type == "p2m_ram_ro"
    assert "frame of the linear address" in step.say()
    assert p2m.lookup(Gfn(0)).mfn is None


def test_grants_and_foreign_frames_belong_to_another_domain_unless_said():
    p2m = P2m()
    p2m.map(Gfn(1), Mfn(1), 0, P2mType.p2m_grant_map_rw)
    p2m.map(Gfn(2), Mfn(2), 0, P2mType.p2m_map_foreign)
    p2m.map(Gfn(3), Mfn(3), 0, P2mType.p2m_grant_map_ro, owned=True)
    assert [p2m.entry(n).owned for n in (1, 2, 3)] == [False, False, True]


def test_types_without_a_frame_split_and_look_up_as_such():
    p2m = P2m()
    p2m.map(Gfn(0), None, 9, P2mType.p2m_mmio_dm)
    p2m.unmap(Gfn(7))
    assert p2m.entry(6).mfn is None
    assert p2m.entry(6).order == 0
    assert next(iter(p2m.entries()))[1] is None


@pytest.mark.parametrize(
    ("gfn", "mfn", "order", "message"),
    [(0, 0, 1, "order 1"), (1, 0, 9, "gfn 0x1"), (0, 0x200, 18, "mfn 0x200")],
)
def test_entries_that_cannot_be_are_refused(gfn, mfn, order, message):
    with pytest.raises(MachineError, match=message):
        P2m().map(Gfn(gfn), Mfn(mfn), order)


@pytest.mark.parametrize(("gfn", "order"), [(1, 9), (0, 27)])
def test_holes_that_cannot_be_are_refused(gfn, order):
    with pytest.raises(MachineError, match="not aligned"):
        P2m().unmap(Gfn(gfn), order)
