"""An image as a domain's memory, with its own page tables."""

from __future__ import annotations

import dumps
import pytest
from dumps import CR3, LINEAR, TARGET, tables

from xenexplore.addr import Gfn
from xenexplore.errors import ImageError
from xenexplore.memory import P2mType
from xenexplore.memory.image import open_image
from xenexplore.memory.image_memory import ImageRam, held_frames, memory_of
from xenexplore.paging import PagingState, walk


@pytest.fixture
def image(tmp_path):
    path = tmp_path / "dump"
    path.write_bytes(dumps.lime([(0, tables()), (0x20_0000, b"x" * 0x1800)]))
    return open_image(path)


def test_xen_walks_the_image_s_tables_through_a_p2m(image):
    memory = memory_of(image)
    found = walk(memory.hypervisor, PagingState.long_mode(CR3), LINEAR)
    assert found.gpa_value == TARGET
    assert len(found.lookups) == 5
    assert memory.guest.read(TARGET, 4) == b"here"


def test_a_frame_that_the_image_does_not_hold_is_refused(image):
    memory = memory_of(image)
    assert memory.p2m.entry(0x201).type is P2mType.p2m_ram_rw
    assert memory.guest.read(0x20_17FF, 2) == b"x\0"
    for frame in (16, 0x202):
        with pytest.raises(ImageError, match=f"gfn {frame:#x}: .*omitted RAM, MMIO or a hole"):
            memory.p2m.entry(frame)
        with pytest.raises(ImageError):
            memory.guest.read(frame << 12, 1)
    assert held_frames(image) == ((0, 16), (0x200, 0x202))


@pytest.mark.parametrize("order", [0, 9, 18])
def test_entries_are_as_large_as_alignment_and_changes_allow(tmp_path, order):
    path = tmp_path / "dump"
    path.write_bytes(dumps.lime([(0x1000, bytes(0x40_0000))]))
    p2m = memory_of(open_image(path), order=order).p2m
    large = min(order, 9)  # frames 1 to 0x400: one 2 MiB slot is held whole
    assert [p2m.entry(gfn).order for gfn in (1, 0x1FF, 0x200, 0x3FF, 0x400)] == [
        0, 0, large, large, 0,
    ]  # fmt: skip
    frames = {gfn.value + n for gfn, _, order, _ in p2m.entries() for n in range(1 << order)}
    assert frames == set(range(1, 0x401))
    p2m.map(Gfn(0x210), None, 0, P2mType.p2m_ram_paged)
    assert p2m.entry(0x210).type is P2mType.p2m_ram_paged
    assert (p2m.entry(0x211).order, p2m.entry(0x211).mfn) == (0, 0x211)


def test_writes_stay_in_memory(image):
    ram = ImageRam(image)
    assert ram.write(TARGET - 1, b"\0there")
    assert ram.read(TARGET, 5) == b"there"
    assert ram.copy().read(TARGET, 5) == b"there"
    assert ImageRam(image).read(TARGET, 5) == b"here\0"
    assert image.read(TARGET, 4) == b"here"
    assert ram.word(CR3 + 402 * 8) == image.word(CR3 + 402 * 8)


def test_machine_frames_have_no_p2m(tmp_path):
    path = tmp_path / "pv"
    path.write_bytes(dumps.dump_core(pv=True))
    memory = memory_of(open_image(path), pv=True)
    entry = memory.p2m.entry(9)
    assert (entry.mfn, entry.entry_reads) == (9, 0)
    assert memory.guest.read(TARGET, 4) == b"here"
