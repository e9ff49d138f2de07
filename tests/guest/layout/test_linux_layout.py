from __future__ import annotations

import io
import re
import struct
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import zstandard

from xenexplore.addr import Gpa, Gva, canonical
from xenexplore.errors import MachineError
from xenexplore.guest.layout.linux_bases import (
    bases_from_mappings,
    bases_from_memory,
    with_registers,
)
from xenexplore.guest.layout.linux_layout import LinuxBases, linux_layout
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.guest.layout.symbols import read_kallsyms

IMAGES = Path(__file__).parents[2] / "data" / "images"
KALLSYMS = Path(__file__).parents[3] / "xenexplore/recording/data/kallsyms.dom0.zst"

# What the kernel's own variables page_offset_base, vmalloc_base, vmemmap_base,
# phys_base and __per_cpu_offset[0] held: for "kaslr" read out of the whole
# memory of that machine (not shipped: 96 MiB), for the others mm.rst's.
TRUE = {
    "kaslr": (4, 0xFFFF8E8DC0000000, 0xFFFFD479C0000000, 0xFFFFF98000000000, -0x400000, 0x400000),
    "nokaslr": (4, 0xFFFF888000000000, 0xFFFFC90000000000, 0xFFFFEA0000000000, 0, 0),
    "la57": (5, 0xFF11000000000000, 0xFFA0000000000000, 0xFFD4000000000000, 0, 0),
}


@cache
def kallsyms():
    return read_kallsyms(KALLSYMS)


@cache
def mappings(name: str):
    """The emulator's own list of what the guest's page tables map."""
    raw = (IMAGES / f"plain-96-{name}" / "info_tlb.txt.zst").read_bytes()
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(raw)) as stream:
        rows = [line.split() for line in stream.read().decode().splitlines()]
    bits = 57 if name == "la57" else 48
    linear = [canonical(int(row[0].rstrip(":"), 16), bits) for row in rows]
    size = [2 << 20 if "P" in row[2] else 4096 for row in rows]
    physical = [int(row[1], 16) for row in rows]
    return tuple(np.array(column, np.uint64) for column in (linear, physical, size))


def registers(name: str) -> tuple[int, int]:
    text = (IMAGES / f"plain-96-{name}" / "info_registers.txt").read_text()
    found = re.search(r"^GS =\w+ (\w+)", text, re.MULTILINE), re.search(r"CR4=(\w+)", text)
    return int(found[1][1], 16), int(found[0][1], 16)


@pytest.mark.parametrize("name", TRUE)
def test_bases_from_real_page_tables_and_registers(name):
    levels, directmap, vmalloc, vmemmap, phys_base, shift = TRUE[name]
    found = bases_from_mappings(*mappings(name), levels, kallsyms())
    cr4, gs_base = registers(name)
    found = with_registers(found, cr4=cr4, gs_base=gs_base)
    assert (found.page_offset, found.vmalloc, found.vmemmap) == (directmap, vmalloc, vmemmap)
    assert (found.phys_base, found.image_shift, found.levels) == (phys_base, shift, levels)
    assert {what for what, _ in found.evidence} == {
        "directmap", "vmalloc", "vmemmap", "kernel image", "image shift", "levels", "percpu",
    }  # fmt: skip


@pytest.mark.parametrize("name", TRUE)
def test_every_real_mapping_has_a_region_that_is_no_hole(name):
    linear, physical, size = mappings(name)
    found = bases_from_mappings(linear, physical, size, TRUE[name][0], kallsyms())
    layout = linux_layout(with_registers(found, gs_base=registers(name)[1]), kallsyms())
    regions = [layout.regions[i] for i in layout.classify(linear).tolist()]
    assert not [r for r in regions if r.kind in (RegionKind.HOLE, RegionKind.HYPERVISOR)]
    kinds = {r.kind for r in regions}
    assert kinds >= {RegionKind.USER, RegionKind.DIRECTMAP, RegionKind.VMALLOC, RegionKind.IMAGE,
                     RegionKind.VMEMMAP, RegionKind.CPU_ENTRY, RegionKind.FIXMAP}  # fmt: skip
    # Where a region says which memory it is, the page tables agree.
    linear_kinds = (RegionKind.DIRECTMAP, RegionKind.PERCPU, RegionKind.IMAGE, RegionKind.STACK)
    checked = 0
    for at, to, region in zip(linear.tolist(), physical.tolist(), regions, strict=True):
        if region.kind in linear_kinds:
            assert region.to_physical(Gva(at)) == Gpa(to)
            checked += 1
    assert checked > 6000


