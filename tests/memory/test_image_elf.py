from __future__ import annotations

import struct

import pytest
import zstandard
from elf_cores import Cpu, core, note

from xenexplore.errors import ImageError
from xenexplore.memory.image import Kind, open_image
from xenexplore.memory.image_contents import Skip
from xenexplore.paging import Mode
from xenexplore.paging.image_state import state_from_registers

PAGE = bytes(range(256)) * 16


def opened(tmp_path, data: bytes, name: str = "core"):
    path = tmp_path / name
    path.write_bytes(data)
    return open_image(path)


def test_memory_lies_where_its_headers_say(tmp_path):
    image = opened(tmp_path, core([(0x3000, (PAGE * 2)[:0x1800]), (0xFFFC0000, PAGE)]))
    assert image.kind is Kind.ELF
    assert [(s.gpa, s.size) for s in image.segments] == [(0x3000, 0x1800), (0xFFFC0000, 0x1000)]
    assert image.read(0x3008, 8) == PAGE[8:16]
    assert image.read(0x47F8, 8) == PAGE[0x7F8:0x800]
    assert image.read(0x47F8, 9) is None
    assert image.read(0x2FFF, 1) is None
    assert image.read(0, 1) is None
    assert image.frame(0xFFFC0) == PAGE
    assert image.frame(4) is None
    assert (image.ram_bytes, image.end) == (0x2800, 0xFFFC1000)


def test_a_read_crosses_segments_that_meet_and_no_others(tmp_path):
    pieces = [(0x1000 + n * 16, bytes([n]) * 16) for n in range(200)]
    image = opened(tmp_path, core(list(reversed(pieces))))
    assert image.read(0x1008, 199 * 16) == b"".join(c for _, c in pieces)[8:][: 199 * 16]
    assert image.read(0x1008, 200 * 16) is None


def test_where_two_segments_overlap_the_lower_keeps_its_bytes(tmp_path):
    image = opened(tmp_path, core([(0x1800, b"B" * 0x1000), (0x1000, b"A" * 0x1000)]))
    assert image.read(0x1000, 0x1800) == b"A" * 0x1000 + b"B" * 0x800


@pytest.mark.parametrize("pad", [0, 1, 4, 7])
def test_memory_need_not_be_aligned_in_the_file(tmp_path, pad):
    assert opened(tmp_path, core([(0x1000, PAGE)], pad=pad)).frame(1) == PAGE


def test_registers_come_from_the_qemu_notes_in_order(tmp_path):
    cpus = [
        Cpu(cr3=0x1000, rip=0xFFFFFFFF81000001, rsp=0xFFFF880000001000, kernel_gs_base=0x77),
        Cpu(cr3=0x2000, cr4=0x16F0, cs_flags=0x00AFFB00, ss_flags=0x00CFF300, gs_base=0x55),
        Cpu(cr3=0x3000, cr2=0xDEAD, kernel_gs_base=None),
    ]
    vcpus = opened(tmp_path, core([(0, PAGE)], cpus)).vcpus
    assert [v.index for v in vcpus] == [0, 1, 2]
    assert [v.cr3 for v in vcpus] == [0x1000, 0x2000, 0x3000]
    assert [state_from_registers(v).mode for v in vcpus] == [Mode.LEVEL4, Mode.LEVEL5, Mode.LEVEL4]
    assert [v.cpl for v in vcpus] == [0, 3, 0]
    assert [v.kernel_gs_base for v in vcpus] == [0x77, 0, None]
    assert (vcpus[0].rip, vcpus[0].rsp, vcpus[0].rflags) == (
        0xFFFFFFFF81000001,
        0xFFFF880000001000,
        0x246,
    )
    assert (vcpus[1].gs_base, vcpus[2].cr2) == (0x55, 0xDEAD)
    assert not any(v.efer_known for v in vcpus)


@pytest.mark.parametrize(
    ("machine", "cpu", "mode", "efer"),
    [
        (62, Cpu(), Mode.LEVEL4, 0xD00),
        (62, Cpu(cs_flags=0x00CF9B00), Mode.LEVEL4, 0xD00),  # compatibility mode
        (62, Cpu(cr4=0x16F0), Mode.LEVEL5, 0xD00),
        (3, Cpu(cs_flags=0x00CF9B00), Mode.PAE, 0x800),
        (3, Cpu(cs_flags=0x00CF9B00, cr4=0x10), Mode.LEGACY, 0),
        (3, Cpu(cs_flags=0x00CF9B00, cr0=0x11), Mode.NONE, 0),
        (3, Cpu(cs_flags=0x00AF9B00), Mode.LEVEL4, 0xD00),  # 64-bit code settles it
    ],
)
@pytest.mark.parametrize("bits", [32, 64])
def test_the_mode_is_concluded_from_machine_and_registers(tmp_path, bits, machine, cpu, mode, efer):
    data = core([(0x1000, PAGE)], [cpu], bits=bits, machine=machine)
    image = opened(tmp_path, data)
    assert state_from_registers(image.vcpus[0]).mode is mode
    assert image.vcpus[0].efer == efer
    assert image.frame(1) == PAGE


def test_more_headers_than_the_elf_header_can_count(tmp_path):
    for bits in (32, 64):
        image = opened(tmp_path, core([(0x1000, PAGE)], bits=bits, extended_count=True))
        assert image.frame(1) == PAGE


