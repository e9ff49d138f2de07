"""Linux x86-64: directmap, kernel image, per-CPU first chunk, vmalloc, modules, processes.

The layout is that of a kernel without KASLR: Documentation/arch/x86/x86_64/mm.rst.
Which page sizes and permissions it uses was read off a running Debian 6.1.192
kernel (``info tlb`` of an emulated machine) and is compared with that by a
test.  Sections have the sizes that this kernel's /proc/kallsyms gives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gpa, Gva
from xenexplore.guest.kernels.layout import Area, BootMapping, Kernel, Manner, cut
from xenexplore.guest.layout.linux_layout import IRQ_STACK, LinuxBases, linux_layout
from xenexplore.guest.layout.regions import Region, RegionKind
from xenexplore.guest.physical import GpaRegion, Physical
from xenexplore.guest.spec import GuestSpec

__all__ = ["Linux"]

KERNEL_MAP = 0xFFFF_FFFF_8000_0000  # __START_KERNEL_map
#: MODULES_VADDR with CONFIG_RANDOMIZE_BASE (KERNEL_IMAGE_SIZE is then 1 GiB):
#: arch/x86/include/asm/page_64_types.h.  mm.rst shows the other value.
MODULES = 0xFFFF_FFFF_C000_0000
MODULES_END = 0xFFFF_FFFF_FF00_0000
MIB2 = 1 << 21
BASES = {  # la57 → directmap, vmalloc, end of vmalloc, vmemmap
    False: (0xFFFF_8880_0000_0000, 0xFFFF_C900_0000_0000, 0xFFFF_E900_0000_0000, 0xFFFF_EA00 << 32),
    True: (0xFF11 << 48, 0xFFA0 << 48, 0xFFD2 << 48, 0xFFD4 << 48),
}
#: Sections of the image: name, physical start and end.  The hole after text and
#: the one after rodata are freed; the pages stay mapped, writable and NX.
SECTIONS = (
    (".text", 0x100_0000, 0x1E0_2000),
    (".rodata", 0x200_0000, 0x28E_B000),
    (".data", 0x2A0_0000, 0x2C4_9000),
    (".init", 0x304_4000, 0x330_6000),
    (".bss", 0x331_0000, 0x440_0000),
    (".brk", 0x440_0000, 0x443_0000),
)
IMAGE = (0x100_0000, 0x460_0000)
#: The image as mapped after mark_rodata_ro() and free_initmem(): physical start,
#: end, writable, executable, order of its pages.  2 MiB pages are split where
#: rights change inside them, and where .init was freed.
IMAGE_PAGES = (
    (0x100_0000, 0x1E0_0000, False, True, 9),
    (0x1E0_0000, 0x1E0_2000, False, True, 0),
    (0x1E0_2000, 0x200_0000, True, False, 0),
    (0x200_0000, 0x280_0000, False, False, 9),
    (0x280_0000, 0x28E_B000, False, False, 0),
    (0x28E_B000, 0x2A0_0000, True, False, 0),
    (0x2A0_0000, 0x300_0000, True, False, 9),
    (0x300_0000, 0x331_3000, True, False, 0),
    (0x331_3000, 0x331_4000, False, False, 0),  # idt_table
    (0x331_4000, 0x340_0000, True, False, 0),
    (0x340_0000, 0x420_0000, True, False, 9),
    (0x420_0000, 0x440_0000, True, False, 0),
    (0x440_0000, 0x460_0000, True, False, 9),
)
INIT_STACK = 0x2A0_0000  # init_thread_union, THREAD_SIZE = 16 KiB
INIT_TOP_PGT = 0x2A1_0000
#: Static per-CPU data, PERCPU_MODULE_RESERVE, PERCPU_DYNAMIC_RESERVE.
PERCPU_STATIC, PERCPU_RESERVED, PERCPU_DYNAMIC = 0x3_5000, 0x2000, 0x7000
PERCPU_VCPU_INFO = 0x3_13C0  # xen_vcpu_info's offset in the per-CPU area
STRUCT_PAGE = 64
#: Kinds of region that this kernel says itself, instead of the general layout.
_OWN = frozenset({RegionKind.HOLE, RegionKind.DIRECTMAP, RegionKind.IMAGE, RegionKind.VMEMMAP})


class Linux(Kernel):
    """Linux 6.1 on x86-64, without KASLR.

    With page-table isolation (``GuestSpec.pti``) a process' top-level table is the
    first of two pages, and in user mode CR3 names the second (SWITCH_TO_USER_CR3 and
    SWITCH_TO_KERNEL_CR3, arch/x86/entry/calling.h, set bit 12, PTI_USER_PGTABLE_BIT).
    It has the user half and, of the kernel's, cpu_entry_area, entry text and ESPFIX
    (pti_clone_user_shared(), pti_clone_entry_text(), pti_setup_espfix64(),
    arch/x86/mm/pti.c), of which the model maps none: no directmap, so no per-CPU data.

    Per-CPU variables live in the first chunk, which setup_per_cpu_areas() embeds in
    the directmap, one 2 MiB group for as many CPUs as fit
    (arch/x86/kernel/setup_percpu.c; pcpu_embed_first_chunk() in mm/percpu.c);
    when its free part is used up, in a second one at the top of the vmalloc area
    (pcpu_get_vm_areas()).  Kernel stacks are four pages from the vmalloc area,
    aligned to 16 KiB, with a guard page (CONFIG_VMAP_STACK,
    alloc_thread_stack_node() in kernel/fork.c); vmalloc() promises nothing about
    their frames, and here no two are neighbours.
    """

    name: ClassVar[str] = "linux"
    pv: ClassVar[bool] = True
    la57: ClassVar[bool] = True
    pti: ClassVar[bool] = True
    title: ClassVar[str] = "Linux 6.1 x86-64, no KASLR"

    def __init__(self, spec: GuestSpec, physical: Physical) -> None:
        super().__init__(spec, physical)
        self._directmap, self._vmalloc, self._vmalloc_end, self._vmemmap = BASES[spec.la57]
        self.directmap = self._directmap
        self.kinds: dict[str, Manner] = {
            "kmalloc": "linear",
            "stack": "stack",
            "vmalloc": "mapped",
            "percpu": "percpu",
            "static": "image",
            "module": "mapped",
            "user": "user",
            "privcmd": "user",
            "fixed": "fixed",
        }
        user = Area(name="user", start=0x7FFF_F000_0000, end=0x7FFF_F700_0000)
        self.areas = {
            "vmalloc": Area(
                name="vmalloc", start=self._vmalloc + (64 << 20), end=self._vmalloc + (1 << 40)
            ),
            "stack": Area(
                name="vmalloc",
                # The first slots are the CPUs' hardirq stacks, each with a guard page
                # (map_irq_stack(), arch/x86/kernel/irq_64.c); the model maps none there.
                start=self._vmalloc + spec.vcpus * (IRQ_STACK + PAGE_SIZE),
                end=self._vmalloc + (64 << 20),
                align=1 << 14,
            ),
            "module": Area(name="modules", start=MODULES, end=MODULES_END),
            "user": user,
            "privcmd": user,
        }
        self._lay_out_ram()

    def _lay_out_ram(self) -> None:
        """Take vmemmap and per-CPU groups from the top of RAM, as memblock does."""
        needed = PERCPU_STATIC + PERCPU_RESERVED + PERCPU_DYNAMIC
        per_group = MIB2
        while per_group // 2 >= needed and MIB2 // per_group < self.spec.vcpus:
            per_group //= 2
        self.percpu_unit = per_group
        groups = -(-self.spec.vcpus * self.percpu_unit // MIB2)
        top = self.physical.top << PAGE_SHIFT
        pages = sum((end - start) * STRUCT_PAGE for start, end in self.physical.ram)
        self._vmemmap_size = 0 if self.spec.type == "pv" else -(-pages // MIB2) * MIB2
        self._vmemmap_at = top - self._vmemmap_size
        self._percpu_at = self._vmemmap_at - groups * MIB2
        self._percpu_end = self._percpu_at + groups * MIB2

    def boot_mappings(self) -> Iterator[BootMapping]:
        for va, start, end, writable, executable, order in self._pages():
            mapping = BootMapping(
                va=va,
                pfn=start >> PAGE_SHIFT,
                frames=(end - start) >> PAGE_SHIFT,
                writable=writable,
                executable=executable,
            )
            # A PV guest's page tables hold 4 KiB pages only.
            yield from cut(mapping, 0 if self.spec.type == "pv" else order)

    def _pages(self) -> Iterator[tuple[int, int, int, bool, bool, int]]:
        base = self._directmap
        for start, end in self.physical.ram:
            yield from self._directmap_pages(base, start << PAGE_SHIFT, end << PAGE_SHIFT)
        for start, end, writable, executable, order in IMAGE_PAGES:
            yield KERNEL_MAP + start, start, end, writable, executable, order
        if self._vmemmap_size:
            start = self._vmemmap_at
            yield self._vmemmap, start, start + self._vmemmap_size, True, False, 9

    def _directmap_pages(
        self, base: int, start: int, end: int
    ) -> Iterator[tuple[int, int, int, bool, bool, int]]:
        """The directmap of one run of RAM.

        The first 2 MiB hold the ISA hole and are mapped by 4 KiB pages, so the
        first GiB never gets a 1 GiB page.  The image's alias is read-only where
        the image is, NX throughout, and split only where rights change.
        Source: init_mem_mapping(), split_mem_range() and adjust_range_page_size_mask()
        in arch/x86/mm/init.c; mark_rodata_ro() in arch/x86/mm/init_64.c.
        """
        if start < IMAGE[0] < end:
            # The first MiB is mapped whole, the VGA window in it or not.
            yield base, 0, MIB2, True, False, 0
            yield base + MIB2, MIB2, IMAGE[0], True, False, 9
            for low, high, writable, _, _ in IMAGE_PAGES:
                yield base + low, low, high, writable, False, 9
            start = IMAGE[1]
        if IMAGE[1] <= start < end:
            yield base + start, start, end, True, False, self.largest

    def image_data(self) -> tuple[int, int, int]:
        """.bss from where 2 MiB pages begin: no stack or table is there."""
        return KERNEL_MAP + 0x340_0000, KERNEL_MAP + 0x420_0000, 0x3400

    def reserved(self) -> tuple[GpaRegion, ...]:
        found = [
            self.taken("low memory", 0, 1 << 20, "real-mode code, BIOS data; never allocated"),
            self.taken("kernel image", *IMAGE, "text, rodata, data, bss, brk"),
            self.taken("percpu", self._percpu_at, self._percpu_end, "per-CPU first chunk"),
        ]
        if self._vmemmap_size:
            end = self._vmemmap_at + self._vmemmap_size
            found.append(self.taken("vmemmap", self._vmemmap_at, end, "struct page of each frame"))
        return tuple(found)

    def parts(self) -> list[Region]:
        kind, base = RegionKind, self._directmap
        known = linux_layout(LinuxBases(levels=5 if self.spec.la57 else 4, phys_base=0))
        found = [region for region in known.regions if region.kind not in _OWN]
        found += self.directmap_parts(base, "directmap", kind.DIRECTMAP)
        found += [
            Region("kernel image", Gva(KERNEL_MAP + IMAGE[0]), IMAGE[1] - IMAGE[0], kind.IMAGE,
                   Gpa(IMAGE[0])),
            Region("image data", Gva(KERNEL_MAP + SECTIONS[2][1]), IMAGE[1] - SECTIONS[2][1],
                   kind.IMAGE, Gpa(SECTIONS[2][1])),
            Region("percpu", Gva(base + self._percpu_at), self._percpu_end - self._percpu_at,
                   kind.PERCPU, Gpa(self._percpu_at)),
            Region("init stack", Gva(KERNEL_MAP + INIT_STACK), 1 << 14, kind.STACK,
                   Gpa(INIT_STACK)),
        ]  # fmt: skip
        if self._vmemmap_size:
            found.append(
                Region("vmemmap", Gva(self._vmemmap), self._vmemmap_size, kind.VMEMMAP,
                       Gpa(self._vmemmap_at))
            )  # fmt: skip
        return found

    def percpu_base(self, vcpu: int) -> int:
        return self._directmap + self._percpu_at + vcpu * self.percpu_unit

    def percpu_areas(self, vcpu: int) -> tuple[Area, ...]:
        base = self.percpu_base(vcpu)
        # pcpu_get_vm_areas() takes the highest unit-aligned place below the area's end.
        group = max(MIB2, self.spec.vcpus * self.percpu_unit)
        second = self._vmalloc_end - MIB2 - group + vcpu * self.percpu_unit
        first_end = base + PERCPU_STATIC + PERCPU_RESERVED + PERCPU_DYNAMIC
        return (
            Area(name="percpu", start=base + PERCPU_VCPU_INFO, end=first_end),
            Area(name="vmalloc", start=second, end=second + self.percpu_unit),
        )

    def boot_stack(self, vcpu: int) -> int | None:
        return KERNEL_MAP + INIT_STACK if vcpu == 0 else None

    def root_pfn(self) -> int:
        return INIT_TOP_PGT >> PAGE_SHIFT
