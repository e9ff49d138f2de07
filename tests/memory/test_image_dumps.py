"""Dumps of every format that is read, built here, and walked through."""

from __future__ import annotations

import shutil
import subprocess
import zlib
from array import array
from pathlib import Path

import cramjam
import dumps
import lzallright
import pytest
import zstandard
from dumps import CR3, LINEAR, PAGE, TARGET, tables
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.errors import ImageError
from xenexplore.memory import image_xen
from xenexplore.memory.image import ImageSpace, Kind, open_image
from xenexplore.memory.image_contents import ZEROES, GuestOs, Segment, Skip
from xenexplore.paging import Manner, Mode, walk
from xenexplore.paging.access import READ
from xenexplore.paging.image_state import Told, image_state

HALVES = [(0, tables()[: 4 * PAGE]), (4 * PAGE, tables()[4 * PAGE :])]
REAL = dumps.kdump({n: tables()[n * PAGE : (n + 1) * PAGE] for n in range(16)})
PACKERS = {
    "zlib": (1, zlib.compress),
    "lzo": (2, lambda page: bytes(lzallright.LZOCompressor().compress(page))),
    "snappy": (4, lambda page: bytes(cramjam.snappy.compress_raw(page))),
    "zstd": (0x20, zstandard.compress),
    "plain": (0, bytes),
}


def opened(tmp_path: Path, data: bytes, name: str = "dump", **others):
    path = tmp_path / name
    path.write_bytes(data)
    return open_image(path, **others)


def target(image, **told) -> int | None:
    """Where ``LINEAR`` lies by the image's own registers or clues."""
    registers = image.vcpus[0] if image.vcpus else None
    state = image_state(image, registers, Told(**told)).state
    return walk(image, state, LINEAR, READ, Manner.CPU).gpa_value


