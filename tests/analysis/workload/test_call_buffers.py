from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from workloads import Made, plain_layout, workload_of

from xenexplore.analysis.workload.call_buffers import buffers_of

BASE = 0xFFFF_C900_0000_0000


copies = st.tuples(st.sampled_from(["from", "to", "clear"]), st.integers(0, 60), st.integers(1, 20))


@given(st.lists(st.lists(copies, max_size=6), max_size=5))
def test_buffers_are_what_touching_accesses_make(calls) -> None:
    made = [Made(32, 4, [(way, BASE + 4 * at, size) for way, at, size in call]) for call in calls]
    load = workload_of(plain_layout(), made)
    got = buffers_of(load, load.inside(0))
    expected = []
    for index, call in enumerate(made):
        found: list[list] = []
        for way, start, size in sorted(call.copies, key=lambda copy: copy[1]):
            if found and start <= found[-1][1]:
                found[-1][1] = max(found[-1][1], start + size)
                found[-1][2] |= {way}
            else:
                found.append([start, start + size, {way}])
        for start, end, ways in found:
            expected.append((index, start, end - start, "from" in ways, ways != {"from"},
                             len(found) == 1))  # fmt: skip
    rows = zip(got.call.tolist(), got.address.tolist(), got.size.tolist(), got.reads.tolist(),
               got.writes.tolist(), got.in_register.tolist(), strict=True)  # fmt: skip
    assert list(rows) == expected


def test_a_buffer_whose_address_is_an_argument_is_in_a_register() -> None:
    made = [Made(32, 4, [("from", BASE, 4), ("from", BASE + 64, 4)], args=(4, BASE + 64))]
    load = workload_of(plain_layout(), made)
    got = buffers_of(load, np.arange(2))
    assert got.in_register.tolist() == [False, True]
    assert got.pages().tolist() == [1, 1]


@given(st.lists(st.lists(copies, max_size=6), max_size=5))
def test_bytes_carried_are_no_more_than_whatever_buffers_there_were(calls) -> None:
    """However a guest's buffers lay: every one that Xen read goes in whole, that it wrote, out."""
    made = [Made(32, 4, [(way, BASE + 4 * at, size) for way, at, size in call]) for call in calls]
    load = workload_of(plain_layout(), made)
    got = buffers_of(load, load.inside(0))
    for index, call in enumerate(made):
        stretches: list[list] = []
        for way, start, size in sorted(call.copies, key=lambda copy: copy[1]):
            if stretches and start < stretches[-1][1]:
                stretches[-1][1] = max(stretches[-1][1], start + size)
                stretches[-1][2] |= {way != "from"}
            else:
                stretches.append([start, start + size, {way != "from"}])
        sizes = sum((end - start) * len(ways) for start, end, ways in stretches)
        assert got.carried[got.call == index].sum() == sizes


def test_neighbours_that_differ_in_direction_are_carried_one_way_each() -> None:
    """A 20-byte struct that Xen reads beside a 32-byte one that it writes: 52 bytes, not 104."""
    made = [Made(32, 4, [("from", BASE, 20), ("to", BASE + 20, 32)])]
    got = buffers_of(load := workload_of(plain_layout(), made), load.inside(0))
    assert (got.size.tolist(), got.carried.tolist()) == ([52], [52])
    both = [Made(32, 4, [("from", BASE, 20), ("to", BASE, 20)])]
    got = buffers_of(load := workload_of(plain_layout(), both), load.inside(0))
    assert (got.size.tolist(), got.carried.tolist()) == ([20], [40])
