"""FreeBSD/amd64: direct map of at least 4 GiB, kernel at KERNBASE, everything else in KVA.

Source: sys/amd64/include/vmparam.h (addresses) and create_pagetables() with
bootaddr_rwx() in sys/amd64/amd64/pmap.c (page sizes and rights), FreeBSD 14.
Sections of the image have sizes of our choosing, and the places inside the
kernel map are ours too: a kernel of another configuration has others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gpa, Gva
from xenexplore.guest.kernels.layout import Area, BootMapping, Kernel, Manner, cut
from xenexplore.guest.layout.regions import Region, RegionKind
from xenexplore.guest.physical import GpaRegion, Physical
from xenexplore.guest.spec import GuestSpec

__all__ = ["FreeBsd"]

GIB = 1 << 30
DMAP = 0xFFFF_F800_0000_0000  # DMAP_MIN_ADDRESS
KVA = 0xFFFF_FE00_0000_0000  # VM_MIN_KERNEL_ADDRESS; vm_page_array comes first
KERNBASE = 0xFFFF_FFFF_8000_0000
KERNLOAD = 0x20_0000
ETEXT, RODATA_END, KERNEND = 0x120_0000, 0x180_0000, 0x240_0000
#: After the data: the boot stack of thread0 and CPU 0's dynamic per-CPU data
#: (hammer_time(), sys/amd64/amd64/machdep.c: both taken from physfree).
KSTACK0 = 0x220_0000
DPCPU0 = 0x221_0000
DPCPU_SIZE = 0x1_0000
PAGE_ARRAY_ROOM = 1 << 34
AP_PERCPU = KVA + PAGE_ARRAY_ROOM
KMEM = AP_PERCPU + GIB
STACKS = KMEM + (1 << 36)


class FreeBsd(Kernel):
    """FreeBSD 14 on amd64 as a PVH or HVM guest.

    malloc(9) takes items of up to a page from one-page slabs in the direct map
    (uma_small_alloc(), sys/amd64/amd64/uma_machdep.c) and larger ones from
    kernel virtual memory, frame by frame.  Kernel stacks are four pages of
    kernel virtual memory behind a guard page (KSTACK_PAGES,
    KSTACK_GUARD_PAGES in sys/amd64/include/param.h).  Modules go above
    KERNBASE, wired page by page (link_elf_load_file(), sys/kern/link_elf_obj.c).
    Dynamic per-CPU data (DPCPU) of the first CPU follows the image, that of the others
    comes from kernel virtual memory (sys/amd64/amd64/mp_machdep.c).
    """

    name: ClassVar[str] = "freebsd"
    title: ClassVar[str] = "FreeBSD 14 amd64"

    def __init__(self, spec: GuestSpec, physical: Physical) -> None:
        super().__init__(spec, physical)
        self.directmap = DMAP
        self.kinds: dict[str, Manner] = {
            "kmalloc": "slab",
            "stack": "stack",
            "vmalloc": "mapped",
            "percpu": "percpu",
            "static": "image",
            "module": "mapped",
            "user": "user",
            "privcmd": "user",
            "fixed": "fixed",
        }
        kmem = Area(name="kernel map", start=KMEM, end=STACKS, guard=0)
        user = Area(name="user", start=0x8_0100_0000, end=0x8_4000_0000)
        self.areas = {
            "kmalloc": kmem,
            "vmalloc": kmem,
            "stack": Area(name="kernel map", start=STACKS, end=STACKS + (1 << 34)),
            "module": Area(name="modules", start=KERNBASE + KERNEND, end=KERNBASE + GIB, guard=0),
            "user": user,
            "privcmd": user,
        }

    def boot_mappings(self) -> Iterator[BootMapping]:
        whole = self.physical.top << PAGE_SHIFT
        end = max(4 * GIB, -(-whole // GIB) * GIB)
        gibs = whole // GIB if self.spec.has_gib_pages else 0
        # With 1 GiB pages, the GiB that holds the kernel is mapped by 2 MiB pages
        # after all, and its text and rodata are read-only there too.
        protected = gibs > 0
        for start, stop, writable, executable in self._image_rights():
            yield from self._map(KERNBASE, start, stop, writable, executable, 9)
            yield from self._map(DMAP, start, stop, writable or not protected, False, 9)
        yield from self._map(DMAP, KERNEND, min(GIB, end), True, False, 9)
        if gibs > 1:
            yield from self._map(DMAP, GIB, gibs * GIB, True, False, 18)
        yield from self._map(DMAP, max(gibs, 1) * GIB, end, True, False, 9)

    @staticmethod
    def _image_rights() -> Iterator[tuple[int, int, bool, bool]]:
        """bootaddr_rwx(): start, end, writable, executable of each 2 MiB-aligned part."""
        yield 0, KERNLOAD, True, False
        yield KERNLOAD, ETEXT, False, True
        yield ETEXT, RODATA_END, False, False
        yield RODATA_END, KERNEND, True, False

    @staticmethod
    def _map(
        base: int, start: int, end: int, writable: bool, executable: bool, order: int
    ) -> Iterator[BootMapping]:
        mapping = BootMapping(
            va=base + start,
            pfn=start >> PAGE_SHIFT,
            frames=(end - start) >> PAGE_SHIFT,
            writable=writable,
            executable=executable,
        )
        yield from cut(mapping, order)

    def image_data(self) -> tuple[int, int, int]:
        return KERNBASE + RODATA_END, KERNBASE + KSTACK0, RODATA_END >> PAGE_SHIFT

    def reserved(self) -> tuple[GpaRegion, ...]:
        return (
            self.taken("low memory", 0, 1 << 20, "boot code and BIOS data; never allocated"),
            self.taken("kernel image", KERNLOAD, KERNEND, "text, rodata, data, bss, boot stack"),
        )

    def parts(self) -> list[Region]:
        kind = RegionKind
        end = max(4 * GIB, -(-(self.physical.top << PAGE_SHIFT) // GIB) * GIB)
        return [
            Region("user space", Gva(0), 1 << 47, kind.USER),
            Region("recursive page table", Gva(0xFFFF_8000 << 32), 1 << 39, kind.OTHER),
            Region("directmap without RAM", Gva(DMAP), end, kind.DIRECTMAP, Gpa(0)),
            *self.directmap_parts(DMAP, "directmap", kind.DIRECTMAP),
            Region("kernel map", Gva(KVA), (1 << 64) - KVA, kind.VMALLOC),
            Region("vm_page_array", Gva(KVA), PAGE_ARRAY_ROOM, kind.VMEMMAP),
            Region("percpu", Gva(AP_PERCPU), GIB, kind.PERCPU),
            Region("stacks", Gva(STACKS), 1 << 34, kind.STACK),
            Region("kernel image", Gva(KERNBASE), KERNEND, kind.IMAGE, Gpa(0)),
            Region("image data", Gva(KERNBASE + RODATA_END), KERNEND - RODATA_END, kind.IMAGE,
                   Gpa(RODATA_END)),
            Region("stack of thread0", Gva(KERNBASE + KSTACK0), 4 * PAGE_SIZE, kind.STACK,
                   Gpa(KSTACK0)),
            Region("percpu of CPU 0", Gva(KERNBASE + DPCPU0), DPCPU_SIZE, kind.PERCPU,
                   Gpa(DPCPU0)),
            Region("modules", Gva(KERNBASE + KERNEND), GIB - KERNEND, kind.MODULES),
        ]  # fmt: skip

    def percpu_base(self, vcpu: int) -> int:
        return KERNBASE + DPCPU0 if vcpu == 0 else AP_PERCPU + vcpu * 2 * DPCPU_SIZE

    def percpu_areas(self, vcpu: int) -> tuple[Area, ...]:
        base = self.percpu_base(vcpu)
        return (Area(name="percpu", start=base, end=base + DPCPU_SIZE),)

    def boot_stack(self, vcpu: int) -> int | None:
        return KERNBASE + KSTACK0 if vcpu == 0 else None
