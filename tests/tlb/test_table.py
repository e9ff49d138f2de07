from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.addr import Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.tlb import EEXIST, EINVAL, ENOSPC, InsertRules, TlbEntry, TlbTable

DIRECTMAP = TlbEntry(Gva(0xFFFF888000000000), Gpa(0), 64 << 30, label="directmap")
TOP = 1 << 64


def page(number, pa=0x10_0000, **fields):
    return TlbEntry(Gva(number << 12), Gpa(pa), 0x1000, **fields)


def vas(tlb):
    return {held.entry.va.value >> 12 for held in tlb.entries}


def test_one_entry_covers_the_directmap():
    tlb = TlbTable()
    assert tlb.insert(DIRECTMAP) == (0, (), 0, "")
    found = tlb.lookup(Gva(0xFFFF888012345678), 4096)
    assert (found.gpa, found.covered, found.compares) == (Gpa(0x12345678), 4096, 1)
    assert tlb.lookup(Gva(0xFFFFC90000001000), 8).held is None


def test_a_straddle_is_redone_or_missed():
    tlb = TlbTable()
    tlb.insert(page(1, 0x7000))
    tlb.insert(page(2, 0x3000))
    first = tlb.lookup(Gva(0x1FF0), 48)
    assert (first.gpa, first.covered) == (Gpa(0x7FF0), 16)
    rest = tlb.lookup(Gva(0x1FF0 + first.covered), 48 - first.covered)
    assert (rest.gpa, rest.covered) == (Gpa(0x3000), 32)
    missed = tlb.lookup(Gva(0x1FF0), 48, straddle="miss")
    assert (missed.held.slot, missed.gpa, missed.covered) == (0, None, 16)
    inside = tlb.lookup(Gva(0x1FD0), 48, straddle="miss")
    assert (inside.gpa, inside.covered) == (Gpa(0x7FD0), 48)


def test_a_straddle_over_neighbours_in_linear_and_physical_space_is_a_straddle_too():
    tlb = TlbTable()
    tlb.insert(page(1, 0x7000))
    tlb.insert(page(2, 0x8000))
    assert tlb.lookup(Gva(0x1FF0), 48).covered == 16


def test_the_last_byte_of_the_address_space():
    tlb = TlbTable()
    assert tlb.insert(TlbEntry(Gva(TOP - 16), Gpa(TOP - 16), 16)).result == 0
    found = tlb.lookup(Gva(TOP - 1), 8)
    assert (found.gpa, found.covered) == (Gpa(TOP - 1), 1)
    assert tlb.insert(TlbEntry(Gva(TOP - 32), Gpa(0), 33)).result == -EINVAL
    assert tlb.purge(Gva(TOP - 16), 17).result == -EINVAL
    assert len(tlb.purge(Gva(TOP - 1), 1).removed) == 1


def test_an_overlap_is_refused_and_changes_nothing():
    tlb = TlbTable()
    tlb.insert(page(1, label="ring"))
    before = tlb.entries
    answer = tlb.insert(TlbEntry(Gva(0x1FFF), Gpa(0), 2))
    assert answer == (None, (), -EEXIST, "it overlaps slot 0 (ring)")
    assert tlb.insert(page(1)).result == -EEXIST  # the very same range, too
    assert tlb.insert(TlbEntry(Gva(0), Gpa(0), TOP - 1)).result == -EEXIST
    assert tlb.entries == before


def test_purge_removes_whole_entries():
    tlb = TlbTable()
    for number in (1, 2, 3):
        tlb.insert(page(number))
    assert [held.slot for held in tlb.purge(Gva(0x1FFF), 2).removed] == [0, 1]
    assert tlb.lookup(Gva(0x1000), 1).held is None
    assert vas(tlb) == {3}
    assert tlb.purge(Gva(0x1000), 0x2000) == ((), 0, "")
    assert tlb.purge(Gva(0x3000), 0) == ((), -EINVAL, "the range is empty")


def test_a_freed_slot_is_used_again_lowest_first():
    tlb = TlbTable(capacity=4)
    for number in range(4):
        tlb.insert(page(number))
    tlb.purge(Gva(2 << 12), 1)
    tlb.purge(Gva(1 << 12), 1)
    assert [tlb.insert(page(n)).slot for n in (8, 9)] == [1, 2]


def test_full():
    tlb = TlbTable(capacity=2)
    assert [tlb.insert(page(n)).result for n in range(3)] == [0, 0, -ENOSPC]
    assert tlb.insert(page(7)).reason == "the table is full"
    assert vas(tlb) == {0, 1}


def test_fifo_ignores_use_and_lru_does_not():
    fifo, lru = TlbTable(2, "fifo"), TlbTable(2, "lru")
    for tlb in (fifo, lru):
        tlb.insert(page(0))
        tlb.insert(page(1))
        tlb.lookup(Gva(0), 8)
        assert len(tlb.insert(page(2)).replaced) == 1
    assert (vas(fifo), vas(lru)) == ({1, 2}, {0, 2})


def test_a_straddle_that_counts_as_a_miss_is_no_use():
    tlb = TlbTable(2, "lru")
    tlb.insert(page(0))
    tlb.insert(page(1))
    tlb.lookup(Gva(0xFF8), 16, straddle="miss")
    tlb.insert(page(5))
    assert vas(tlb) == {1, 5}


