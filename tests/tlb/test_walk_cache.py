"""The cache of walks against a model that keeps every walk and looks for the last one in a slot."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.errors import MachineError
from xenexplore.paging.access import PFEC_PRESENT, PFEC_USER, PFEC_WRITE
from xenexplore.tlb.walk_cache import VTLB_ENTRIES, WalkCache

PFECS = st.sampled_from([0, PFEC_PRESENT, PFEC_WRITE, PFEC_WRITE | PFEC_USER, PFEC_USER])
WALKS = st.tuples(st.integers(0, 40), st.integers(0, 1 << 20), PFECS)


@given(walks=st.lists(WALKS, max_size=30), asked=WALKS, slots=st.integers(1, 16))
def test_a_slot_serves_its_last_walk_and_what_asks_for_no_more(walks, asked, slots):
    cache = WalkCache(slots)
    for page, frame, pfec in walks:
        cache.insert(page, frame, pfec)
    page, _, pfec = asked
    same_slot = [walk for walk in walks if walk[0] % slots == page % slots]
    last = same_slot[-1] if same_slot else None
    serves = last is not None and last[0] == page and last[2] | pfec == last[2]
    assert cache.find(page, pfec) == (last[1] if serves and last is not None else None)
    held = cache.flush()
    assert len(held) == len({walk[0] % slots for walk in walks})
    assert cache.find(page, pfec) is None
    assert cache.flush() == ()


def test_what_an_insertion_replaces():
    cache = WalkCache(2)
    assert cache.insert(4, 7, 0) is None
    assert cache.insert(6, 8, PFEC_WRITE) == (4, 7, 0)
    assert cache.held(0) == (6, 8, PFEC_WRITE)
    assert cache.held(1) is None


def test_the_size_is_shadow_pagings():
    assert WalkCache().slots == VTLB_ENTRIES == 13
    with pytest.raises(MachineError, match="at least 1 slot, got 0"):
        WalkCache(0)