def test_compressed_in_one_or_several_frames(tmp_path):
    plain = core([(0x1000, PAGE)])
    pack = zstandard.ZstdCompressor().compress
    skippable = b"\x50\x2a\x4d\x18\x04\x00\x00\x00none"
    for packed in (
        pack(plain),
        pack(plain[:700]) + skippable + pack(plain[700:]),
        b"".join(pack(bytes([b])) for b in plain),
    ):
        assert opened(tmp_path, packed, "core.zst").frame(1) == PAGE


def test_every_cut_of_a_core_is_one_clear_error_or_leaves_what_is_there(tmp_path):
    data = core([(0x1000, PAGE[:64])], [Cpu()])
    for length in range(len(data)):
        try:
            image = opened(tmp_path, data[:length])
        except ImageError as error:
            said = str(error)
        else:
            said = str(image.gaps[0])
            held = length - (len(data) - 64)
            assert image.read(0x1000, held) == PAGE[:held]
            assert image.read(0x1000, held + 1) is None
        assert "\n" not in said
        if length >= 52:
            assert "truncated" in said


def test_every_cut_of_a_compressed_core_is_one_clear_error(tmp_path):
    data = zstandard.compress(core([(0x1000, PAGE[:64])], [Cpu()]))
    for length in range(4, len(data)):
        with pytest.raises(ImageError, match=r"truncated|zstd data"):
            opened(tmp_path, data[:length])


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (core([(0, PAGE)], machine=183), "machine AArch64"),
        (core([(0, PAGE)], machine=0xBEEF), f"machine {0xBEEF}"),
        (core([(0, PAGE)], kind=2), "an executable"),
        (core([(0, PAGE)], order=2), "big-endian"),
        (core([]), r"guest memory \(PT_LOAD\)"),
        (core([(1 << 52, PAGE)]), r"below 2\^52"),
        (core([(0, PAGE)])[:54] + b"\x07" + core([(0, PAGE)])[55:], "headers of 56 bytes, got 7"),
    ],
)
def test_cores_that_cannot_be_read_say_why(tmp_path, data, words):
    with pytest.raises(ImageError, match=words) as caught:
        opened(tmp_path, data)
    assert str(caught.value).startswith(str(tmp_path / "core"))


@pytest.mark.parametrize(
    ("notes", "words"),
    [
        (b"", None),
        (note(b"CORE\0", bytes(336), 1), None),
        (note(b"QEMU\0", bytes(8), 0), "got 8 bytes"),
        (Cpu(version=2).note(), "version 2"),
        (b"\xff" * 16, "the notes are damaged"),
        (note(b"VBCPU\0", bytes(100), 0xB01), "a VBCPU note of at least 544 bytes"),
        (note(b"Xen\0", bytes(8), 0x1000002), "control registers in 32 bytes"),
    ],
)
def test_memory_is_there_whatever_the_notes_are(tmp_path, notes, words):
    image = opened(tmp_path, core([(0, PAGE)], notes=notes))
    assert (image.frame(0), image.vcpus) == (PAGE, ())
    assert [words in str(gap) for gap in image.gaps] == ([True] if words else [])


def test_good_notes_before_a_bad_one_keep_their_numbers(tmp_path):
    notes = Cpu(cr3=0x5000).note() + Cpu(version=9).note() + Cpu(cr3=0x7000).note()
    image = opened(tmp_path, core([(0, PAGE)], notes=notes))
    assert [vcpu.cr3 for vcpu in image.vcpus] == [0x5000]
    assert "version 9" in str(image.gaps[0])


def test_segments_without_a_physical_address_are_passed_over_and_said(tmp_path):
    for bits in (32, 64):
        nowhere = (1 << bits) - 1
        image = opened(tmp_path, core([(nowhere, PAGE), (0x1000, PAGE)], bits=bits))
        assert image.gaps == ()
        assert [segment.gpa for segment in image.segments] == [0x1000]
        assert image.skipped == ((Skip.NO_ADDRESS, 1, len(PAGE)),)


def test_memory_past_the_file_size_of_a_segment_is_zero(tmp_path):
    data = bytearray(core([(0x1000, PAGE[:0x800])]))
    struct.pack_into("<Q", data, 64 + 64 + 56 + 40, 0x3000)  # p_memsz of the second header
    image = opened(tmp_path, bytes(data))
    assert image.read(0x1000, 0x1000) == PAGE[:0x800] + bytes(0x800)
    assert image.frame(3) == bytes(4096)
    assert image.frame(4) is None


def test_a_sparse_core_is_mapped_and_not_read(tmp_path):
    """64 GiB of memory in a file of a few KiB on disk."""
    data = bytearray(core([(0, b"")]))
    size, start = 64 << 30, 1 << 20
    struct.pack_into("<Q", data, 64 + 64 + 56 + 8, start)
    struct.pack_into("<2Q", data, 64 + 64 + 56 + 32, size, size)
    path = tmp_path / "core"
    with path.open("wb") as file:
        file.write(data)
        file.seek(start + (size >> 1))
        file.write(PAGE)
        file.truncate(start + size)
    image = open_image(path)
    assert (image.ram_bytes, image.gaps) == (size, ())
    assert image.read(size >> 1, len(PAGE)) == PAGE
