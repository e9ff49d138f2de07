"""A unikernel: one address space, linear address equal to guest-physical address.

The first GiB is Mini-OS's (arch/x86/x86_hvm.S: 4 KiB pages for the first
2 MiB, 2 MiB pages after; everything writable and executable, no NX, CR0.WP as
the boot protocol left it: clear).  Beyond the first GiB Mini-OS maps what it
needs later; here it is 1 GiB pages where RAM and the CPU allow, else 2 MiB (ours).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from xenexplore.addr import PAGE_SHIFT, Gpa, Gva
from xenexplore.guest.kernels.layout import Area, BootMapping, Kernel, Manner, cut
from xenexplore.guest.layout.regions import Region, RegionKind
from xenexplore.guest.physical import GpaRegion, Physical
from xenexplore.guest.spec import GuestSpec

__all__ = ["Unikernel"]

MIB2 = 1 << 21
GIB = 1 << 30
IMAGE = (0x10_0000, 0x80_0000)
DATA = (0x40_0000, 0x70_0000)
STACKS = (0x70_0000, 0x80_0000)
#: VIRT_DEMAND_AREA, where Mini-OS maps frames that are not its own RAM
#: (include/x86/arch_mm.h).
DEMAND_AREA = 0x1000_0000_0000


class Unikernel(Kernel):
    """Mini-OS as a PVH or HVM guest: kernel and application in one identity-mapped space.

    A read-only mapping does not stop a write here: CR0.WP is clear, and
    everything runs at ring 0.
    """

    name: ClassVar[str] = "unikernel"
    title: ClassVar[str] = "a unikernel after Mini-OS, identity-mapped"
    processes: ClassVar[bool] = False
    wp: ClassVar[bool] = False
    smep_smap: ClassVar[bool] = False
    nx: ClassVar[bool] = False

    def __init__(self, spec: GuestSpec, physical: Physical) -> None:
        super().__init__(spec, physical)
        self.directmap = 0
        self.kinds: dict[str, Manner] = {
            "kmalloc": "linear",
            "stack": "stack",
            "static": "image",
            "fixed": "fixed",
        }
        self.absent = {
            "vmalloc": "its heap is identity-mapped",
            "percpu": "it has no per-CPU variables",
            "module": "it loads no modules",
            "user": "it has no processes",
            "privcmd": "it has no processes",
        }
        self.areas: dict[str, Area] = {}

    def boot_mappings(self) -> Iterator[BootMapping]:
        for start, end in self.physical.ram:
            low, high = start << PAGE_SHIFT, end << PAGE_SHIFT
            parts = (
                (0, MIB2, 0),
                (MIB2, GIB, 9),
                (GIB, 1 << 52, self.largest),
            )
            for first, last, order in parts:
                if max(first, low) < min(last, high):
                    yield from self._map(max(first, low), min(last, high), order)

    @staticmethod
    def _map(start: int, end: int, order: int) -> Iterator[BootMapping]:
        mapping = BootMapping(
            va=start,
            pfn=start >> PAGE_SHIFT,
            frames=(end - start) >> PAGE_SHIFT,
            executable=True,
            global_=False,
        )
        yield from cut(mapping, order)

    def image_data(self) -> tuple[int, int, int]:
        return DATA[0], DATA[1], DATA[0] >> PAGE_SHIFT

    def reserved(self) -> tuple[GpaRegion, ...]:
        return (
            self.taken("low memory", 0, 1 << 20, "boot code and BIOS data; never allocated"),
            self.taken("image", *IMAGE, "text, data, bss and boot stacks"),
        )

    def parts(self) -> list[Region]:
        kind = RegionKind
        return [
            *self.directmap_parts(0, "identity", kind.IDENTITY),
            Region("kernel image", Gva(IMAGE[0]), IMAGE[1] - IMAGE[0], kind.IMAGE, Gpa(IMAGE[0])),
            Region("image data", Gva(DATA[0]), DATA[1] - DATA[0], kind.IMAGE, Gpa(DATA[0])),
            Region("boot stacks", Gva(STACKS[0]), STACKS[1] - STACKS[0], kind.STACK,
                   Gpa(STACKS[0])),
            Region("demand area", Gva(DEMAND_AREA), 1 << 39, kind.VMALLOC),
        ]  # fmt: skip

    def boot_stack(self, vcpu: int) -> int | None:
        stack = STACKS[0] + vcpu * (self.stack_pages << PAGE_SHIFT)
        return stack if stack < STACKS[1] else None
