from __future__ import annotations

import struct
from pathlib import Path

import pytest
import zstandard
from elf_cores import core
from hypothesis import given, settings
from hypothesis import strategies as st

from xenexplore.errors import ImageError
from xenexplore.memory.image import Kind, open_image
from xenexplore.memory.image_pages import RECORD_SIZE
from xenexplore.memory.image_registers import registers_from_text
from xenexplore.memory.image_source import load_bytes
from xenexplore.paging import Mode
from xenexplore.paging.image_state import state_from_registers

DATA = Path(__file__).parents[1] / "data" / "images"
SHIPPED = ["plain-96-kaslr", "plain-96-nokaslr", "plain-96-la57"]


def pages(*records: tuple[int, bytes]) -> bytes:
    return b"".join(struct.pack("<Q", gpa) + page for gpa, page in records)


def test_raw_memory_must_be_asked_for(tmp_path):
    path = tmp_path / "memory"
    path.write_bytes(b"\xf0" * 0x3000)
    with pytest.raises(ImageError, match=r"got bytes f0f0f0f0; if it is raw memory, use --raw"):
        open_image(path)
    image = open_image(path, Kind.RAW)
    assert (image.kind, image.vcpus, image.ram_bytes) == (Kind.RAW, (), 0x3000)
    assert image.read(0x2FFF, 1) == b"\xf0"
    assert image.read(0x3000, 1) is None
    with pytest.raises(ImageError, match="this image has only memory"):
        image.vcpu(0)
    path.write_bytes(b"\xf0" * 0x2FFF)
    image = open_image(path, Kind.RAW)
    assert image.ram_bytes == 0x2FFF
    assert "whole 4096-byte pages" in str(image.gaps[0])


def test_pages_are_recognised_by_content_or_by_name(tmp_path):
    data = pages((0x5000, b"a" * 4096), (0x2000, b"b" * 4096))
    for name in ("x", "ptpages.bin"):
        (tmp_path / name).write_bytes(data)
        image = open_image(tmp_path / name)
        assert (image.kind, image.vcpus) == (Kind.PAGES, ())
        assert image.frame(5) == b"a" * 4096
        assert image.frame(2) == b"b" * 4096
        assert image.frame(3) is None


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (pages((0x1000, bytes(4096)))[:-1], "4103 bytes after the last whole one"),
        (pages((0x1001, bytes(4096))), "record 0: .*0x1001"),
        (pages((1 << 52, bytes(4096))), "record 0: "),
        (pages((0, bytes(4096)), (0, bytes(4096))), "record 1: expected each page once"),
    ],
)
def test_damaged_page_files(tmp_path, data, words):
    path = tmp_path / "ptpages.bin"
    path.write_bytes(data)
    with pytest.raises(ImageError, match=words):
        open_image(path)


@pytest.mark.parametrize(
    ("start", "what"),
    [
        (b"KDUMP   ", "kdump-compressed"),
        (b"makedumpfile\0\0\0\0", "flattened"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"QFI\xfb", "qcow2"),
    ],
)
def test_other_formats_are_named(tmp_path, start, what):
    path = tmp_path / "ptpages.bin"
    path.write_bytes(start.ljust(RECORD_SIZE, b"\0"))
    with pytest.raises(ImageError, match=what):
        open_image(path)


def test_an_empty_file_and_an_empty_frame(tmp_path):
    path = tmp_path / "memory"
    for content in (b"", zstandard.compress(b"")):
        path.write_bytes(content)
        with pytest.raises(ImageError, match="expected a memory image, got an empty"):
            open_image(path, Kind.RAW)


def test_a_bomb_is_refused_with_the_way_out(tmp_path):
    path = tmp_path / "memory.zst"
    path.write_bytes(zstandard.compress(bytes(1 << 22)))
    assert len(load_bytes(path, limit=1 << 22)) == 1 << 22
    with pytest.raises(ImageError, match=r"at most 3 MiB when .*zstd -d.*--max-size"):
        load_bytes(path, limit=3 << 20)


def test_an_image_has_the_vcpus_it_has(tmp_path):
    path = tmp_path / "core"
    path.write_bytes(core([(0, bytes(4096))]))
    image = open_image(path)
    assert image.vcpu(0) is image.vcpus[0]
    for index in (-1, 1):
        with pytest.raises(ImageError, match=f"a vCPU in 0, got vCPU {index}"):
            image.vcpu(index)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_images(name):
    image = open_image(DATA / name / "ptpages.bin.zst")
    (vcpu,) = image.vcpus
    assert state_from_registers(vcpu).mode is (Mode.LEVEL5 if "la57" in name else Mode.LEVEL4)
    assert (vcpu.cr0, vcpu.efer, vcpu.efer_known, vcpu.cpl) == (0x80050033, 0xD01, True, 0)
    assert image.frame(vcpu.cr3 >> 12) is not None
    assert image.kind is Kind.PAGES


