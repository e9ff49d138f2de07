from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.addr import Gpa, Gva
from xenexplore.tlb import Held, TlbEntry
from xenexplore.tlb.search import Bisection, DirectMap, Scan, direct_slots

PAGE = 0x1000


def page(number, slot, space=None, pages=1):
    return Held(slot, TlbEntry(Gva(number * PAGE), Gpa(0), pages * PAGE, space=space))


def fill(search, helds):
    for held in helds:
        search.add(held)
    return search


def test_scan_looks_at_each_slot_until_it_hits():
    helds = [page(10 - slot, slot) for slot in range(4)]
    scan = fill(Scan(), helds)
    assert [scan.find((10 - n) * PAGE, None) for n in range(4)] == [
        (held, n + 1) for n, held in enumerate(helds)
    ]
    assert scan.find(0, None) == (None, 4)


def test_scan_skips_slots_that_a_purge_left_empty():
    helds = [page(slot, slot) for slot in range(4)]
    scan = fill(Scan(), helds)
    scan.drop(helds[1])
    assert scan.find(3 * PAGE, None) == (helds[3], 3)
    scan.add(helds[1])
    assert scan.find(3 * PAGE, None) == (helds[3], 4)


def test_an_entry_of_another_address_space_costs_a_compare():
    mine, other = page(1, 1, space=7), page(1, 0, space=8)
    assert fill(Scan(), [other, mine]).find(PAGE, 7) == (mine, 2)


def test_bisection_probes_the_middle_first():
    helds = [page(n * 2, n) for n in range(7)]
    bisection = fill(Bisection(), reversed(helds))
    probes = {n: bisection.find(n * 2 * PAGE, None)[1] for n in range(7)}
    assert probes == {3: 1, 1: 2, 5: 2, 0: 3, 2: 3, 4: 3, 6: 3}
    assert bisection.find(3 * PAGE, None) == (None, 3)


def test_bisection_searches_its_own_space_and_then_the_untagged():
    mine, other, untagged = page(1, 0, space=7), page(1, 1, space=8), page(2, 2)
    bisection = fill(Bisection(), [mine, other, untagged])
    assert bisection.find(PAGE, 7) == (mine, 1)
    assert bisection.find(PAGE, 8) == (other, 1)
    assert bisection.find(2 * PAGE, 7) == (untagged, 2)
    assert bisection.find(2 * PAGE, None) == (untagged, 1)
    assert bisection.find(PAGE, None) == (None, 1)
    assert bisection.find(PAGE, 9) == (None, 1)


@given(st.sets(st.integers(0, 500), min_size=1, max_size=80), st.integers(0, 501 * PAGE))
def test_bisection_keeps_to_its_bound_and_agrees_with_the_scan(numbers, va):
    helds = [page(number, slot) for slot, number in enumerate(sorted(numbers))]
    found, probes = fill(Bisection(), helds).find(va, None)
    assert found == fill(Scan(), helds).find(va, None)[0]
    assert 1 <= probes <= math.floor(math.log2(len(helds))) + 1


def test_direct_map_makes_one_compare_hit_or_miss():
    direct = fill(DirectMap(4), [page(5, 1)])
    assert direct.find(5 * PAGE + 8, None) == (page(5, 1), 1)
    assert direct.find(9 * PAGE, None) == (None, 1)  # same slot, another page
    assert direct.find(6 * PAGE, None) == (None, 1)  # empty slot


def test_an_entry_takes_the_slot_of_each_of_its_pages():
    entry = TlbEntry(Gva(3 * PAGE + 0xFF8), Gpa(0), 0x1010)
    assert direct_slots(entry, 4) == (3, 0, 1)
    assert direct_slots(entry, 2) == (1, 0)
    # One byte of a page is enough to take its slot.
    assert direct_slots(TlbEntry(Gva(0x3FFF), Gpa(0), 2), 4) == (3, 0)
    direct = fill(DirectMap(4), [Held(3, entry)])
    assert [direct.find(va, None)[0] is not None for va in (0x3FF7, 0x3FF8, 0x4800, 0x5007)] == [
        False,
        True,
        True,
        True,
    ]
    assert direct.find(0x5008, None) == (None, 1)
    direct.drop(Held(3, entry))
    assert direct.find(0x4800, None) == (None, 1)


@pytest.mark.parametrize("pages", [4, 1 << 24])
def test_a_directmap_takes_a_whole_direct_mapped_table(pages):
    assert sorted(direct_slots(page(2, 2, pages=pages).entry, 4)) == [0, 1, 2, 3]
