from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import u64

from xenexplore.addr import Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.guest.layout.regions import Layout, Region, RegionKind, tile


@st.composite
def some_regions(draw):
    regions = []
    for index in range(draw(st.integers(0, 8))):
        start = draw(u64)
        size = draw(st.integers(0, (1 << 64) - start))
        regions.append(Region(f"r{index}", Gva(start), size, RegionKind.OTHER))
    return regions


@given(regions=some_regions(), address=u64)
def test_the_last_region_laid_there_is_found(regions, address):
    """Against the obvious: go through the list backwards."""
    layout = Layout("test", tile(regions))
    expected = next((r.name for r in reversed(regions) if Gva(address) in r), "unused hole")
    assert layout.find(Gva(address)).name == expected
    (index,) = layout.classify(np.array([address], np.uint64))
    assert layout.regions[index].name == expected


@given(regions=some_regions())
def test_tiles_touch_and_cover_everything(regions):
    tiles = tile(regions)
    assert tiles[0].start.value == 0
    assert tiles[-1].end == 1 << 64
    assert all(a.end == b.start.value for a, b in pairwise(tiles))


def test_a_cut_keeps_the_physical_addresses():
    outer = Region("outer", Gva(0x1000), 0x9000, RegionKind.DIRECTMAP, Gpa(0x100000))
    inner = Region("inner", Gva(0x3000), 0x1000, RegionKind.PERCPU)
    layout = Layout("test", tile([outer, inner]))
    low, high = layout.named("outer")
    assert (low.physical, high.physical) == (Gpa(0x100000), Gpa(0x103000))
    assert layout.named("inner")[0].part_of == "outer"
    assert layout.to_physical(Gva(0x4010)) == Gpa(0x103010)
    assert layout.to_physical(Gva(0x3010)) is None


def test_a_layout_with_a_gap_is_refused():
    half = Region("half", Gva(0), 1 << 63, RegionKind.USER)
    with pytest.raises(MachineError, match="expected 2"):
        Layout("test", (half,))
    with pytest.raises(MachineError, match="does not follow"):
        Layout("test", (half, Region("top", Gva((1 << 63) + 1), 5, RegionKind.OTHER)))


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(MachineError, match="one of unused hole"):
        Layout("test", tile([])).named("directmap")
