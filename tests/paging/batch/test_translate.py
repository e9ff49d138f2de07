from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from random_tables import PAGED_MODES, random_addresses, random_memory, random_state

from xenexplore.errors import AddressError, MachineError
from xenexplore.paging import (
    FETCH,
    IMPLICIT_READ,
    IMPLICIT_WRITE,
    READ,
    USER_FETCH,
    USER_READ,
    USER_WRITE,
    WRITE,
    Manner,
    Mode,
    PagingState,
    WalkEnd,
    walk,
)
from xenexplore.paging.batch.table_arrays import read_tables
from xenexplore.paging.batch.translate import NOWHERE, translate_batch

ACCESSES = (
    READ,
    WRITE,
    FETCH,
    USER_READ,
    USER_WRITE,
    USER_FETCH,
    IMPLICIT_READ,
    IMPLICIT_WRITE,
)
SEEN: dict[Mode, set[WalkEnd]] = {mode: set() for mode in PAGED_MODES}


@pytest.mark.parametrize("mode", PAGED_MODES)
@settings(max_examples=80)
@given(
    seed=st.integers(0, 1 << 32), access=st.sampled_from(ACCESSES), manner=st.sampled_from(Manner)
)
def test_every_walk_of_a_batch_is_the_walk(mode, seed, access, manner):
    rng = np.random.default_rng(seed)
    memory = random_memory(rng, mode)
    state = random_state(rng, mode)
    addresses = random_addresses(rng, 300, mode.linear_bits)
    if mode is Mode.PAE and manner is Manner.XEN:
        addresses &= np.uint64(0xFFFFFFFF)
    batch = translate_batch(read_tables(memory, state), addresses, access, manner)
    columns = zip(
        addresses.tolist(),
        batch.gpa.tolist(),
        batch.pfec.tolist(),
        batch.error_code.tolist(),
        batch.page_size.tolist(),
        batch.level.tolist(),
        batch.ok.tolist(),
        strict=True,
    )
    for row, (linear, gpa, pfec, code, size, level, ok) in enumerate(columns):
        one = walk(memory, state, linear, access, manner)
        SEEN[mode].add(one.end)
        assert batch.end(row) is one.end
        assert ok == one.ok
        assert gpa == (NOWHERE if one.gpa_value is None else one.gpa_value)
        assert pfec == one.pfec
        assert code == (-1 if one.error_code is None or one.ok else one.error_code)
        assert size == (one.page_size or 0)
        assert level == (one.levels[-1].number if one.entries else 0)


def test_the_random_walks_end_in_every_way_there_is():
    """Guards the test above: tables that always fault alike would prove nothing."""
    common = set(WalkEnd) - {WalkEnd.PAGED, WalkEnd.SHARED}
    narrow = common - {WalkEnd.NOT_CANONICAL, WalkEnd.PROTECTION_KEY}
    for mode in PAGED_MODES:
        if not SEEN[mode]:  # run alone: let the property collect its ends first
            test_every_walk_of_a_batch_is_the_walk(mode)
    assert SEEN[Mode.LEVEL4] == SEEN[Mode.LEVEL5] == common
    assert SEEN[Mode.PAE] == narrow
    assert SEEN[Mode.LEGACY] == narrow - {WalkEnd.NO_EXECUTE}


def test_paging_off_has_no_tables():
    with pytest.raises(MachineError, match="paging is off"):
        read_tables(random_memory(np.random.default_rng(0), Mode.LEVEL4), PagingState.unpaged())


def test_xens_pae_walk_past_4_gib_is_refused():
    rng = np.random.default_rng(1)
    tables = read_tables(random_memory(rng, Mode.PAE), random_state(rng, Mode.PAE))
    addresses = np.array([5, 1 << 32], np.uint64)
    with pytest.raises(AddressError, match="0x100000000 is not a linear address"):
        translate_batch(tables, addresses, READ, Manner.XEN)
    assert len(translate_batch(tables, addresses, READ, Manner.CPU)) == 2


def test_tables_that_map_themselves_are_read_once_per_level():
    words = np.arange(512, dtype="<u8") << np.uint64(12) | np.uint64(3)
    words[:] = 0x1003  # every entry of the one table points at it

    class One:
        def read(self, gpa: int, size: int, /) -> bytes | None:
            return words.tobytes()[:size] if gpa == 0x1000 else None

    tables = read_tables(One(), PagingState.long_mode(0x1000))
    assert len(tables) == 4
    assert tables.gpas.tolist() == [0x1000] * 4
    assert tables.missing == ()
    batch = translate_batch(tables, np.array([0x123456789ABC], np.uint64), READ, Manner.XEN)
    assert batch.gpa.tolist() == [0x1ABC]
    with pytest.raises(MachineError, match="more than 3 page tables under CR3 0x1000"):
        read_tables(One(), PagingState.long_mode(0x1000), max_tables=3)


def test_missing_tables_are_named_by_the_first_entry_that_points_there():
    page = np.zeros(512, "<u8")
    page[3] = page[5] = 0x7000 | 1
    page[4] = 0x9000 | 1

    class One:
        def read(self, gpa: int, size: int, /) -> bytes | None:
            return page.tobytes() if gpa == 0x1000 else None

    tables = read_tables(One(), PagingState.long_mode(0x1000))
    assert tables.has_root
    assert tables.missing == ((4, 0x1018, 0x7000), (4, 0x1020, 0x9000))
    nothing = read_tables(One(), PagingState.long_mode(0x2000))
    assert not nothing.has_root
    assert nothing.missing == ((5, None, 0x2000),)
