from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xenexplore.addr import Gfn, Gpa, Gva, canonical
from xenexplore.errors import MachineError
from xenexplore.memory import Ram
from xenexplore.paging import (
    USER_READ,
    WRITE,
    Mode,
    PageFlags,
    PageTableEntry,
    PageTables,
    WalkEnd,
    frames_from,
    walk,
)

MODES = st.sampled_from(list(Mode)[1:])
UNIT = 1 << 20  # ranges start near multiples of this


def place(mode):
    """Linear pages around the edges of superpages, in both halves."""
    bits = mode.linear_bits
    highs = [0, 1 << 30, (1 << bits - 1) - (4 << 20), 1 << bits - 1]
    return st.tuples(
        st.sampled_from(highs), st.integers(0, 9), st.integers(0, 3)
    ).map(lambda t: canonical(t[0] + t[1] * UNIT + t[2] * 4096, bits) if bits > 32 else
          t[0] + t[1] * UNIT + t[2] * 4096)  # fmt: skip


sizes = st.one_of(st.integers(1, 6), st.sampled_from([256, 512, 513, 1024, 1536, 2048, 2300])).map(
    lambda pages: pages * 4096
)


@settings(max_examples=60)
@given(MODES, st.data())
def test_agrees_with_a_dictionary_of_pages(mode, data):
    """Map and unmap at random; then every page near an edge is where the last map put it."""
    ram = Ram()
    tables = PageTables(ram, mode, frames_from(Gfn(0x8_0000)))
    limits = [None, 4096, 2 << 20 if mode is not Mode.LEGACY else 4 << 20]
    done = []
    for _ in range(data.draw(st.integers(1, 5))):
        linear, size = data.draw(place(mode)), data.draw(sizes)
        top = 1 << (mode.linear_bits - 1 if linear >> 63 == 0 and mode.linear_bits > 32 else 32)
        if mode.linear_bits > 32 and linear >> 63:
            top = 1 << 64
        size = min(size, top - linear)
        if data.draw(st.booleans()) or not done:
            gpa = data.draw(st.integers(0, 40)) * UNIT + (linear & 0xFFFFF)
            flags = PageFlags(
                writable=data.draw(st.booleans()), user=data.draw(st.booleans()),
                accessed=data.draw(st.booleans()), global_=data.draw(st.booleans()),
                nx=mode is not Mode.LEGACY and data.draw(st.booleans()),
                pkey=data.draw(st.integers(0, 15)) if mode.levels > 3 else 0,
            )  # fmt: skip
            tables.map(
                Gva(linear), Gpa(gpa), size, flags, largest=data.draw(st.sampled_from(limits))
            )
        else:
            gpa, flags = None, None
            tables.unmap(Gva(linear), size)
        done.append((linear, size, gpa, flags))
    state = tables.state()
    edges = {e + d for at, s, _, _ in done for e in (at, at + s) for d in (-4096, 0, 4096)}
    edges |= {at + data.draw(st.integers(0, s // 4096 - 1)) * 4096 for at, s, _, _ in done}
    for linear in sorted(edges):
        if not 0 <= linear < (1 << 64 if mode.linear_bits > 32 else 1 << 32):
            continue
        if mode.linear_bits > 32 and canonical(linear, mode.linear_bits) != linear:
            continue
        known = None
        for at, size, gpa, flags in done:
            if at <= linear < at + size:
                known = None if flags is None else (gpa + linear - at, flags)
        w = walk(ram, state, linear)
        if known is None:
            assert w.end is WalkEnd.NOT_PRESENT, hex(linear)
            continue
        gpa, flags = known
        assert w.gpa == Gpa(gpa), hex(linear)
        leaf = PageTableEntry(w.entries[-1], w.levels[-1].number, mode)
        assert (leaf.nx, leaf.pkey, leaf.accessed) == (flags.nx, flags.pkey, flags.accessed)
        assert walk(ram, state, linear, WRITE).ok is flags.writable
        assert walk(ram, state, linear, USER_READ).ok is flags.user


@pytest.mark.parametrize(
    ("mode", "sizes"),
    [
        (Mode.LEVEL4, {4096, 2 << 20, 1 << 30}), (Mode.LEVEL5, {4096, 2 << 20, 1 << 30}),
        (Mode.PAE, {4096, 2 << 20}), (Mode.LEGACY, {4096, 4 << 20}),
    ],
)  # fmt: skip
def test_the_largest_pages_that_fit_are_used(mode, sizes):
    ram = Ram()
    tables = PageTables(ram, mode, frames_from(Gfn(0x8_0000)))
    start = (1 << 30) - 0x1000
    tables.map(Gva(start), Gpa(start), (1 << 30) + 0x3000)
    state = tables.state()
    seen = {
        walk(ram, state, start + at).page_size for at in (0, 0x1000, 1 << 30, (1 << 30) + 0x2000)
    }
    assert seen == {4096, max(sizes)}
    tables.unmap(Gva(1 << 30), 0x1000)  # cuts the superpage
    seen = {walk(ram, state, (1 << 30) + at).page_size for at in (0x1000, 5 << 20, (1 << 30) - 1)}
    assert seen == sizes - {1 << 30}
    assert walk(ram, state, 1 << 30).end is WalkEnd.NOT_PRESENT
    for at in (0x1000, 5 << 20, (1 << 30) - 1):
        assert walk(ram, state, (1 << 30) + at).gpa == Gpa((1 << 30) + at)


def test_512_gib_are_mapped_by_a_handful_of_tables():
    ram = Ram(512 << 18)
    tables = PageTables(ram, Mode.LEVEL4, frames_from(Gfn(1)))
    tables.map(Gva(0xFFFF888000000000), Gpa(0), 512 << 30)
    assert len(tables.table_frames) == len(ram) == 2
    assert walk(ram, tables.state(), 0xFFFF888000000000 + (511 << 30) + 5).gpa == Gpa(
        (511 << 30) + 5
    )


def test_tables_that_a_superpage_replaces_are_used_again():
    ram = Ram()
    tables = PageTables(ram, Mode.LEVEL4, frames_from(Gfn(1)))
    tables.map(Gva(0), Gpa(0), 1 << 30, largest=2 << 20)
    tables.map(Gva(0), Gpa(0), 4 << 20, largest=4096)
    held = len(tables.table_frames)
    assert held == 5
    tables.map(Gva(0), Gpa(0), 1 << 30)
    assert walk(ram, tables.state(), 0).page_size == 1 << 30
    tables.map(Gva(1 << 30), Gpa(0), 4 << 20, largest=4096)
    assert len(tables.table_frames) == held


def test_unmapping_whole_subtrees_gives_their_tables_back():
    ram = Ram()
    tables = PageTables(ram, Mode.LEVEL4, frames_from(Gfn(1)))
    tables.map(Gva(0), Gpa(0), 8 << 20, largest=4096)
    held = len(tables.table_frames)
    tables.unmap(Gva(0), 1 << 39)
    tables.unmap(Gva(0), 1 << 39)  # nothing there any more: no error
    assert walk(ram, tables.state(), 0).failed_level == 4
    tables.map(Gva(0), Gpa(0), 8 << 20, largest=4096)
    assert len(tables.table_frames) == held


def test_pse36_maps_past_4_gib():
    ram = Ram()
    tables = PageTables(ram, Mode.LEGACY, frames_from(Gfn(1)))
    tables.map(Gva(0x400000), Gpa(0x12_3440_0000), 8 << 20)
    assert walk(ram, tables.state(), 0x7FFFFF).gpa == Gpa(0x12_347F_FFFF)
    assert walk(ram, tables.state(), 0x800000).gpa == Gpa(0x12_3480_0000)


def test_shared_pages_of_an_encrypted_guest_have_no_c_bit():
    ram = Ram()
    tables = PageTables(ram, Mode.LEVEL4, frames_from(Gfn(1)), c_bit=40)
    tables.map(Gva(0), Gpa(0x5000), 4096)
    tables.map(Gva(0x1000), Gpa(0x6000), 4096, PageFlags(encrypted=False))
    state = tables.state()
    flags = [level.flags for level in walk(ram, state, 0).levels]
    assert flags == ["P RW US C"] * 3 + ["P RW C"]
    assert walk(ram, state, 0x1000).levels[-1].flags == "P RW"
    assert walk(ram, state, 0x1008).gpa == Gpa(0x6008)


def test_the_state_has_the_modes_registers():
    for mode in list(Mode)[1:]:
        tables = PageTables(Ram(), mode, frames_from(Gfn(7)))
        state = tables.state(nxe=False, wp=False, cpl=3)
        assert (state.mode, tables.mode, state.cr3, state.cpl) == (mode, mode, 0x7000, 3)


@pytest.mark.parametrize(
    ("linear", "gpa", "size", "message"),
    [
        (0x800, 0, 4096, "whole 4 KiB"),
        (0, 0x800, 4096, "boundary"),
        (0, 0, 100, "whole 4 KiB"),
        (0, 0, 0, "whole 4 KiB"),
        (1 << 47, 0, 4096, "48-bit"),
        ((1 << 47) - 4096, 0, 8192, "48-bit"),
        ((1 << 64) - 4096, 0, 8192, "48-bit"),
        (0, (1 << 52) - 4096, 8192, "cannot hold"),
    ],
)
def test_ranges_that_cannot_be_mapped_are_refused(linear, gpa, size, message):
    tables = PageTables(Ram(), Mode.LEVEL4, frames_from(Gfn(1)))
    with pytest.raises(MachineError, match=message):
        tables.map(Gva(linear), Gpa(gpa), size)


def test_other_misuse_is_refused():
    with pytest.raises(MachineError, match="paging is off"):
        PageTables(Ram(), Mode.NONE, frames_from(Gfn(1)))
    with pytest.raises(MachineError, match="no guest frame"):
        PageTables(Ram(), Mode.LEVEL4, [])
    tables = PageTables(Ram(), Mode.LEVEL4, [Gfn(1), Gfn(2)])
    with pytest.raises(MachineError, match="after 2"):
        tables.map(Gva(0), Gpa(0), 4096)
    with pytest.raises(MachineError, match="pages of 1024"):
        tables.map(Gva(0), Gpa(0), 4096, largest=1024)
    with pytest.raises(MachineError, match="CR3 has 32 bits"):
        PageTables(Ram(), Mode.PAE, frames_from(Gfn(1 << 20)))
    with pytest.raises(MachineError, match="no memory for a table"):
        PageTables(Ram(1), Mode.PAE, frames_from(Gfn(1)))
    legacy = PageTables(Ram(), Mode.LEGACY, frames_from(Gfn(1)))
    with pytest.raises(MachineError, match="32-bit"):
        legacy.map(Gva((1 << 32) - 4096), Gpa(0), 8192)


def test_a_table_whose_memory_went_away_is_an_error():
    class Leaky(Ram):
        gone = False

        def read(self, address, size):
            return None if self.gone else super().read(address, size)

    ram = Leaky()
    tables = PageTables(ram, Mode.LEVEL4, frames_from(Gfn(1)))
    ram.gone = True
    with pytest.raises(MachineError, match="no memory behind"):
        tables.map(Gva(0), Gpa(0), 4096)
