"""Page tables that lead out of an image: the error names the entry and the missing table."""

from __future__ import annotations

import struct

import dumps
import pytest
from elf_cores import core

from xenexplore.errors import ImageError
from xenexplore.paging.image_target import open_target

NX, LOW = 1 << 63, 0x063  # bits of an entry that are no address
OUT = 0x12_3456_7000


@pytest.mark.parametrize(("level", "page", "index"), [(4, 1, 402), (3, 4, 0), (2, 5, 0)], ids=str)
def test_the_missing_table_is_named_by_its_address(tmp_path, level, page, index):
    pages = bytearray(dumps.tables())
    at = page * dumps.PAGE + index * 8
    struct.pack_into("<Q", pages, at, NX | OUT | LOW)
    path = tmp_path / "dump"
    path.write_bytes(core([(0, bytes(pages))]))
    with pytest.raises(ImageError) as caught:
        open_target(path).walk(dumps.LINEAR)
    assert caught.value.place == f"level-{level} entry at gpa {at:#x}"
    assert caught.value.got == f"gpa {OUT:#x}"


def test_a_missing_root_is_named_by_its_address(tmp_path):
    path = tmp_path / "dump"
    path.write_bytes(core([(0, dumps.tables())]))
    with pytest.raises(ImageError) as caught:
        open_target(path, cr3=OUT | 0x18).walk(dumps.LINEAR)
    assert (caught.value.place, caught.value.got) == ("CR3", f"gpa {OUT:#x}")
