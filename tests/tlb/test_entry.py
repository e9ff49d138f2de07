from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import gpas, gvas

from xenexplore.addr import Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.tlb import TlbEntry

tags = st.one_of(st.none(), st.integers(1, 3))


def test_a_size_is_unsigned():
    with pytest.raises(MachineError, match="got -1"):
        TlbEntry(Gva(0), Gpa(0), -1)


def test_what_the_guest_asks_for_may_be_nonsense():
    assert TlbEntry(Gva(0xFFFFFFFFFFFFF000), Gpa(0), 0x2000).end == (1 << 64) + 0x1000
    assert not TlbEntry(Gva(0x1000), Gpa(0), 0).serves(0x1000, None)


@pytest.mark.parametrize(
    ("is_global", "space", "asked", "serves"),
    [
        (False, None, None, True),
        (False, None, 7, True),
        (False, 7, 7, True),
        (False, 7, 8, False),
        (False, 7, None, False),
        (True, 7, 8, True),
        (True, 7, None, True),
    ],
)
def test_which_address_space_an_entry_serves(is_global, space, asked, serves):
    entry = TlbEntry(Gva(0x1000), Gpa(0), 16, is_global, space)
    assert entry.serves(0x1000, asked) == serves
    assert entry.serves(0x100F, asked) == serves
    assert not entry.serves(0x0FFF, asked)
    assert not entry.serves(0x1010, asked)


@given(gvas(6), st.integers(0, 40), tags, gvas(6), st.integers(0, 40), tags, st.booleans())
def test_conflict_is_a_look_up_with_two_answers(va, size, tag, other_va, other_size, other_tag, g):
    one = TlbEntry(va, Gpa(0), size, space=tag, is_global=g)
    two = TlbEntry(other_va, Gpa(0), other_size, space=other_tag)
    both = any(
        one.serves(byte, space) and two.serves(byte, space)
        for byte in list(range(80)) + list(range((1 << 64) - 80, (1 << 64) + 80))
        for space in (None, 1, 2, 3)
    )
    assert one.conflicts(two) == two.conflicts(one) == both


@given(gvas(), gpas(), st.integers(1, 1 << 20))
def test_an_entry_overlaps_itself_and_not_its_neighbours(va, pa, size):
    entry = TlbEntry(va, pa, size)
    assert entry.overlaps(va.value, 1)
    assert entry.overlaps(entry.end - 1, 1)
    assert not entry.overlaps(entry.end, size)
    assert not entry.overlaps(va.value - size, size)
    assert not entry.overlaps(va.value, 0)
