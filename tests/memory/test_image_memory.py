"""An image as a domain's memory, with its own page tables."""

from __future__ import annotations

import dumps
import pytest
from dumps import CR3, LINEAR, TARGET, tables

from xenexplore.addr import Gfn
from xenexplore.errors import MachineError
from xenexplore.memory import P2mType
from xenexplore.memory.image import open_image
from xenexplore.memory.image_memory import ImageRam, memory_of
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


def test_what_the_image_does_not_hold_is_a_hole(image):
    memory = memory_of(image)
    assert memory.p2m.entry(16).type is P2mType.p2m_mmio_dm
    assert memory.p2m.entry(0x201).type is P2mType.p2m_ram_rw
    assert memory.guest.read(0x20_17FF, 2) == b"x\0"
    assert memory.guest.read(0x20_2000, 1) is None


def test_writes_stay_in_memory(image):
    ram = ImageRam(image)
    assert ram.write(TARGET - 1, b"\0there")
    assert ram.read(TARGET, 5) == b"there"
    assert ram.copy().read(TARGET, 5) == b"there"
    assert ImageRam(image).read(TARGET, 5) == b"here\0"
    assert image.read(TARGET, 4) == b"here"
    assert ram.word(CR3 + 402 * 8) == image.word(CR3 + 402 * 8)


def test_machine_memory_has_no_p2m(tmp_path):
    path = tmp_path / "pv"
    path.write_bytes(dumps.dump_core(pv=True))
    with pytest.raises(MachineError, match="machine frames"):
        memory_of(open_image(path))
    assert ImageRam(open_image(path)).frame(Gfn(9).value)[0x10:0x14] == b"here"
