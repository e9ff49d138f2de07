"""Sizes of buffers, and what one call's walks repeat, against plain loops over the accesses."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hypothesis import example, given
from hypothesis import strategies as st
from workloads import Made, plain_layout, workload_of

from xenexplore.addr import PAGE_SIZE
from xenexplore.analysis.measures.buffer_sizes import Sizes, sizes
from xenexplore.analysis.measures.locality import Locality, locality

BASE = 0xFFFF_8880_0300_0000
VMALLOC = 0xFFFF_C900_0000_0000
EDGES = (4096, 511 * 4096, 512 * 512 * 4096)
"""Bytes that an address, a list of one page and a list of two levels carry (digest, O4)."""

near = st.builds(
    lambda base, page, offset: base + page * PAGE_SIZE + offset,
    st.sampled_from((BASE, VMALLOC)), st.integers(0, 3), st.sampled_from((0, 8, 4080, 4095)),
)  # fmt: skip
lengths = st.one_of(
    st.integers(1, 40),
    st.sampled_from((4096, 4097, 9000)),
    st.sampled_from([edge + more for edge in EDGES[:2] for more in (-8, 0, 1)]),
)
copies = st.tuples(st.sampled_from(("from", "to", "clear")), near, lengths)
calls = st.lists(st.lists(copies, max_size=6), max_size=6)


def made(calls: Sequence[Sequence[tuple[str, int, int]]]):
    return workload_of(plain_layout(), [Made(12, 0, copies) for copies in calls])


def buffers(copies: Sequence[tuple[str, int, int]]) -> list[tuple[int, int]]:
    """One call's accesses with those that touch made one: (first byte, bytes)."""
    found: list[tuple[int, int]] = []
    for _, start, size in sorted(copies, key=lambda copy: copy[1]):
        if found and start <= sum(found[-1]):
            first, held = found[-1]
            found[-1] = (first, max(held, start + size - first))
        else:
            found.append((start, size))
    return found


def at_share(values: list[int], share: float) -> int:
    """The least value that so many of all are not above."""
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


@given(calls)
@example([])
@example([[], []])
@example([[("to", BASE, 1)]])
@example([[("to", BASE, EDGES[2])], [("to", BASE, EDGES[2] + 1)]])
def test_sizes_are_those_of_the_merged_accesses(calls) -> None:
    per_call = [buffers(copies) for copies in calls if copies]
    every = [buffer for found in per_call for buffer in found]
    spans = [(start % PAGE_SIZE + size, start, size) for start, size in every]
    room = [sum(-(-size // 8) * 8 for _, size in found) for found in per_call]
    crossing = [(start, size) for span, start, size in spans if span > PAGE_SIZE]
    level = [sum(span > edge for edge in EDGES) for span, _, _ in spans]
    assert sizes(made(calls), 0) == Sizes(
        buffers=len(every),
        largest=max((size for _, size in every), default=0),
        crossing=len(crossing),
        crossing_linear=sum(start < VMALLOC for start, _ in crossing),
        levels=tuple(level.count(n) for n in range(4)),
        calls=len(per_call),
        call_bytes=max(room, default=0),
        over_page=sum(size >= PAGE_SIZE for size in room),
        percentiles=tuple(at_share(room, p) for p in (0.5, 0.99, 0.999)) if room else (0, 0, 0),
    )


def walks(pieces: Sequence[tuple[bool, int]], slots: int | None) -> int:
    """Walks of one call whose translations are kept, a read's for reads alone."""
    kept: dict[int, bool] = {}
    count = 0
    for writes, page in pieces:
        if page not in kept or (writes and not kept[page]):
            count += 1
            if slots == 1 and page not in kept:
                kept.clear()
            kept[page] = writes
    return count


@given(calls)
@example([])
@example([[], []])
@example([[("from", BASE, 8), ("to", BASE, 8), ("from", BASE, 8), ("to", BASE, 8)]])
def test_what_one_call_repeats(calls) -> None:
    per_call = []
    for copies in calls:
        pieces = [
            (way != "from", page)
            for way, start, size in copies
            for page in range(start // PAGE_SIZE, (start + size - 1) // PAGE_SIZE + 1)
        ]
        per_call += [pieces] if pieces else []
    total = sum(map(len, per_call))
    assert locality(made(calls), 0) == Locality(
        pieces=total,
        calls=len(per_call),
        saved=total - sum(walks(pieces, 1) for pieces in per_call),
        saved_by_all=total - sum(walks(pieces, None) for pieces in per_call),
        most=max(map(len, per_call), default=0),
        most_pages=max((len({page for _, page in pieces}) for pieces in per_call), default=0),
    )
