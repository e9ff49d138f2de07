"""``word`` is the walk's short cut: it must be what ``read`` gives."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from xenexplore.memory import Ram
from xenexplore.memory.image import Image, Kind, Segment, open_image
from xenexplore.paging import READ, PagingState, walk

IMAGES = Path(__file__).parent.parent / "data" / "images"


def as_word(raw):
    return None if raw is None else int.from_bytes(raw, "little")


@given(
    st.lists(st.tuples(st.integers(0, 0x2FF8), st.binary(min_size=1, max_size=8)), max_size=8),
    st.integers(-2, 0x608),
)
def test_of_ram(written, slot):
    ram = Ram(3)
    for at, data in written:
        ram.write(at, data)
    assert ram.word(slot * 8) == as_word(ram.read(slot * 8, 8))


def test_of_every_page_of_an_image():
    image = open_image(IMAGES / "plain-96-kaslr" / "ptpages.bin.zst")
    for segment in image.segments:
        for offset in (0, 8, 0x7F8, 0xFF8, 0x1000):
            address = segment.gpa + offset
            assert image.word(address) == as_word(image.read(address, 8))


def test_of_segments_that_hold_parts_of_pages():
    data = bytes(range(256)) * 20
    image = Image("parts", Kind.ELF, data, [Segment(0x800, 0x1000, 16), Segment(0x3FF8, 8, 0)])
    for address in (0x7F8, 0x800, 0xFF8, 0x1000, 0x17F8, 0x1800, 0x3FF0, 0x3FF8, 0x4000):
        assert image.word(address) == as_word(image.read(address, 8))
    assert image.word(0x800) == int.from_bytes(data[16:24], "little")
    assert image.word(0x7F8) is None


def test_walks_by_word_and_by_bytes_agree():
    image = open_image(IMAGES / "plain-96-kaslr" / "ptpages.bin.zst")

    class Bytes:
        read = staticmethod(image.read)

    state = PagingState.long_mode(image.vcpu(0).cr3, maxphyaddr=40)
    for linear in (0xFFFFFFFF81000000, 0xFFFF888000001000, 0x400000, 0xFFFFC90000000000):
        assert walk(image, state, linear, READ) == walk(Bytes(), state, linear, READ)
