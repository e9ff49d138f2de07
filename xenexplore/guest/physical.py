"""A guest's physical address space: where its RAM is, and what the holes are."""

from __future__ import annotations

from dataclasses import dataclass

from xenexplore.addr import PAGE_SHIFT, Gpa, Range
from xenexplore.guest.spec import GuestSpec

__all__ = ["GpaRegion", "Physical"]

#: HVM_BELOW_4G_RAM_END, xen/include/public/hvm/e820.h (Xen 4.17).
LOW_RAM_END = 0xF000_0000
FOUR_GIB = 1 << 32
#: The VGA window: emulated, not RAM, in a guest with a device model.
VGA = (0xA_0000, 0xC_0000)
#: X86_HVM_NR_SPECIAL_PAGES and X86_HVM_END_SPECIAL_REGION, tools/include/xenguest.h.
SPECIAL = ((0xF_F000 - 8) << PAGE_SHIFT, 0xF_F000 << PAGE_SHIFT)
#: Pages whose registers Xen emulates itself: hvm_mmio_internal(), xen/arch/x86/hvm/intercept.c.
LOCAL_APIC = 0xFEE0_0000
IO_APIC = 0xFEC0_0000
HPET = 0xFED0_0000


@dataclass(frozen=True, slots=True, kw_only=True)
class GpaRegion:
    """A named part of the guest-physical address space.

    Attributes:
        name: short and unique.
        range: its bytes.  A PV guest has no guest-physical space of its own;
            there the region is in its private pseudo-physical numbering.
        kind: ``"ram"``, ``"special"`` (RAM that Xen or a backend shares with
            the guest), ``"mmio"`` or ``"hole"``; ``"kernel"`` for parts of RAM that
            the kernel took at boot, listed after the RAM that contains them.
        what: one sentence.
    """

    name: str
    range: Range[Gpa]
    kind: str
    what: str


def _region(name: str, start: int, end: int, kind: str, what: str) -> GpaRegion:
    return GpaRegion(name=name, range=Range(Gpa(start), end - start), kind=kind, what=what)


class Physical:
    """RAM and holes of a guest, from its spec.

    HVM and PVH: RAM from 0 up to 3.75 GiB, the rest from 4 GiB on.  HVM
    (with a device model) has the VGA window below 1 MiB.  PV: pseudo-physical
    frames 0 to N without holes.

    Attributes:
        ram: (first, past-the-end) frame numbers of each run of RAM, ascending.
            PV: PFNs.
        frames: number of RAM frames.
        top: first frame past the highest RAM.
        regions: named regions, in order of address.
        internal_mmio: pages that Xen emulates itself.
    """

    __slots__ = ("frames", "internal_mmio", "ram", "regions", "top")

    def __init__(self, spec: GuestSpec) -> None:
        runs, holes = _lay_out(spec)
        self.ram = tuple((start >> PAGE_SHIFT, end >> PAGE_SHIFT) for start, end in runs)
        self.frames = sum(end - start for start, end in self.ram)
        self.top = self.ram[-1][1]
        ram = [
            _region(f"RAM {number}" if number else "RAM", start, end, "ram", "memory of the guest")
            for number, (start, end) in enumerate(runs)
        ]
        self.regions = tuple(sorted([*ram, *holes], key=lambda region: region.range.start))
        internal = {"pvh": (LOCAL_APIC,), "hvm": (LOCAL_APIC, IO_APIC, HPET), "pv": ()}[spec.type]
        self.internal_mmio = tuple(Range(Gpa(page), 1 << PAGE_SHIFT) for page in internal)

    def is_ram(self, pfn: int) -> bool:
        """Whether a frame is RAM."""
        return any(start <= pfn < end for start, end in self.ram)


def _lay_out(spec: GuestSpec) -> tuple[list[tuple[int, int]], list[GpaRegion]]:
    if spec.type == "pv":
        return [(0, spec.memory)], []
    low = min(spec.memory, LOW_RAM_END)
    runs = [(0, low)]
    holes = [
        _region("PCI", LOW_RAM_END, IO_APIC, "hole", "left for PCI devices"),
        _region("APICs", IO_APIC, SPECIAL[0], "mmio", "I/O APIC, HPET, local APIC"),
        _region("special pages", *SPECIAL, "special", "xenstore, console and ioreq pages"),
        _region("firmware", SPECIAL[1], FOUR_GIB, "hole", "where a PC has its flash"),
    ]
    if spec.type == "hvm":
        runs = [(0, VGA[0]), (VGA[1], low)]
        holes.append(_region("VGA", *VGA, "mmio", "VGA window, emulated by the device model"))
    if low < LOW_RAM_END:
        holes.append(_region("unused", low, LOW_RAM_END, "hole", "no RAM"))
    if spec.memory > low:
        runs.append((FOUR_GIB, FOUR_GIB + spec.memory - low))
    return runs, holes
