from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import FRAMES, PAGED_MODES, Memory, random_state

from xenexplore.errors import MachineError
from xenexplore.paging import (
    FETCH,
    READ,
    USER_READ,
    WRITE,
    Manner,
    Mode,
    PagingState,
    make_entry,
    walk,
)
from xenexplore.paging.batch.page_runs import Join, find_page_runs
from xenexplore.paging.batch.table_arrays import read_tables
from xenexplore.paging.permissions import permissions, walk_permissions
from xenexplore.paging.state import CR0_WP


def sparse_memory(rng: np.random.Generator, mode: Mode) -> Memory:
    """A few entries per table, in clusters, so that neighbours meet and some are alike."""
    legacy = mode is Mode.LEGACY
    entries = 1024 if legacy else 512
    words = np.zeros((FRAMES, entries), np.uint64)
    for table in range(FRAMES):
        for _ in range(int(rng.integers(1, 4))):
            first = int(rng.choice([0, 2, 3, entries // 2 - 2, entries // 2, entries - 4]))
            count = int(rng.integers(1, 4))
            bits = int(rng.choice([1, 3, 5, 7, 7, 0x87])) | 0x60
            if not legacy and rng.random() < 0.3:
                bits |= 1 << 63
            if not legacy and rng.random() < 0.2:
                bits |= int(rng.integers(0, 16)) << 59
            frames = int(rng.integers(0, FRAMES)) + np.arange(count) * int(rng.integers(0, 2))
            if bits & 0x80:
                frames = frames << 18
            row = words[table, first : first + count]
            row[:] = (frames.astype(np.uint64) << np.uint64(12) | np.uint64(bits))[: len(row)]
    if mode is Mode.PAE:
        words[0] &= np.uint64(0xF019)
        words &= np.uint64((1 << 63) | (1 << 52) - 1)
    return Memory(words.astype("<u4" if legacy else "<u8").tobytes())


def plain(state: PagingState) -> PagingState:
    """Rights as the tables give them: WP on; SMEP, SMAP and protection keys off."""
    cr4 = state.cr4 & ~(1 << 20 | 1 << 21 | 1 << 22 | 1 << 24)
    return replace(state, cr0=state.cr0 | CR0_WP, cr4=cr4, cr3=0)


@pytest.mark.parametrize("mode", PAGED_MODES)
@settings(max_examples=60)
@given(seed=st.integers(0, 1 << 32), join=st.sampled_from(Join))
def test_runs_say_what_walks_say(mode, seed, join):
    rng = np.random.default_rng(seed)
    memory = sparse_memory(rng, mode)
    state = plain(random_state(rng, mode))
    top = 1 << 64 if mode.linear_bits > 32 else 1 << 32
    found = find_page_runs(read_tables(memory, state), join)
    runs = list(found)
    assert found.user_keys == {run.key for run in runs if run.user}

    def mapped(linear: int):
        return walk(memory, state, linear, READ, Manner.CPU)

    for before, after in pairwise(runs):
        assert before.end <= after.start
        if before.end == after.start and join is Join.RIGHTS:
            assert before[3:] != after[3:]
    chosen = runs if len(runs) < 30 else [runs[int(i)] for i in rng.integers(0, len(runs), 30)]
    holds = {run.start for run in runs}
    for run in chosen:
        assert mapped(run.start).gpa_value == run.gpa
        inside = {run.start, run.end - 1, int(rng.integers(run.start, run.end, dtype=np.uint64))}
        for linear in inside:
            one = mapped(linear)
            assert one.ok
            assert one.page_size == run.page_size
            assert walk_permissions(one) == run.permissions
            if join is not Join.RIGHTS:
                assert one.gpa_value == run.gpa + linear - run.start
            for access, allowed in (
                (WRITE, run.writable),
                (USER_READ, run.user),
                (FETCH, run.executable),
            ):
                assert walk(memory, state, linear, access, Manner.CPU).ok == allowed
        if run.end not in holds and run.end < top:
            assert not mapped(run.end).ok
    for linear in rng.integers(0, top, 40, dtype=np.uint64).tolist():
        assert mapped(linear).ok == any(run.start <= linear < run.end for run in runs)


def full_table(entry: int) -> Memory:
    return Memory(np.full(512, entry, "<u8").tobytes())


def test_a_table_that_maps_itself_everywhere_is_two_runs():
    """2**36 leaves, all alike: the two canonical halves, and nothing across the gap."""
    tables = read_tables(full_table(0x7), PagingState.long_mode(0))
    low, high = find_page_runs(tables)
    assert (low.start, low.end) == (0, 1 << 47)
    assert (high.start, high.end) == ((1 << 64) - (1 << 47), 1 << 64)
    assert low.permissions == high.permissions == "rwxu"
    for join in (Join.NEVER, Join.PHYSICAL):
        with pytest.raises(MachineError, match="more than 16777216 runs: the page tables map"):
            find_page_runs(tables, join)


def test_every_join_of_the_same_pages():
    words = np.zeros((4, 512), "<u8")
    for level in range(3):
        words[level, 0] = make_entry(Mode.LEVEL4, 4 - level, (level + 1) << 12, user=True)
    for index, (gpa, writable) in enumerate([(9, True), (10, True), (20, True), (21, False)]):
        words[3, index] = make_entry(Mode.LEVEL4, 1, gpa << 12, writable=writable, nx=True)
    tables = read_tables(Memory(words.tobytes()), PagingState.long_mode(0))
    shape = {
        join: [
            (run.start >> 12, run.end >> 12, run.gpa >> 12) for run in find_page_runs(tables, join)
        ]
        for join in Join
    }
    assert shape[Join.RIGHTS] == [(0, 3, 9), (3, 4, 21)]
    assert shape[Join.PHYSICAL] == [(0, 2, 9), (2, 3, 20), (3, 4, 21)]
    assert shape[Join.NEVER] == [(0, 1, 9), (1, 2, 10), (2, 3, 20), (3, 4, 21)]
    runs = find_page_runs(tables)
    assert runs[1].permissions == "r---"
    assert runs.mapped_bytes == 4 << 12


def test_rights_are_those_of_all_levels():
    words = np.zeros((4, 512), "<u8")
    words[0, 0] = make_entry(Mode.LEVEL4, 4, 0x1000, user=True, writable=False)
    words[1, 0] = make_entry(Mode.LEVEL4, 3, 0x2000, user=True, nx=True)
    words[2, 1] = make_entry(Mode.LEVEL4, 2, 0x600000, large=True, user=True, pkey=7)
    words[2, 0] = make_entry(Mode.LEVEL4, 2, 0x3000, user=False)
    words[3, 511] = make_entry(Mode.LEVEL4, 1, 0x5000, user=True)
    first, second = find_page_runs(read_tables(Memory(words.tobytes()), PagingState.long_mode(0)))
    assert first == (0x1FF000, 0x200000, 0x5000, 0x1000, False, False, False, 0)
    assert second == (0x200000, 0x400000, 0x600000, 0x200000, False, True, False, 7)
    assert second.permissions == "r--u"


def test_an_empty_address_space_has_no_runs():
    runs = find_page_runs(read_tables(full_table(0), PagingState.long_mode(0)))
    assert len(runs) == 0
    assert list(runs) == []
    assert len(find_page_runs(read_tables(full_table(0), PagingState.long_mode(1 << 20)))) == 0


def test_permissions_are_four_letters():
    assert permissions(True, True, True) == "rwxu"
    assert permissions(False, False, False) == "r---"
