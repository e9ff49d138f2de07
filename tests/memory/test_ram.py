from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.errors import MachineError
from xenexplore.memory import Ram

FRAMES = 4
writes = st.lists(st.tuples(st.integers(0, FRAMES * 4096), st.binary(max_size=9000)), max_size=6)


@given(writes, st.integers(-5, FRAMES * 4096 + 5), st.integers(0, 9000))
def test_reads_what_a_flat_array_holds(written, address, size):
    ram, flat = Ram(FRAMES), bytearray(FRAMES * 4096)
    for at, data in written:
        fits = at + len(data) <= len(flat)
        assert ram.write(at, data) is fits
        if fits:
            flat[at : at + len(data)] = data
    inside = address >= 0 and address + size <= len(flat)
    assert ram.read(address, size) == (bytes(flat[address : address + size]) if inside else None)
    assert b"".join(bytes(ram.frame(n)) for n in range(FRAMES)) == flat


def test_a_512_gib_guest_with_100_pages_costs_100_pages():
    ram = Ram(512 << 18)
    for number in range(100):
        assert ram.write(number * 5 << 30, b"x")
    assert len(ram) == 100
    assert list(ram.populated()) == [number * 5 << 18 for number in range(100)]
    assert ram.read((512 << 30) - 1, 1) == b"\0"
    assert ram.read(512 << 30, 1) is None
    assert len(ram) == 100  # reading costs nothing


def test_nothing_is_stored_of_a_write_that_does_not_fit():
    ram = Ram(1)
    assert not ram.write(4090, b"0123456789")
    assert not ram.write(-1, b"0")
    assert len(ram) == 0
    assert ram.frame(1) is None
    assert ram.frame(-1) is None


def test_a_copy_is_independent():
    ram = Ram()
    ram.write(0x5000, b"before")
    twin = ram.copy()
    ram.write(0x5000, b"after!")
    assert twin.read(0x5000, 6) == b"before"
    assert twin.frames == ram.frames == 1 << 40
    assert twin.is_populated(5)
    assert not twin.is_populated(6)


@pytest.mark.parametrize("frames", [-1, (1 << 40) + 1])
def test_sizes_that_no_machine_has_are_refused(frames):
    with pytest.raises(MachineError, match=str(frames)):
        Ram(frames)
