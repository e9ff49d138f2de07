"""Entries that are not present, after Linux's and Windows' own headers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.memory.image_contents import GuestOs
from xenexplore.paging import Mode, entry_flags
from xenexplore.paging.absent_entries import AbsentKind, absent_entry

LINUX, WINDOWS = GuestOs.LINUX, GuestOs.WINDOWS
ALL = (1 << 64) - 1


def swap(number: int, offset: int) -> int:
    """__swp_entry() of Linux 4.18 on: the type on top, the inverted offset from bit 9."""
    return number << 59 | ((~offset << 14) & ALL) >> 5


@given(st.integers(0, 22), st.integers(0, (1 << 50) - 1))
def test_a_swap_entry_is_read_back(number, offset):
    found = absent_entry(LINUX, swap(number, offset))
    assert (found.kind, found.number, found.offset) == (AbsentKind.SWAP, number, offset)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (23, AbsentKind.HWPOISON),
        (24, AbsentKind.MIGRATION),
        (26, AbsentKind.MIGRATION),
        (27, AbsentKind.DEVICE),
        (31, AbsentKind.MARKER),
    ],
)
def test_special_types(number, kind):
    assert absent_entry(LINUX, swap(number, 0x1234)).kind is kind


@given(st.integers(0, (1 << 34) - 1), st.booleans())
def test_a_prot_none_page_keeps_its_frame(frame, inverted):
    entry = frame << 12 | 1 << 8 | 0x24
    if inverted:
        entry ^= ((1 << 40) - 1) << 12
    found = absent_entry(LINUX, entry)
    assert (found.kind, found.frame) == (AbsentKind.PROT_NONE, frame)


@pytest.mark.parametrize(
    ("entry", "kind", "fields"),
    [
        (0x98E0, AbsentKind.TRANSITION, {"frame": 9, "protection": 7}),
        (0x8E00D8C69A680400, AbsentKind.PROTOTYPE, {"address": 0xFFFF8E00D8C69A68}),
        (0xC0, AbsentKind.DEMAND_ZERO, {"protection": 6}),
        (0x1234 << 32 | 2 << 12 | 4 << 5, AbsentKind.PAGEFILE, {"offset": 0x1234, "number": 2}),
        (0, AbsentKind.EMPTY, {}),
    ],
)
def test_what_windows_keeps(entry, kind, fields):
    found = absent_entry(WINDOWS, entry)
    assert found.kind is kind
    assert {name: getattr(found, name) for name in fields} == fields


@given(st.integers(0, ALL))
def test_hardware_looks_at_nothing_in_it(entry):
    for mode, level in ((Mode.LEVEL4, 1), (Mode.LEVEL4, 2), (Mode.PAE, 3)):
        assert (entry_flags(entry, level, mode) == "-") == (not entry & 1)
    for os in GuestOs:
        assert (absent_entry(os, entry) is None) == bool(entry & 1)
