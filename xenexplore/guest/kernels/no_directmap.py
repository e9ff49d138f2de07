"""A kernel that never maps all of RAM: every kind of memory has its own area and frames.

After 64-bit Windows before address randomisation: Windows Internals, 6th ed., part 2,
chapter 10, "x64 virtual address space layouts" (system PTEs, paged and
nonpaged pool, initial loader mappings), whose areas these are.  It is a model
of such a kernel, not of one build: sizes inside the areas are ours.

So a PV driver for Windows sees memory.  Known, from Microsoft's documentation of drivers:
nonpaged pool is resident and contiguous in addresses only; a kernel stack is resident while
its thread runs; MmGetPhysicalAddress() translates one address at a time, and there is no
__pa(); MmAllocateContiguousMemory() gives frames in a row.  Not known here: which of these
the Windows PV drivers pass to Xen, call by call (no Windows guest was recorded), and where
the areas lie in builds that randomise them (Windows 10 1607 and later).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from xenexplore.addr import PAGE_SHIFT, Gpa, Gva
from xenexplore.guest.kernels.layout import Area, BootMapping, Kernel, Manner, cut
from xenexplore.guest.layout.regions import Region, RegionKind
from xenexplore.guest.physical import GpaRegion, Physical
from xenexplore.guest.spec import GuestSpec

__all__ = ["NoDirectmap"]

LOADER = 0xFFFF_F800_0000_0000
SYSTEM_PTES = 0xFFFF_F880_0000_0000
PAGED_POOL = 0xFFFF_F8A0_0000_0000
NONPAGED_POOL = 0xFFFF_FA80_0000_0000
NONPAGED_END = 0xFFFF_FFFF_FFC0_0000
IMAGE_VA = LOADER + 0x0280_0000
IMAGE = (0x200_0000, 0x2A0_0000)
TEXT_END = 0x260_0000
STACKS = SYSTEM_PTES + (1 << 30)
DRIVERS = SYSTEM_PTES + (2 << 30)
PROCESSOR_BLOCKS = SYSTEM_PTES + (3 << 30)
PROCESSOR_BLOCK = 0x1_0000


class NoDirectmap(Kernel):
    """A kernel with no directmap: no linear range has all, or even much, of RAM behind it.

    kmalloc stands for the nonpaged pool, vmalloc for system PTEs, percpu for the
    block of a processor (KPCR), module for a driver's data, privcmd for
    locked pages that a driver maps into a process.  Kernel stacks are six pages.
    """

    name: ClassVar[str] = "no-directmap"
    la57: ClassVar[bool] = True
    title: ClassVar[str] = "a kernel with no directmap, after 64-bit Windows"
    stack_pages: ClassVar[int] = 6

    def __init__(self, spec: GuestSpec, physical: Physical) -> None:
        super().__init__(spec, physical)
        self.kinds: dict[str, Manner] = {
            "kmalloc": "mapped",
            "stack": "stack",
            "vmalloc": "mapped",
            "percpu": "percpu",
            "static": "image",
            "module": "mapped",
            "user": "user",
            "privcmd": "user",
            "fixed": "fixed",
        }
        user = Area(name="user", start=0x1_8000_0000, end=0x2_8000_0000)
        self.areas = {
            "kmalloc": Area(
                name="nonpaged pool", start=NONPAGED_POOL + (1 << 32), end=NONPAGED_END, guard=0
            ),
            "vmalloc": Area(name="system PTEs", start=SYSTEM_PTES, end=STACKS),
            "stack": Area(name="system PTEs", start=STACKS, end=DRIVERS),
            "module": Area(name="system PTEs", start=DRIVERS, end=PROCESSOR_BLOCKS),
            "user": user,
            "privcmd": user,
        }

    def boot_mappings(self) -> Iterator[BootMapping]:
        for start, end, writable, executable in (
            (IMAGE[0], TEXT_END, False, True),
            (TEXT_END, IMAGE[1], True, False),
        ):
            mapping = BootMapping(
                va=IMAGE_VA + start - IMAGE[0],
                pfn=start >> PAGE_SHIFT,
                frames=(end - start) >> PAGE_SHIFT,
                writable=writable,
                executable=executable,
            )
            yield from cut(mapping, 9)

    def image_data(self) -> tuple[int, int, int]:
        data = IMAGE_VA + TEXT_END - IMAGE[0]
        return data, IMAGE_VA + IMAGE[1] - IMAGE[0], TEXT_END >> PAGE_SHIFT

    def reserved(self) -> tuple[GpaRegion, ...]:
        return (
            self.taken("low memory", 0, 1 << 20, "boot code and BIOS data; never allocated"),
            self.taken("kernel image", *IMAGE, "text and data"),
        )

    def parts(self) -> list[Region]:
        kind = RegionKind
        data = TEXT_END - IMAGE[0]
        return [
            Region("user space", Gva(0), 1 << (56 if self.spec.la57 else 47), kind.USER),
            Region("loader mappings", Gva(LOADER), 1 << 39, kind.OTHER),
            Region("kernel image", Gva(IMAGE_VA), IMAGE[1] - IMAGE[0], kind.IMAGE, Gpa(IMAGE[0])),
            Region("image data", Gva(IMAGE_VA + data), IMAGE[1] - TEXT_END, kind.IMAGE,
                   Gpa(TEXT_END)),
            Region("system PTEs", Gva(SYSTEM_PTES), PAGED_POOL - SYSTEM_PTES, kind.VMALLOC),
            Region("stacks", Gva(STACKS), DRIVERS - STACKS, kind.STACK),
            Region("drivers", Gva(DRIVERS), PROCESSOR_BLOCKS - DRIVERS, kind.MODULES),
            Region("processor blocks", Gva(PROCESSOR_BLOCKS), 1 << 30, kind.PERCPU),
            Region("nonpaged pool", Gva(NONPAGED_POOL), NONPAGED_END - NONPAGED_POOL,
                   kind.VMALLOC),
        ]  # fmt: skip

    def percpu_base(self, vcpu: int) -> int:
        return PROCESSOR_BLOCKS + vcpu * 2 * PROCESSOR_BLOCK

    def percpu_areas(self, vcpu: int) -> tuple[Area, ...]:
        base = self.percpu_base(vcpu)
        return (Area(name="system PTEs", start=base, end=base + PROCESSOR_BLOCK),)
