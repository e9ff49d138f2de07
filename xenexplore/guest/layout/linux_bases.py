"""Address-space layout of one boot of Linux, taken from page tables, registers and memory.

KASLR moves the image, the directmap, vmalloc and vmemmap.  Each function here
reads some evidence and returns bases that say so; none knows a default.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import Gva
from xenexplore.guest.layout.linux_layout import GIB, KERNEL_MAP, LinuxBases
from xenexplore.guest.layout.symbols import SymbolTable

__all__ = ["bases_from_mappings", "bases_from_memory", "with_registers"]

# PMD_SIZE: what the image is mapped in.
IMAGE_STEP = 2 << 20
_ENTRY_AREA = 0xFFFF_FE00_0000_0000
# VMALLOC_SIZE_TB: 32 TB with 4 levels, 12800 TB with 5 (pgtable_64_types.h).
_VMALLOC_SIZE = {4: 32 << 40, 5: 12800 << 40}
_KERNEL_HALF = {4: 0xFFFF_8000_0000_0000, 5: 0xFF00_0000_0000_0000}


def bases_from_mappings(
    linear: NDArray[np.uint64], physical: NDArray[np.uint64], size: NDArray[np.uint64],
    levels: int = 4, symbols: SymbolTable | None = None,
) -> LinuxBases:  # fmt: skip
    """Find the bases in what the page tables map.

    The directmap is the one mapping whose distance to physical memory is the
    same all over and a multiple of 1 GiB; of such distances the one that
    covers most bytes wins.  The first mapping past the memory it covers opens
    vmalloc space (its allocations start at its base), the first one past
    vmalloc's fixed size opens vmemmap.

    Args:
        linear: uint64 (n,): where each mapping starts.
        physical: uint64 (n,): what it maps to.
        size: uint64 (n,): its bytes.
        levels: depth of the page tables.
        symbols: link-time symbols; with them, how far KASLR moved the image:
            its first mapping holds ``_text`` (cleanup_highmap() in
            arch/x86/mm/init_64.c unmaps what lies before).

    Returns:
        The bases that the mappings prove; others keep their defaults.
    """
    order = np.argsort(linear)
    linear, physical, size = linear[order], physical[order], size[order]
    bases = LinuxBases(levels=levels)
    in_image = (linear >= KERNEL_MAP) & (linear < KERNEL_MAP + GIB)
    bases = _image(bases, linear[in_image], physical[in_image], size[in_image])
    text = symbols.value("_text") if symbols is not None else None
    if text is not None and in_image.any():
        first = int(linear[in_image][0])
        how = f"page tables: the image's first mapping is {first:#x}, _text was linked at {text:#x}"
        bases = bases.known("image shift", how, image_shift=first - text // IMAGE_STEP * IMAGE_STEP)
    movable = (linear >= _KERNEL_HALF[levels]) & (linear < _ENTRY_AREA)
    linear, physical, size = linear[movable], physical[movable], size[movable]
    offset = _most_covered(linear - physical, size, GIB)
    if offset is None:
        return bases
    direct = linear - physical == offset
    covered = int(size[direct].sum())
    bases = bases.known(
        "directmap", f"page tables: {covered >> 10} KiB map to linear - {offset:#x}",
        page_offset=offset,
    )  # fmt: skip
    past = linear[~direct & (linear > linear[direct].max())]
    return _vmalloc_vmemmap(bases, past, levels)


def _most_covered(distance: NDArray[np.uint64], size: NDArray[np.uint64], align: int) -> int | None:
    aligned = distance % np.uint64(align) == 0
    values, where = np.unique(distance[aligned], return_inverse=True)
    if not len(values):
        return None
    covered = np.bincount(where, weights=size[aligned].astype(np.float64))
    return int(values[covered.argmax()])


def _image(
    bases: LinuxBases, linear: NDArray[np.uint64], physical: NDArray[np.uint64],
    size: NDArray[np.uint64],
) -> LinuxBases:  # fmt: skip
    # The image is mapped in 2 MiB steps; phys_base is a multiple of that.
    signed = linear - np.uint64(KERNEL_MAP) - physical
    offset = _most_covered(signed, size, IMAGE_STEP)
    if offset is None:
        return bases
    phys_base = -offset if offset < 1 << 63 else (1 << 64) - offset
    return bases.known(
        "kernel image", "page tables: most of it maps to linear - "
        f"{KERNEL_MAP:#x} {'+' if phys_base >= 0 else '-'} {abs(phys_base):#x}",
        phys_base=phys_base,
    )  # fmt: skip


def _vmalloc_vmemmap(bases: LinuxBases, past: NDArray[np.uint64], levels: int) -> LinuxBases:
    if not len(past):
        return bases
    vmalloc = int(past[0]) // GIB * GIB
    bases = bases.known(
        "vmalloc", f"page tables: {int(past[0]):#x} is the first mapping past the directmap",
        vmalloc=vmalloc,
    )  # fmt: skip
    beyond = past[past >= np.uint64(vmalloc + _VMALLOC_SIZE[levels])]
    if not len(beyond):
        return bases
    return bases.known(
        "vmemmap", f"page tables: {int(beyond[0]):#x} is the first mapping past vmalloc space",
        vmemmap=int(beyond[0]) // GIB * GIB,
    )  # fmt: skip


def bases_from_memory(
    read_u64: Callable[[Gva], int], symbols: SymbolTable, image_shift: int = 0, levels: int = 4
) -> LinuxBases:
    """Read the kernel's own variables.

    Args:
        read_u64: reads 8 little-endian bytes at a linear address of the guest.
        symbols: link-time symbols of this kernel build.
        image_shift: how far KASLR moved the image.
        levels: depth of the page tables.
    """
    bases = LinuxBases(levels=levels, image_shift=image_shift)
    names = {
        "page_offset": "page_offset_base",
        "vmalloc": "vmalloc_base",
        "vmemmap": "vmemmap_base",
        "phys_base": "phys_base",
        "percpu": "__per_cpu_offset",
    }
    for what, name in names.items():
        at = symbols.value(name)
        if at is not None:
            value = read_u64(Gva(at + image_shift))
            if what == "phys_base" and value >> 63:
                value -= 1 << 64
            bases = bases.known(what, f"memory: the variable {name}", **{what: value})
    return bases


def with_registers(
    bases: LinuxBases, *, cr4: int | None = None, gs_base: int | None = None
) -> LinuxBases:
    """Add the evidence of a vCPU's registers, taken while it ran in the kernel.

    Args:
        bases: what is known so far.
        cr4: CR4; bit 12 (LA57) decides between 4 and 5 levels.
        gs_base: GS base: this CPU's percpu base (only in the kernel: CPL 0).
    """
    if cr4 is not None:
        levels = 5 if cr4 >> 12 & 1 else 4
        bases = bases.known("levels", f"CR4.LA57 is {levels - 4}", levels=levels)
    if gs_base is not None and gs_base >> 63:
        bases = bases.known("percpu", "GS base", percpu=gs_base)
    return bases