def test_several_vcpus_and_32_bit_names_in_the_monitors_text():
    one = "CPU#{}\nEIP=c0000000 EFL=00000246 [---Z-P-] CPL=3 II=0\nESP=c0001000\n{}\n"
    control = "CR0=80050033 CR2=00000001 CR3=00001000 CR4=000006b0\nEFER=0000000000000800"
    vcpus = registers_from_text("x", one.format(0, control) + one.format(1, control))
    assert [(v.index, state_from_registers(v).mode, v.rip, v.cpl) for v in vcpus] == [
        (0, Mode.PAE, 0xC0000000, 3),
        (1, Mode.PAE, 0xC0000000, 3),
    ]
    assert len(registers_from_text("x", control)) == 1
    with pytest.raises(ImageError, match=r"vCPU 1: expected .*, got no CR3, EFER"):
        registers_from_text("x", one.format(0, control) + one.format(1, "CR0=11 CR4=0"))
    with pytest.raises(ImageError, match="numbered from 0"):
        registers_from_text("x", one.format(1, control))


def test_registers_beside_that_are_no_text_are_a_gap_and_given_ones_an_error(tmp_path):
    (tmp_path / "ptpages.bin").write_bytes(pages((0, bytes(4096))))
    text = tmp_path / "info_registers.txt"
    text.write_bytes(b"\xff\xfe no registers")
    image = open_image(tmp_path / "ptpages.bin")
    assert image.vcpus == ()
    assert "info_registers.txt: vCPU 0" in str(image.gaps[0])
    with pytest.raises(ImageError, match=r"info_registers\.txt: vCPU 0"):
        open_image(tmp_path / "ptpages.bin", registers=text)


# Fuzzing: whatever the bytes are, opening gives an image or an ImageError, and
# an image answers every read.

VALID = core([(0x1000, bytes(range(64))), (0x3000, bytes(64))])
damage = st.lists(
    st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=8
)


def survives(path: Path, data: bytes, kind: Kind | None = None) -> None:
    path.write_bytes(data)
    try:
        image = open_image(path, kind)
    except ImageError:
        return
    for segment in image.segments:
        assert segment.size > 0
        content = image.read(segment.gpa, min(segment.size, 1 << 16))
        assert content is not None
        assert len(content) == min(segment.size, 1 << 16)
    assert image.read(image.end, 1) is None


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


@settings(max_examples=300)
@given(damage, st.booleans())
def test_fuzzed_cores(scratch, changes, compressed):
    data = bytearray(VALID)
    for at, value in changes:
        data[at] = value
    packed = zstandard.compress(bytes(data)) if compressed else bytes(data)
    survives(scratch / "core", packed)


@settings(max_examples=200)
@given(st.integers(0, 1 << 64), st.integers(0, 1 << 64), st.integers(0, 63))
def test_fuzzed_words_of_the_headers(scratch, first, second, place):
    data = bytearray(VALID)
    for at, value in ((place * 8, first), (64 + 64 + place * 8 % 168, second)):
        data[at : at + 8] = (value & (1 << 64) - 1).to_bytes(8, "little")
    survives(scratch / "core", bytes(data[: len(VALID)]))


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([b"", b"\x7fELF\x02\x01\x01", b"\x28\xb5\x2f\xfd"]))
def test_fuzzed_noise(scratch, noise, start):
    survives(scratch / "ptpages", start + noise)
    survives(scratch / "noise", start + noise)


@settings(max_examples=100)
@given(st.lists(st.tuples(st.integers(0, (1 << 64) - 1), st.integers(0, 255)), max_size=4))
def test_fuzzed_page_files(scratch, records):
    data = pages(*((gpa, bytes([fill]) * 4096) for gpa, fill in records))
    survives(scratch / "ptpages.bin", data)
    survives(scratch / "ptpages.bin", zstandard.compress(data))


@settings(max_examples=200)
@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 10_000))
def test_fuzzed_compressed_cores(scratch, at, value, cut):
    packed = bytearray(zstandard.compress(VALID))
    packed[at % len(packed)] = value
    survives(scratch / "core.zst", bytes(packed[: 1 + cut % len(packed)]))