def test_without_tags_a_second_process_hits_the_first_ones_page():
    tlb = TlbTable()
    tlb.insert(page(0x7F0000000, 0xA000))
    assert tlb.lookup(Gva(0x7F0000000 << 12), 8, space=0x2000).gpa == Gpa(0xA000)


def test_with_tags_it_does_not_and_both_can_be_registered():
    tlb = TlbTable()
    va = Gva(0x7F0000000 << 12)
    tlb.insert(page(0x7F0000000, 0xA000, space=0x1000))
    assert tlb.lookup(va, 8, space=0x2000).gpa is None
    assert tlb.insert(page(0x7F0000000, 0xB000, space=0x2000)).result == 0
    assert tlb.lookup(va, 8, space=0x1000).gpa == Gpa(0xA000)
    assert tlb.lookup(va, 8, space=0x2000).gpa == Gpa(0xB000)
    assert [h.entry.pa for h in tlb.purge(va, 8, space=0x1000).removed] == [Gpa(0xA000)]


def test_a_switch_purges_what_is_not_global():
    tlb = TlbTable()
    tlb.insert(page(1, is_global=True))
    tlb.insert(page(2))
    tlb.insert(page(3, space=7))
    tlb.insert(page(3, space=8))
    assert [held.slot for held in tlb.purge_space(7).removed] == [2]
    assert [held.slot for held in tlb.purge_space().removed] == [1, 3]
    assert vas(tlb) == {1}
    assert len(tlb.purge_all().removed) == 1
    assert len(tlb) == 0


def test_an_entry_outlives_what_it_described():
    """A remap is invisible: only a purge and a new insertion change the answer."""
    tlb = TlbTable()
    tlb.insert(page(1, 0xA000))
    assert tlb.insert(page(1, 0xB000)).result == -EEXIST
    assert tlb.lookup(Gva(0x1000), 1).gpa == Gpa(0xA000)
    tlb.purge(Gva(0x1000), 1)
    tlb.insert(page(1, 0xB000))
    assert tlb.lookup(Gva(0x1000), 1).gpa == Gpa(0xB000)


def test_a_direct_mapped_table_and_a_directmap_do_not_get_along():
    tlb = TlbTable(64, "refuse", "direct")
    tlb.insert(DIRECTMAP)
    answer = tlb.insert(page(5))
    assert answer.result == -ENOSPC
    assert answer.reason == "slot 0 (directmap) occupies the slot of one of its pages"
    replacing = TlbTable(4, "fifo", "direct")
    for number in (0, 1, 2):
        replacing.insert(page(number))
    assert [h.slot for h in replacing.insert(DIRECTMAP).replaced] == [0, 1, 2]
    assert [held.entry for held in replacing.entries] == [DIRECTMAP]
    replacing.purge_all()
    assert len(replacing) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"capacity": 0}, "capacity: expected 1 or more slots, got 0"),
        ({"policy": "random"}, "policy: expected refuse, lru or fifo, got 'random'"),
        ({"search": "hash"}, "search: expected scan, sorted or direct, got 'hash'"),
        ({"search": "direct"}, "a direct-mapped table needs a number of slots"),
    ],
)
def test_a_table_that_cannot_be(arguments, message):
    with pytest.raises(MachineError, match=message):
        TlbTable(**arguments)


def test_misuse_of_a_look_up():
    with pytest.raises(MachineError, match="at least 1 byte, got 0"):
        TlbTable().lookup(Gva(0), 0)
    with pytest.raises(MachineError, match="straddle: expected redo or miss, got 'split'"):
        TlbTable().lookup(Gva(0), 1, straddle="split")


requests = st.lists(
    st.tuples(
        st.sampled_from(("insert", "insert", "purge", "lookup", "lookup")),
        st.integers(0, 63).map(lambda n: n * 0x400),
        st.sampled_from((0x400, 0x800, 0x1000, 0x1400)),
        st.sampled_from((None, 1, 2)),
    ),
    max_size=40,
)


def play(tlb, script):
    answers = []
    for verb, va, size, space in script:
        if verb == "insert":
            answers.append(tlb.insert(TlbEntry(Gva(va), Gpa(va * 2), size, space=space)))
        elif verb == "purge":
            answers.append(tlb.purge(Gva(va), size, space))
        else:
            answers.append(tlb.lookup(Gva(va), size, space))
    return answers


@given(requests, st.sampled_from(("refuse", "lru", "fifo")), st.sampled_from((2, 8, None)))
def test_scan_and_bisection_differ_in_compares_only(script, policy, capacity):
    scan = play(TlbTable(capacity, policy, "scan"), script)
    bisection = play(TlbTable(capacity, policy, "sorted"), script)
    assert [forget_compares(a) for a in scan] == [forget_compares(a) for a in bisection]


def forget_compares(answer):
    return answer._replace(compares=0) if hasattr(answer, "compares") else answer


@given(requests, st.sampled_from(("scan", "sorted", "direct")))
def test_the_same_requests_get_the_same_answers(script, search):
    assert play(TlbTable(4, "lru", search), script) == play(TlbTable(4, "lru", search), script)


def test_rules_are_the_tables_own():
    tlb = TlbTable(rules=InsertRules(granularity=4096))
    assert tlb.insert(TlbEntry(Gva(8), Gpa(0), 4096)).result == -EINVAL
    assert len(tlb) == 0