def test_the_kernels_own_variables():
    """bases_from_memory() reads what it should where it should."""
    symbols = kallsyms()
    levels, directmap, vmalloc, vmemmap, phys_base, shift = TRUE["kaslr"]
    memory = {
        "page_offset_base": directmap, "vmalloc_base": vmalloc, "vmemmap_base": vmemmap,
        "phys_base": phys_base & (1 << 64) - 1, "__per_cpu_offset": directmap + 0x5800000,
    }  # fmt: skip
    at = {symbols.value(name) + shift: value for name, value in memory.items()}
    found = bases_from_memory(lambda address: at[address.value], symbols, shift, levels)
    assert (found.page_offset, found.vmalloc, found.vmemmap) == (directmap, vmalloc, vmemmap)
    assert (found.phys_base, found.percpu) == (phys_base, directmap + 0x5800000)
    assert all(how.startswith("memory") for _, how in found.evidence)


# Spot checks of mm.rst's two tables: (address, region).
MM_RST = {
    4: [
        (0x0000_7FFF_FFFF_FFFF, "user"),
        (0x0000_8000_0000_0000, "non-canonical hole"),
        (0xFFFF_7FFF_FFFF_FFFF, "non-canonical hole"),
        (0xFFFF_8000_0000_0000, "hypervisor hole"),
        (0xFFFF_87FF_FFFF_FFFF, "hypervisor hole"),
        (0xFFFF_8800_0000_0000, "LDT remap"),
        (0xFFFF_887F_FFFF_FFFF, "LDT remap"),
        (0xFFFF_8880_0000_0000, "directmap"),
        (0xFFFF_C87F_FFFF_FFFF, "directmap"),
        (0xFFFF_C880_0000_0000, "unused hole"),
        (0xFFFF_C900_0000_0000, "vmalloc"),
        (0xFFFF_E8FF_FFFF_FFFF, "vmalloc"),
        (0xFFFF_E900_0000_0000, "unused hole"),
        (0xFFFF_EA00_0000_0000, "vmemmap"),
        (0xFFFF_EAFF_FFFF_FFFF, "vmemmap"),
        (0xFFFF_EB00_0000_0000, "unused hole"),
        (0xFFFF_EC00_0000_0000, "KASAN shadow"),
        (0xFFFF_FBFF_FFFF_FFFF, "KASAN shadow"),
    ],
    5: [
        (0x00FF_FFFF_FFFF_FFFF, "user"),
        (0x0100_0000_0000_0000, "non-canonical hole"),
        (0xFEFF_FFFF_FFFF_FFFF, "non-canonical hole"),
        (0xFF00_0000_0000_0000, "hypervisor hole"),
        (0xFF10_0000_0000_0000, "LDT remap"),
        (0xFF10_FFFF_FFFF_FFFF, "LDT remap"),
        (0xFF11_0000_0000_0000, "directmap"),
        (0xFF90_FFFF_FFFF_FFFF, "directmap"),
        (0xFF91_0000_0000_0000, "unused hole"),
        (0xFFA0_0000_0000_0000, "vmalloc"),
        (0xFFD1_FFFF_FFFF_FFFF, "vmalloc"),
        (0xFFD2_0000_0000_0000, "unused hole"),
        (0xFFD4_0000_0000_0000, "vmemmap"),
        (0xFFD5_FFFF_FFFF_FFFF, "vmemmap"),
        (0xFFD6_0000_0000_0000, "unused hole"),
        (0xFFDF_0000_0000_0000, "KASAN shadow"),
    ],
}
BOTH = [
    (0xFFFF_FC00_0000_0000, "unused hole"),
    (0xFFFF_FE00_0000_0000, "cpu_entry_area"),
    (0xFFFF_FE7F_FFFF_FFFF, "cpu_entry_area"),
    (0xFFFF_FE80_0000_0000, "unused hole"),
    (0xFFFF_FF00_0000_0000, "espfix stacks"),
    (0xFFFF_FFEF_0000_0000, "EFI runtime"),
    (0xFFFF_FFFE_FFFF_FFFF, "EFI runtime"),
    (0xFFFF_FFFF_0000_0000, "unused hole"),
    (0xFFFF_FFFF_8000_0000, "kernel image"),
    (0xFFFF_FFFF_FEFF_FFFF, "modules"),
    (0xFFFF_FFFF_FF5F_F000, "fixmap"),
    (0xFFFF_FFFF_FF60_0000, "vsyscall"),
    (0xFFFF_FFFF_FF60_1000, "unused hole"),
    (0xFFFF_FFFF_FFE0_0000, "unused hole"),
]


