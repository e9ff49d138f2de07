"""The address space of Linux on x86-64, 4- and 5-level, with or without KASLR.

Source: Documentation/arch/x86/x86_64/mm.rst (before Linux 6.5:
Documentation/x86/x86_64/mm.rst); arch/x86/include/asm/pgtable_64_types.h and
page_64_types.h for the constants; arch/x86/mm/kaslr.c
kernel_randomize_memory() for what moves and how it is aligned.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from xenexplore.addr import Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.guest.layout.regions import Layout, Region, RegionKind, tile
from xenexplore.guest.layout.symbols import SymbolTable

__all__ = ["IRQ_STACK", "KERNEL_MAP", "KERNEL_STACK", "LinuxBases", "linux_layout"]

GIB = 1 << 30
TIB = 1 << 40
PIB = 1 << 50

# __START_KERNEL_map: the image's mapping; it moves inside it, not with it.
KERNEL_MAP = 0xFFFF_FFFF_8000_0000
_MODULES_END = 0xFFFF_FFFF_FF00_0000
# THREAD_SIZE: 16 KiB without KASAN (arch/x86/include/asm/page_64_types.h).
KERNEL_STACK = 16 << 10
# IRQ_STACK_SIZE: as large (the same header).
IRQ_STACK = 16 << 10


@dataclass(frozen=True, slots=True)
class _Fixed:
    """Addresses that the paging depth decides (mm.rst's two tables)."""

    user: int
    kernel: int
    guard: int
    directmap: tuple[int, int]  # unrandomised base, largest size
    vmalloc: tuple[int, int]
    vmemmap: tuple[int, int]
    kasan: int


_FIXED = {
    4: _Fixed(
        user=1 << 47,
        kernel=0xFFFF_8000_0000_0000,
        guard=8 * TIB,
        directmap=(0xFFFF_8880_0000_0000, 64 * TIB),
        vmalloc=(0xFFFF_C900_0000_0000, 32 * TIB),
        vmemmap=(0xFFFF_EA00_0000_0000, 1 * TIB),
        kasan=0xFFFF_EC00_0000_0000,
    ),
    5: _Fixed(
        user=1 << 56,
        kernel=0xFF00_0000_0000_0000,
        guard=4 * PIB,
        directmap=(0xFF11_0000_0000_0000, 32 * PIB),
        vmalloc=(0xFFA0_0000_0000_0000, 12800 * TIB),
        vmemmap=(0xFFD4_0000_0000_0000, PIB // 2),
        kasan=0xFFDF_0000_0000_0000,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class LinuxBases:
    """Everything about a Linux address space that is decided at boot.

    The defaults are an unrandomised kernel's.  The code that fills this in says in
    ``evidence`` how each value is known; nothing here is guessed from an
    address that happens to look right.

    Attributes:
        levels: 4 or 5 levels of page tables.
        page_offset: start of the directmap (``page_offset_base``); None: unrandomised.
        vmalloc: start of vmalloc space (``vmalloc_base``); None: unrandomised.
        vmemmap: start of the struct page array (``vmemmap_base``); None: unrandomised.
        kaslr_possible: built with CONFIG_RANDOMIZE_BASE, which makes the
            image's room 1 GiB instead of 512 MiB (KERNEL_IMAGE_SIZE) even
            where KASLR is off at run time.
        image_shift: how far KASLR moved the image from its link address.
        phys_base: what the image's physical address is beyond its offset
            from ``KERNEL_MAP`` (``phys_base``), or None if unknown.
        percpu: linear address of CPU 0's first percpu chunk (GS base in the
            kernel), or None if unknown.
        irq_stack: where CPU 0's hardirq stack is mapped in vmalloc space, or None
            if unknown; ``irq_stack_at``: physical address of its memory,
            ``irq_stack_backing_store`` in the percpu area, or None if unknown.
        other_irq_stacks: the other CPUs' hardirq stacks: (linear address, physical
            address), where they are known.
        evidence: ``(what, how it is known)`` pairs.
    """

    levels: int = 4
    page_offset: int | None = None
    vmalloc: int | None = None
    vmemmap: int | None = None
    kaslr_possible: bool = True
    image_shift: int = 0
    phys_base: int | None = None
    percpu: int | None = None
    irq_stack: int | None = None
    irq_stack_at: int | None = None
    other_irq_stacks: tuple[tuple[int, int], ...] = ()
    evidence: tuple[tuple[str, str], ...] = field(default=())

    def known(
        self, what: str, how: str, **changes: int | bool | tuple[tuple[int, int], ...]
    ) -> LinuxBases:
        """The same with values set, and the evidence for them appended."""
        return replace(self, evidence=(*self.evidence, (what, how)), **changes)  # type: ignore[arg-type]


def linux_layout(bases: LinuxBases | None = None, symbols: SymbolTable | None = None) -> Layout:
    """The regions of a Linux kernel's address space.

    Args:
        bases: what this boot decided; None: 4 levels, unrandomised.
        symbols: link-time symbols; they add the image's sections, the stack
            of ``init_task`` and the size of the percpu area.  ``image_shift``
            is added to them.

    Raises:
        MachineError: the bases are not in Linux's order, or not possible.
    """
    bases = bases or LinuxBases()
    if bases.levels not in _FIXED:
        raise MachineError(f"Linux has 4 or 5 levels of page tables, not {bases.levels}")
    fixed = _FIXED[bases.levels]
    regions = [
        *_lower_half(fixed),
        *_movable(fixed, bases),
        *_irq_stack(bases),
        *_top(bases),
        *_percpu(bases, symbols),
        *(_image(bases, symbols) if symbols is not None else ()),
    ]
    return Layout(f"Linux x86-64, {bases.levels}-level", tile(regions), bases.evidence)


def _lower_half(fixed: _Fixed) -> list[Region]:
    kind = RegionKind
    return [
        Region("non-canonical hole", Gva(fixed.user), fixed.kernel - fixed.user, kind.HOLE),
        Region("user", Gva(0), fixed.user, kind.USER),
        # On Xen PV, Xen itself is mapped here (xen.h: HYPERVISOR_VIRT_START).
        Region("hypervisor hole", Gva(fixed.kernel), fixed.guard, kind.HYPERVISOR),
        Region("LDT remap", Gva(fixed.kernel + fixed.guard), _ldt(fixed), kind.OTHER),
    ]


def _ldt(fixed: _Fixed) -> int:
    # One top-level entry's worth: 0.5 TB, or 0.25 PB with 5 levels.
    return TIB // 2 if fixed.user == 1 << 47 else PIB // 4


def _movable(fixed: _Fixed, bases: LinuxBases) -> list[Region]:
    """Directmap, vmalloc, vmemmap: KASLR keeps their order and moves their starts."""
    names = ("directmap", "vmalloc", "vmemmap")
    kinds = (RegionKind.DIRECTMAP, RegionKind.VMALLOC, RegionKind.VMEMMAP)
    plain = (fixed.directmap, fixed.vmalloc, fixed.vmemmap)
    said = (bases.page_offset, bases.vmalloc, bases.vmemmap)
    starts = [
        value if value is not None else base for value, (base, _) in zip(said, plain, strict=True)
    ]
    moved = any(start != base for start, (base, _) in zip(starts, plain, strict=True))
    # vaddr_end of kernel_randomize_memory() is the start of the CPU entry area.
    ends = [*starts[1:], 0xFFFF_FE00_0000_0000]
    regions = []
    if not moved:
        size = 0xFFFF_FC00_0000_0000 - fixed.kasan
        regions.append(Region("KASAN shadow", Gva(fixed.kasan), size, RegionKind.OTHER))
    for name, kind, start, end, (_, most) in zip(names, kinds, starts, ends, plain, strict=True):
        if start >= end or start < fixed.kernel or start % GIB:
            raise MachineError(
                f"{name} at {start:#x}: expected a 1 GiB multiple in the kernel's half, "
                "with directmap, vmalloc and vmemmap in this order"
            )
        physical = Gpa(0) if kind is RegionKind.DIRECTMAP else None
        regions.append(Region(name, Gva(start), min(most, end - start), kind, physical))
    return regions


def _top(bases: LinuxBases) -> list[Region]:
    """The last 4 TB, the same for both depths (fixed by mm.rst)."""
    kind = RegionKind
    room = GIB if bases.kaslr_possible else GIB // 2
    modules = KERNEL_MAP + room
    # Where phys_base is negative, the first bytes of the room map nothing.
    skip = max(-(bases.phys_base or 0), 0)
    physical = None
    if bases.phys_base is not None:
        physical = Gpa(bases.phys_base + skip)
    return [
        Region("cpu_entry_area", Gva(0xFFFF_FE00_0000_0000), TIB // 2, kind.CPU_ENTRY),
        Region("espfix stacks", Gva(0xFFFF_FF00_0000_0000), TIB // 2, kind.OTHER),
        Region("EFI runtime", Gva(0xFFFF_FFEF_0000_0000), 64 * GIB, kind.OTHER),
        Region("kernel image", Gva(KERNEL_MAP), skip, kind.IMAGE),
        Region("kernel image", Gva(KERNEL_MAP + skip), room - skip, kind.IMAGE, physical),
        Region("modules", Gva(modules), _MODULES_END - modules, kind.MODULES),
        # FIXADDR_START depends on the configuration; the fixmap is in here.
        Region("fixmap", Gva(_MODULES_END), 0xFFFF_FFFF_FF60_0000 - _MODULES_END, kind.FIXMAP),
        Region("vsyscall", Gva(0xFFFF_FFFF_FF60_0000), 0x1000, kind.OTHER),
    ]


def _percpu(bases: LinuxBases, symbols: SymbolTable | None) -> list[Region]:
    """CPU 0's static percpu variables, which are in the directmap (embedded first chunk)."""
    if bases.percpu is None or symbols is None or not symbols.percpu_size:
        return []
    plain = _FIXED[bases.levels].directmap[0]
    base = bases.page_offset if bases.page_offset is not None else plain
    physical = Gpa(bases.percpu - base) if bases.percpu >= base else None
    start = Gva(bases.percpu)
    return [Region("percpu area", start, symbols.percpu_size, RegionKind.PERCPU, physical)]


def _irq_stack(bases: LinuxBases) -> list[Region]:
    """Each CPU's hardirq stack, whose per-CPU memory is mapped again, with a guard page.

    It is the CPU's, not a task's: mapped once at boot, never moved, its frames in
    a row.  Without CONFIG_VMAP_STACK it is used by its directmap address.
    Source: map_irq_stack(), irq_stack_backing_store in
    arch/x86/kernel/irq_64.c (Linux 6.1).
    """
    stacks: list[tuple[int, int | None]] = [*bases.other_irq_stacks]
    if bases.irq_stack is not None:
        stacks.append((bases.irq_stack, bases.irq_stack_at))
    return [
        Region(
            "hardirq stack", Gva(start), IRQ_STACK, RegionKind.IRQ_STACK,
            Gpa(physical) if physical is not None else None,
        )
        for start, physical in stacks
    ]  # fmt: skip


# Names of the image's parts and the linker script's symbols around them
# (arch/x86/kernel/vmlinux.lds.S), outermost first.
_SECTIONS = (
    (".text", "_text", "_etext"),
    (".rodata", "__start_rodata", "__end_rodata"),
    (".data", "_sdata", "_edata"),
    (".init", "__init_begin", "__init_end"),
    (".bss", "__bss_start", "__bss_stop"),
    (".brk", "__brk_base", "__brk_limit"),
)


def _image(bases: LinuxBases, symbols: SymbolTable) -> list[Region]:
    regions = []
    parts = [(name, symbols.span(*ends), RegionKind.IMAGE) for name, *ends in _SECTIONS]
    stack = symbols.value("init_stack") or symbols.value("init_thread_union")
    if stack is not None:
        parts.append(("init_task's stack", (stack, stack + KERNEL_STACK), RegionKind.STACK))
    load = symbols.value("__per_cpu_load")
    if load is not None and symbols.percpu_size:
        # Until setup_per_cpu_areas() this is CPU 0's own percpu area.
        boot = (load, load + symbols.percpu_size)
        parts.append(("percpu boot area", boot, RegionKind.PERCPU))
    for name, span, kind in parts:
        if span is None:
            continue
        start = span[0] + bases.image_shift
        physical = None
        if bases.phys_base is not None:
            physical = Gpa(start - KERNEL_MAP + bases.phys_base)
        regions.append(
            Region(name, Gva(start), span[1] - span[0], kind, physical, part_of="kernel image")
        )
    return regions