def pages(memory: bytes) -> dict[int, bytes]:
    return {n: memory[n * PAGE : (n + 1) * PAGE] for n in range(len(memory) // PAGE)}


SAYS_ALL = {
    "virtualbox": dumps.virtualbox,
    "xen-hvm": dumps.dump_core,
    "windows-64": dumps.windows,
    "windows-64-bitmap": lambda: dumps.windows(kind=5),
    "vmware-inside": lambda: dumps.vmware([(0, 0, 4), (4, 4, 12)], inside=tables()),
}
SAYS_MEMORY = {
    "lime": lambda: dumps.lime(HALVES),
    "avml": lambda: dumps.avml(HALVES, PACKERS["snappy"][1]),
    **{
        f"kdump-{name}": lambda flag=flag, pack=pack: dumps.kdump(
            pages(tables()), flag=flag, pack=pack
        )
        for name, (flag, pack) in PACKERS.items()
    },
    "diskdump": lambda: dumps.kdump(pages(tables()), signature=b"DISKDUMP"),
    "flattened": lambda: dumps.flattened(
        REAL, [(at, len(REAL[at : at + 1000])) for at in range(0, len(REAL), 1000)][::-1]
    ),
}
EVERY = {**SAYS_ALL, **SAYS_MEMORY}


@pytest.mark.parametrize("name", SAYS_ALL)
def test_dumps_that_name_their_page_tables(tmp_path, name):
    image = opened(tmp_path, SAYS_ALL[name]())
    assert (image.gaps, target(image)) == ((), TARGET)
    assert image.read(TARGET, 4) == b"here"


@pytest.mark.parametrize("name", SAYS_MEMORY)
def test_dumps_that_are_memory_alone(tmp_path, name):
    image = opened(tmp_path, SAYS_MEMORY[name]())
    assert (image.gaps, target(image, cr3=CR3)) == ((), TARGET)
    assert image.read(TARGET, 4) == b"here"
    with pytest.raises(ImageError, match="--cr3"):
        target(image)


@pytest.mark.parametrize("name", EVERY)
def test_every_cut_of_a_dump_is_an_error_or_leaves_what_is_there(tmp_path, name):
    """Every so often in the file, and byte by byte in its first header."""
    data, whole = EVERY[name](), tables()
    for length in [*range(4, 64), *range(64, len(data), 1009)]:
        try:
            image = opened(tmp_path, data[:length])
        except ImageError:
            continue
        for segment in image.segments:
            held = image.read(segment.gpa, min(segment.size, PAGE))
            assert held is None or whole[segment.gpa :].startswith(held)
        end = image.segments[-1]
        assert image.gaps or image.damage or end.gpa + end.size == len(whole)


@pytest.mark.parametrize("name", EVERY)
def test_a_compressed_file_is_opened_alike(tmp_path, name):
    image = opened(tmp_path, zstandard.compress(EVERY[name]()), "dump.zst")
    assert target(image, cr3=CR3) == TARGET


# xl dump-core.


def test_a_pv_domain_is_addressed_by_machine_frames(tmp_path):
    """Page n holds pfn n and is machine frame 0x100 - n; the tables hold machine frames."""
    frames = [(n, 0x100 - n) for n in range(16)]
    data = dumps.dump_core(
        pv=True,
        frames=frames,
        memory=tables(lambda n: 0x100 - n),
        control={0: 0x80050033, 1: 0xAA000, 3: 0xFF000, 4: 0x2660},
    )
    image = opened(tmp_path, data)
    assert (image.kind, image.space, image.has_pfns) == (Kind.XEN, ImageSpace.MACHINE, True)
    assert target(image) == 0xF7010
    assert image.read(0xF7010, 4) == b"here"
    assert [image.pfn(mfn) for mfn in (0xF7, 0x100, 0x101, 0xF0, 0)] == [9, 0, None, None, None]


def test_a_32_bit_pv_domain_has_a_folded_cr3(tmp_path):
    """xen_pfn_to_cr3() of xen-x86_32.h puts the upper bits of the frame number at the bottom."""
    mfn = 0x123456
    folded = (mfn << 12 | mfn >> 20) & 0xFFFFFFFF
    data = dumps.dump_core(
        pv=True, narrow=True, frames=[(0, mfn)], memory=bytes(PAGE), control={3: folded}
    )
    (vcpu,) = opened(tmp_path, data).vcpus
    assert vcpu.cr3 == mfn << 12
    assert (vcpu.cr4 >> 5 & 1, vcpu.efer, vcpu.cpl) == (1, 0x800, 0)


@pytest.mark.parametrize(
    ("control", "rip", "mode"),
    [
        ({0: 0x80000011, 3: CR3, 4: 0x20}, 0xFFFFFFFF81000000, Mode.LEVEL4),
        ({0: 0x80000011, 3: CR3, 4: 0x20}, 0xC0100000, Mode.PAE),
        ({0: 0x80000011, 3: CR3, 4: 0x10}, 0xC0100000, Mode.LEGACY),
        ({0: 0x11}, 0x7C00, Mode.NONE),
    ],
)
def test_the_mode_of_an_hvm_vcpu(tmp_path, control, rip, mode):
    image = opened(tmp_path, dumps.dump_core(control=control, rip=rip))
    assert image_state(image, image.vcpus[0], Told()).state.mode is mode


def test_frames_with_holes_and_invalid_ones(tmp_path):
    none = (1 << 64) - 1
    numbers = [*range(8), *range(0x100, 0x107), none]
    image = opened(tmp_path, dumps.dump_core(frames=[(n, n) for n in numbers]))
    assert [(s.gpa >> 12, s.size >> 12) for s in image.segments] == [(0, 8), (0x100, 7)]
    assert image.skipped == ((Skip.NO_PAGE, 1, PAGE),)
    assert image.read(0x101010, 4) == b"here"


def test_sections_without_the_header_note_are_read_whole(tmp_path):
    image = opened(tmp_path, dumps.dump_core(header=False))
    assert target(image) == TARGET
    assert "numbers of vCPUs and pages" in str(image.gaps[0])


# VMCOREINFO.

KERNEL = {
    "OSRELEASE": "6.1.0",
    "SYMBOL(swapper_pg_dir)": "ffffffff82001000",
    "NUMBER(phys_base)": str(-0x2000000),
    "NUMBER(pgtable_l5_enabled)": "0",
    "NUMBER(sme_mask)": "0",
}


@pytest.mark.parametrize(
    ("changes", "cr3", "levels", "c_bit"),
    [
        ({}, CR3, 4, None),
        ({"NUMBER(pgtable_l5_enabled)": "1"}, CR3, 5, None),
        ({"NUMBER(sme_mask)": str(1 << 51)}, CR3, 4, 51),
        ({"SYMBOL(init_top_pgt)": "ffffffff82003000"}, 0x3000, 4, None),
        ({"NUMBER(phys_base)": "none"}, None, 4, None),
        ({"SYMBOL(swapper_pg_dir)": "c1001000", "CONFIG_X86_PAE": "y"}, 0x1001000, 3, None),
        ({"SYMBOL(swapper_pg_dir)": "c1001000"}, 0x1001000, 2, None),
    ],
)
def test_what_a_kernel_says_of_itself(tmp_path, changes, cr3, levels, c_bit):
    clues = opened(tmp_path, dumps.vmcore({**KERNEL, **changes})).clues
    assert (clues.cr3, clues.levels, clues.c_bit, clues.os) == (cr3, levels, c_bit, GuestOs.LINUX)


def test_a_vmcore_is_walked_by_vmcoreinfo(tmp_path):
    assert target(opened(tmp_path, dumps.vmcore(KERNEL))) == TARGET


def test_kdump_carries_vmcoreinfo_too(tmp_path):
    text = "".join(f"{key}={value}\n" for key, value in KERNEL.items()).encode()
    assert target(opened(tmp_path, dumps.kdump(pages(tables()), info=text))) == TARGET


# Memory that is not in the file.


def test_frames_left_out_of_a_kdump_are_counted(tmp_path):
    held = pages(tables())
    del held[3]
    image = opened(tmp_path, dumps.kdump(held, excluded=[3, 20]))
    assert image.skipped == ((Skip.EXCLUDED, 2, 2 * PAGE),)
    assert (image.frame(3), image.frame(20)) == (None, None)
    assert target(image, cr3=CR3) == TARGET


def test_zeroes_beyond_the_file_give_way_to_what_a_file_holds():
    from xenexplore.memory.image import Image

    image = Image(
        "x", Kind.ELF, b"a" * 0x1000,
        [Segment(0, 0x4000, ZEROES), Segment(0x1000, 0x800, 0), Segment(0x2000, 0x800, 0x800)],
    )  # fmt: skip
    assert image.ram_bytes == 0x4000
    assert image.read(0xFFF, 0x802) == b"\0" + b"a" * 0x800 + b"\0"
    assert image.read(0x27FF, 0x1801) == b"a" + bytes(0x1800)
    assert image.read(0x3FFF, 2) is None


def test_a_damaged_page_is_a_hole_and_is_remembered(tmp_path):
    data = bytearray(dumps.kdump(pages(tables())))
    data[-40:] = bytes(40)
    image = opened(tmp_path, bytes(data))
    assert image.frame(15) is None
    assert image.frame(9) is not None
    assert "expected 4096 bytes when unpacked" in str(image.damage[0])


# VMware: two files.


def test_vmware_memory_lies_beside_its_state(tmp_path):
    memory = tables()
    (tmp_path / "vm.vmem").write_bytes(memory[8 * PAGE :] + memory[: 8 * PAGE])
    (tmp_path / "vm.vmss").write_bytes(dumps.vmware([(0, 8, 8), (8, 0, 8)]))
    for name in ("vm.vmss", "vm.vmem"):
        image = open_image(tmp_path / name)
        assert (image.kind, target(image)) == (Kind.VMWARE, TARGET)
    (tmp_path / "vm.vmem").unlink()
    with pytest.raises(ImageError, match=r"expected the machine's memory .* vm\.vmem"):
        open_image(tmp_path / "vm.vmss")


# Windows: what is no complete dump.


@pytest.mark.parametrize(("kind", "words"), [(2, "Windows 7 or older"), (4, "triage")])
def test_small_windows_dumps_are_named(tmp_path, kind, words):
    with pytest.raises(ImageError, match=words):
        opened(tmp_path, dumps.windows(kind=kind))


@pytest.mark.parametrize(("pae", "levels"), [(True, 3), (False, 2)])
def test_a_32_bit_windows_dump(tmp_path, pae, levels):
    data = dumps.windows(wide=False, machine=0x14C, pae=pae, frames=(0, 1, 2, 5, 9))
    image = opened(tmp_path, data)
    assert (image.clues.cr3, image.clues.levels) == (CR3, levels)
    assert image.read(TARGET, 4) == b"here"
    assert image.frame(3) is None


# Formats that are named.


def test_every_foreign_format_is_named_with_a_way_out(tmp_path):
    from xenexplore.memory.image_formats import FOREIGN

    for foreign in FOREIGN:
        data = bytes(foreign.at) + foreign.magic
        with pytest.raises(ImageError) as caught:
            opened(tmp_path, data.ljust(0x2000, b"\0"))
        assert foreign.name in str(caught.value)
        assert caught.value.hint
        assert "use --raw" not in str(caught.value)


def test_the_printed_commands_unpack_what_they_are_printed_for(tmp_path):
    """Each with the tool that this machine has; a file's name need not end in the tool's suffix."""
    tried = []
    for tool in ("gzip", "bzip2", "xz", "lz4", "lzop"):
        if shutil.which(tool) is None:
            continue
        packed = tmp_path / f"packed-{tool}"
        packed.write_bytes(
            subprocess.run([tool, "-c"], input=REAL, capture_output=True, check=True).stdout
        )
        with pytest.raises(ImageError) as caught:
            open_image(packed)
        subprocess.run(caught.value.hint, shell=True, cwd=tmp_path, check=True)
        assert target(open_image(tmp_path / "image"), cr3=CR3) == TARGET
        tried.append(tool)
    assert tried


def test_a_command_that_was_not_tried_says_so():
    from xenexplore.memory.image_formats import FOREIGN

    unsure = [one.name for one in FOREIGN if "not tested" in one.way]
    assert len(unsure) == 10
    assert "a QEMU migration stream" not in unsure


@given(
    st.lists(
        st.one_of(
            st.integers(0, 40),
            st.sampled_from([(1 << 64) - 1, (1 << 64) - 2, (1 << 40) - 1, 1 << 40]),
        ),
        max_size=40,
    ),
    st.integers(1, 5),
)
def test_frames_in_a_row_are_runs_however_they_are_cut(numbers, at_once):
    """Against a loop over single frames; ``at_once``: how many are compared in one go."""
    wanted: list[list[int]] = []
    for place, number in enumerate(numbers):
        last = wanted[-1] if wanted else [-1, -1, 0]
        if number >= 1 << 40:
            continue
        if last[1] + last[2] == place and last[0] + last[2] == number:
            last[2] += 1
        else:
            wanted.append([number, place, 1])
    table = memoryview(array("Q", numbers).tobytes()).cast("Q")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(image_xen, "_AT_ONCE", at_once)
        found, invalid = image_xen._runs(table)
    assert [list(run) for run in found] == wanted
    assert invalid == sum(number >= 1 << 40 for number in numbers)