@pytest.mark.parametrize("levels", [4, 5])
def test_the_table_of_mm_rst(levels):
    layout = linux_layout(LinuxBases(levels=levels))
    for address, name in MM_RST[levels] + BOTH:
        assert layout.find(Gva(address)).name == name, hex(address)


def test_room_for_kaslr_moves_the_modules():
    """mm.rst's table is for 512 MiB; CONFIG_RANDOMIZE_BASE makes it 1 GiB."""
    border = Gva(0xFFFF_FFFF_A000_0000)
    assert linux_layout(LinuxBases(kaslr_possible=False)).find(border).name == "modules"
    assert linux_layout(LinuxBases()).find(border).name == "kernel image"
    module = kallsyms().value("xen_privcmd_fops")
    assert linux_layout().find(Gva(module)).name == "modules"


def test_sections_and_stack():
    symbols = kallsyms()
    shift = 0x1400000
    layout = linux_layout(LinuxBases(image_shift=shift, percpu=0xFFFF888017600000), symbols)
    for name, region in {
        "linux_banner": ".rodata", "init_stack": "init_task's stack", "phys_base": ".data",
        "early_stack": ".init", "_text": ".text",
    }.items():  # fmt: skip
        assert layout.find(Gva(symbols.value(name) + shift)).name == region
    (percpu,) = layout.named("percpu area")
    assert (percpu.size, percpu.part_of) == (symbols.percpu_size, "directmap")
    assert percpu.physical == Gpa(0x17600000)


@pytest.mark.parametrize(
    "wrong",
    [
        {"levels": 3},
        {"page_offset": 0xFFFF_D000_0000_0000},
        {"page_offset": 0xFFFF_8880_0000_1000},
        {"vmalloc": 0xFFFF_8000_0000_0000},
        {"page_offset": 0},
    ],
)
def test_impossible_bases_are_refused(wrong):
    with pytest.raises(MachineError, match=r"Linux|directmap|vmalloc"):
        linux_layout(LinuxBases(**wrong))


def test_user_registers_prove_no_percpu_base():
    assert with_registers(LinuxBases(), gs_base=0x7F00_0000_0000).percpu is None


def test_no_mappings_prove_nothing():
    nothing = np.empty(0, np.uint64)
    assert bases_from_mappings(nothing, nothing, nothing) == LinuxBases()


def test_packed_u64_reader_shape():
    """The reader that bases_from_memory() is given sees 8-byte little-endian reads."""
    seen = []

    def read(address: Gva) -> int:
        seen.append(address)
        return struct.unpack("<Q", bytes(8))[0]

    bases_from_memory(read, kallsyms())
    assert all(isinstance(address, Gva) and address.value % 8 == 0 for address in seen)
    assert len(seen) == 5
