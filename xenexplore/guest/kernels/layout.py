"""Parts of a kernel's address space: boot mappings, areas, kinds of place."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, TypeAlias

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gpa, Gva, Range
from xenexplore.guest.kernel_names import KernelFacts, enter_kernel
from xenexplore.guest.layout.regions import Layout, Region, RegionKind, tile
from xenexplore.guest.physical import GpaRegion, Physical
from xenexplore.guest.spec import GuestSpec

__all__ = ["Area", "BootMapping", "Kernel", "Manner", "cut", "kernel_for"]

#: How a kind of buffer finds its address and its frames.
#:
#: ``linear``  consecutive frames, at their directmap (or identity) address
#: ``mapped``  frames one by one, mapped into an area, a guard page behind them
#: ``image``   static data at a fixed place of the kernel image
#: ``stack``   somewhere in the stack of the task that runs on a vCPU
#: ``percpu``  at an offset from the vCPU's per-CPU base
#: ``slab``    ``linear`` inside one page, ``mapped`` when larger
#: ``user``    frames one by one, mapped into one process
#: ``fixed``   where the caller says
Manner: TypeAlias = Literal["linear", "mapped", "image", "stack", "percpu", "slab", "user", "fixed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BootMapping:
    """Pages of one size that a kernel maps permanently at boot.

    Attributes:
        va: first linear address, as an int.
        pfn: first frame, in the guest's own numbering (PV: PFN).
        frames: 4 KiB frames in all, a multiple of ``2**order``.
        order: log2 of the frames that each page holds: 0, 9 or 18.
        writable: R/W.
        executable: not NX.
        global_: G.
    """

    va: int
    pfn: int
    frames: int
    order: int = 0
    writable: bool = True
    executable: bool = False
    global_: bool = True


def cut(mapping: BootMapping, largest: int) -> Iterator[BootMapping]:
    """Split a mapping into runs of the largest pages that alignment and size allow."""
    va, pfn, left = mapping.va, mapping.pfn, mapping.frames
    while left:
        order = next(
            o
            for o in (18, 9, 0)
            if o <= largest and left >> o and not (pfn | va >> PAGE_SHIFT) & (1 << o) - 1
        )
        # A run of this size ends where a larger page could begin.
        bigger = {0: 9, 9: 18, 18: 18}[order]
        frames = left >> order << order
        if order < bigger <= largest:
            to_next = -pfn % (1 << bigger)
            if to_next and to_next + (1 << bigger) <= left:
                frames = min(frames, to_next)
        yield replace(mapping, va=va, pfn=pfn, frames=frames, order=order)
        va, pfn, left = va + (frames << PAGE_SHIFT), pfn + frames, left - frames


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Linear addresses from which mapped buffers are taken, upwards.

    Attributes:
        name: the region's name.
        start: first address, as an int.
        end: first address past it.
        align: alignment of each mapping, in bytes.
        guard: unmapped pages behind each mapping.
    """

    name: str
    start: int
    end: int
    align: int = PAGE_SIZE
    guard: int = 1


_KERNELS: dict[str, type[Kernel]] = {}


def kernel_for(spec: GuestSpec, physical: Physical) -> Kernel:
    """The kernel that a spec names, laid out over its RAM."""
    return _KERNELS[spec.kernel](spec, physical)


class Kernel(ABC):
    """A kernel's layout of an address space.  Frozen once built; a Domain acts on it.

    Class attributes:
        name: as a scenario spells it.
        title: what it stands for, in a sentence.
        processes: whether it has processes with page tables of their own.
        stack_pages: pages of a kernel stack.
        pv: whether it has a layout as a PV guest.
        la57: whether it has a layout with five-level paging.
        pti: whether it can keep user and kernel page tables apart.

    Attributes:
        spec: the guest's spec.
        physical: where its RAM is.
        kinds: kind of buffer → manner, for the kinds that this kernel has.
        absent: kind of buffer → why this kernel has none.
        areas: area by kind of buffer (``mapped``, ``stack``, ``user`` manners).
        directmap: linear address of frame 0 in the directmap, or None.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    processes: ClassVar[bool] = True
    stack_pages: ClassVar[int] = 4
    pv: ClassVar[bool] = False
    la57: ClassVar[bool] = False
    pti: ClassVar[bool] = False
    wp: ClassVar[bool] = True
    smep_smap: ClassVar[bool] = True
    nx: ClassVar[bool] = True

    kinds: Mapping[str, Manner]
    absent: Mapping[str, str]
    areas: Mapping[str, Area]
    directmap: int | None

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        owner = f"{cls.__module__}.{cls.__name__}"
        enter_kernel(cls.name, KernelFacts(cls.pv, cls.la57, cls.pti, owner))
        _KERNELS[cls.name] = cls

    def __init__(self, spec: GuestSpec, physical: Physical) -> None:
        self.spec = spec
        self.physical = physical
        self.directmap = None
        self.absent = {}

    @property
    def largest(self) -> int:
        """Order of the largest page that the kernel's directmap uses."""
        return 18 if self.spec.has_gib_pages else 9

    @abstractmethod
    def boot_mappings(self) -> Iterator[BootMapping]:
        """Mappings of the kernel half of the page tables before any buffer is placed."""

    @abstractmethod
    def image_data(self) -> tuple[int, int, int]:
        """Static data of the image: first address, past-the-end address, first frame."""

    @abstractmethod
    def reserved(self) -> tuple[GpaRegion, ...]:
        """Parts of RAM that the kernel uses from boot on."""

    @abstractmethod
    def parts(self) -> list[Region]:
        """The linear address space by name; later parts are cut out of earlier ones.

        ``directmap`` parts (``identity``, where that is what it is) hold RAM only.
        """

    def layout(self) -> Layout:
        """The whole linear address space, tiled."""
        parts = self.parts()
        if self.spec.type == "pv":
            # Machine frames scatter: no region is one linear mapping of memory.
            parts = [replace(part, physical=None) for part in parts]
        return Layout(self.title, tile(parts))

    def directmap_parts(self, base: int, name: str, kind: RegionKind) -> list[Region]:
        """One region for each run of RAM that is mapped linearly from ``base``."""
        return [
            Region(
                name,
                Gva(base + (start << PAGE_SHIFT)),
                end - start << PAGE_SHIFT,
                kind,
                Gpa(start << PAGE_SHIFT),
            )
            for start, end in self.physical.ram
        ]

    def percpu_base(self, vcpu: int) -> int:
        """Linear address of a vCPU's per-CPU area; 0 if the kernel has none."""
        del vcpu
        return 0

    def percpu_areas(self, vcpu: int) -> tuple[Area, ...]:
        """Areas for per-CPU variables of a vCPU, in order of preference."""
        del vcpu
        return ()

    def boot_stack(self, vcpu: int) -> int | None:
        """Lowest address of a vCPU's first stack where that is part of the image."""
        del vcpu
        return None

    def root_pfn(self) -> int | None:
        """Frame of the kernel's own top-level table, if it is in the image."""
        return None

    def directmap_va(self, pfn: int) -> int | None:
        """Directmap address of a frame, or None where the directmap does not reach."""
        if self.directmap is None or not self.physical.is_ram(pfn):
            return None
        return self.directmap + (pfn << PAGE_SHIFT)

    def taken(self, name: str, start: int, end: int, what: str) -> GpaRegion:
        """A part of RAM, by byte addresses, that the kernel uses from boot on."""
        return GpaRegion(name=name, range=Range(Gpa(start), end - start), kind="kernel", what=what)
