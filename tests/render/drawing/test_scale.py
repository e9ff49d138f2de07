from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.render.drawing.scale import Block, Extent, Scale

TOP = 1 << 64


@st.composite
def layouts(draw: st.DrawFn) -> tuple[list[Block], list[Extent]]:
    cuts = sorted(draw(st.sets(st.integers(1, TOP - 1), min_size=1, max_size=8)))
    ends = [0, *cuts, TOP]
    blocks = [
        Block(extent=Extent(low=low, high=high), gap=draw(st.booleans()))
        for low, high in itertools.pairwise(ends)
    ]
    starts = draw(st.lists(st.integers(0, TOP - 4096), max_size=8))
    marks = [Extent(low=at, high=at + draw(st.integers(1, 4096))).pages() for at in starts]
    return blocks, [mark for mark in marks if mark.high <= TOP]


@given(layouts(), st.lists(st.integers(0, TOP), min_size=2, max_size=20))
def test_higher_addresses_are_never_below_lower_ones(
    layout: tuple[list[Block], list[Extent]], addresses: list[int]
) -> None:
    blocks, marks = layout
    scale = Scale(blocks, marks, 20, 500)
    ys = [scale.y(at) for at in sorted(addresses)]
    assert ys == sorted(ys, reverse=True)
    assert scale.y(0) == pytest.approx(500)
    assert scale.y(TOP) == pytest.approx(20)


@given(layouts())
def test_no_mark_is_lost(layout: tuple[list[Block], list[Extent]]) -> None:
    blocks, marks = layout
    scale = Scale(blocks, marks, 20, 500)
    for mark in marks:
        assert scale.y(mark.low) - scale.y(mark.high) >= 4
        top, height = scale.span(mark)
        assert top >= 20 - 1e-6
        assert top + height <= 500 + 1e-6


def test_marks_in_order_of_address_are_in_order_on_paper() -> None:
    blocks = [Block(extent=Extent(low=0, high=1 << 40))]
    pages = [Extent(low=at << 12, high=(at + 1) << 12) for at in (5, 6, 900)]
    scale = Scale(blocks, pages, 0, 300)
    spans = [scale.span(page) for page in pages]
    for (top, _), (above, height) in itertools.pairwise(spans):
        assert above + height <= top + 1e-6
