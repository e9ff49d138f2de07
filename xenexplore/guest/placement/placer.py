"""Placement of a buffer: address and frames, by its kind.

Nothing is mapped or written here: a :class:`Placement` says what is to be done and
:class:`~xenexplore.guest.domain.Domain` does it.
"""

from __future__ import annotations

from collections.abc import Callable

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, Gva
from xenexplore.errors import MachineError
from xenexplore.guest.kernels import Area, Kernel
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.guest.placement.address_allocator import AddressAllocator, inside
from xenexplore.guest.placement.buffers import KINDS
from xenexplore.guest.placement.frame_allocator import FrameAllocator
from xenexplore.guest.placement.placement import Placement, PlacementRequest, touched
from xenexplore.guest.spec import no_such
from xenexplore.guest.vcpus import KERNEL_SPACE

__all__ = ["Placer"]


class Placer:
    """Finds room for buffers in one kernel's address space.

    Args:
        kernel: the layout.
        frames: the free frames.
        stack_of: lowest address of the stack of a process' thread on a vCPU
            (made when first asked for).
        mapped: the frame (PV: PFN) mapped at an address in a process, or None.
    """

    def __init__(
        self,
        kernel: Kernel,
        frames: FrameAllocator,
        stack_of: Callable[[str, int], int],
        mapped: Callable[[int, str], int | None],
    ) -> None:
        self._kernel = kernel
        self._frames = frames
        self._stack_of = stack_of
        self._mapped = mapped
        self._room = AddressAllocator(mapped)
        self._count = 0

    def find(self, request: PlacementRequest) -> Placement:
        """Find a place for a buffer.

        Raises:
            MachineError: it cannot go anywhere; says why.
        """
        manner = self._kernel.kinds.get(request.kind)
        if manner is None:
            name, absent = self._kernel.name, self._kernel.absent.get(request.kind)
            if request.kind in KINDS:
                raise no_such(
                    f"kind of place in kernel {name!r}",
                    request.kind,
                    self._kernel.kinds,
                    absent or "",
                )
            raise no_such("kind of place", request.kind, self._kernel.kinds)
        self._count += 1
        return {
            "linear": self._linear,
            "mapped": self._map_kernel,
            "image": self._image,
            "stack": self._stack,
            "percpu": self._percpu,
            "slab": self._slab,
            "user": self._user,
            "fixed": self._fixed,
        }[manner](request)

    def map_stack(self) -> tuple[int, tuple[int, ...]]:
        """Room for one more kernel stack: its lowest address, its frames."""
        if "stack" not in self._kernel.areas:
            first = self._frames.take_run(self._kernel.stack_pages)
            va = self._kernel.directmap_va(first)
            assert va is not None
            return va, ()
        pages = self._kernel.stack_pages
        va = self._room.pages(self._kernel.areas["stack"], pages)
        return va, self._frames.take_scattered(pages)

    def _linear(self, request: PlacementRequest) -> Placement:
        """Consecutive frames at their directmap address; objects aligned as slabs align them."""
        kernel = self._kernel
        if kernel.directmap is not None and request.address is not None:
            self._refuse_frames(request)
            first = (request.address - kernel.directmap) >> PAGE_SHIFT
            last = (request.address + request.size - 1 - kernel.directmap) >> PAGE_SHIFT
            if not all(kernel.physical.is_ram(pfn) for pfn in range(first, last + 1)):
                raise MachineError(
                    f"buffer {request.name!r}: {request.address:#x} is not RAM's directmap address"
                )
            return Placement(va=request.address)
        offset = self._slab_offset(request)
        pages = touched(offset, request.size)
        if request.pfns is not None:
            self._validate_frames(request, pages)
            first = request.pfns[0]
            if request.pfns != tuple(range(first, first + pages)):
                raise MachineError(
                    f"buffer {request.name!r}: {request.kind} memory has consecutive frames"
                )
        else:
            first = self._frames.take_run(pages, align=1 << (pages - 1).bit_length())
        va = kernel.directmap_va(first)
        assert va is not None
        return Placement(va=va + offset)

    def _slab_offset(self, request: PlacementRequest) -> int:
        """Power-of-two objects side by side in a page: those smaller than it never cross one."""
        if request.offset is not None:
            return request.offset
        room = 1 << max(5, (request.size - 1).bit_length())
        return self._count * room % PAGE_SIZE if room < PAGE_SIZE else 0

    def _slab(self, request: PlacementRequest) -> Placement:
        base = self._kernel.directmap
        if request.address is not None and base is not None:
            end = base + (self._kernel.physical.top << PAGE_SHIFT)
            inside = base <= request.address < end
        else:
            inside = self._slab_offset(request) + request.size <= PAGE_SIZE
        return self._linear(request) if inside else self._map_kernel(request)

    def _map_kernel(self, request: PlacementRequest) -> Placement:
        if request.address is not None and not request.address >> 63:
            raise MachineError(
                f"buffer {request.name!r}: {request.address:#x} is not a kernel address"
            )
        va, pages = self._address(request, self._kernel.areas[request.kind])
        return Placement(va=va, pfns=self._pages(request, pages))

    def _user(self, request: PlacementRequest) -> Placement:
        area = self._kernel.areas[request.kind]
        if request.address is not None and request.address >> 47:
            raise MachineError(
                f"buffer {request.name!r}: {request.address:#x} is not in a process's user half"
            )
        va, pages = self._address(request, area)
        return Placement(
            va=va, pfns=self._pages(request, pages), process=request.process, user=True
        )

    def _fixed(self, request: PlacementRequest) -> Placement:
        if request.address is None or request.pfns is None:
            raise MachineError(f"buffer {request.name!r}: a fixed place needs address and frames")
        pages = touched(request.address & PAGE_MASK, request.size)
        self._validate_frames(request, pages)
        lower = not request.address >> 63
        private = lower and self._kernel.processes
        user = private and request.process != KERNEL_SPACE
        return Placement(
            va=request.address,
            pfns=request.pfns,
            process=request.process if private else None,
            user=user,
        )

    def _image(self, request: PlacementRequest) -> Placement:
        self._refuse_frames(request)
        start, end, _ = self._kernel.image_data()
        if request.address is not None:
            if self._image_maps(request.address, request.size):
                return Placement(va=request.address)
            return inside(request, start, end, "the image's data")
        return Placement(va=self._room.bump(request, "image", start, end, "the image's data"))

    def _image_maps(self, address: int, size: int) -> bool:
        """Whether an address is in a mapped part of the image after text and rodata."""
        region = self._kernel.layout().find(Gva(address))
        if region.kind not in (RegionKind.IMAGE, RegionKind.STACK) or region.name == "kernel image":
            return False
        pages = range(address & ~PAGE_MASK, address + size, PAGE_SIZE)
        return all(self._mapped(page, KERNEL_SPACE) is not None for page in pages)

    def _percpu(self, request: PlacementRequest) -> Placement:
        self._refuse_frames(request)
        areas = self._kernel.percpu_areas(request.vcpu)
        for area in areas:
            what = f"the per-CPU area of vCPU {request.vcpu}"
            try:
                if request.address is not None:
                    spot = inside(request, area.start, area.end, what)
                else:
                    key = ("percpu", area.start)
                    spot = Placement(va=self._room.bump(request, key, area.start, area.end, what))
            except MachineError:
                if area is areas[-1]:
                    raise
                continue
            return self._populated(spot.va, request.size)
        raise AssertionError("a kernel with percpu buffers has a per-CPU area")

    def _populated(self, va: int, size: int) -> Placement:
        """A place in a chunk whose pages get frames when first used (pcpu_populate_chunk())."""
        pages = range(va & ~PAGE_MASK, va + size, PAGE_SIZE)
        found = [self._mapped(page, KERNEL_SPACE) for page in pages]
        if None not in found:
            return Placement(va=va)
        fresh = (self._frames.take_scattered(1)[0] if pfn is None else pfn for pfn in found)
        return Placement(va=va, pfns=tuple(fresh))

    def _stack(self, request: PlacementRequest) -> Placement:
        """Downwards from below the saved registers, in the thread's own stack."""
        self._refuse_frames(request)
        base = self._stack_of(request.process, request.vcpu)
        length = self._kernel.stack_pages << PAGE_SHIFT
        what = f"a kernel stack of {length} bytes"
        if request.address is not None:
            return inside(request, base, base + length, what)
        return Placement(va=self._room.down(request, base, length, what))

    def _address(self, request: PlacementRequest, area: Area) -> tuple[int, int]:
        """Address in an area, and pages touched."""
        if request.address is not None:
            pages = touched(request.address & PAGE_MASK, request.size)
            self._room.validate_unmapped(request, pages)
            return request.address, pages
        offset = request.offset or 0
        pages = touched(offset, request.size)
        return self._room.pages(area, pages, request.process) + offset, pages

    def _pages(self, request: PlacementRequest, pages: int) -> tuple[int, ...]:
        if request.pfns is None:
            return self._frames.take_scattered(pages)
        self._validate_frames(request, pages)
        return request.pfns

    def _validate_frames(self, request: PlacementRequest, pages: int) -> None:
        assert request.pfns is not None
        if len(request.pfns) != pages:
            raise MachineError(
                f"buffer {request.name!r} touches {pages} pages, got {len(request.pfns)} frames"
            )
        for pfn in request.pfns:
            self._frames.take(pfn)

    @staticmethod
    def _refuse_frames(request: PlacementRequest) -> None:
        if request.pfns is not None:
            raise MachineError(
                f"buffer {request.name!r}: the address of {request.kind} memory determines its "
                "frames"
            )
