"""The pages of a guest that was built, as its kernel places and maps them."""

from __future__ import annotations

from dataclasses import replace

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, Gfn, Gva
from xenexplore.errors import MachineError
from xenexplore.guest.booted_running import BootedRunning
from xenexplore.guest.page_tables import MappingRights
from xenexplore.guest.pages import Pages
from xenexplore.guest.placement.buffers import PlacedBuffer
from xenexplore.guest.placement.placement import (
    Placement,
    PlacementRequest,
    consecutive,
    touched,
)
from xenexplore.guest.running import Running
from xenexplore.guest.spec import GuestSpec
from xenexplore.memory import P2mType

__all__ = ["BootedPages", "booted"]


def booted(spec: GuestSpec) -> tuple[Running, Pages]:
    """The two parts of a booted guest."""
    running = BootedRunning(spec)
    return running, BootedPages(running)


class BootedPages:
    """Buffers, free frames and mappings of a kernel that has booted.

    Args:
        running: the guest; its page tables are written.
    """

    __slots__ = ("_booted", "_running")

    def __init__(self, running: BootedRunning) -> None:
        self._running = running
        self._booted = running.booted

    def place(
        self, request: PlacementRequest, frames: tuple[Gfn, ...] | None, *, writable: bool
    ) -> PlacedBuffer:
        """Put a buffer where this kernel has buffers of its kind, and map it.

        Raises:
            MachineError: no such kind in this kernel, or an offset, address or frame
                that cannot be.
        """
        if frames is not None:
            request = replace(request, pfns=tuple(map(self._booted.usable_pfn, frames)))
        place = self._running.placer.find(request)
        root = self._running.root(request.vcpu, place.process)
        rights = MappingRights(user=place.user, touched=not place.user, global_=not place.user)
        self._booted.map(root, place.va, place.pfns, rights)
        return self._record(request, place, self._mapped(root, place.va, request.size), writable)

    def _mapped(self, root: int, va: int, size: int) -> tuple[Gfn, ...]:
        pages, start = touched(va & PAGE_MASK, size), va & -PAGE_SIZE
        found = [self._booted.spaces.frame(root, start + (i << PAGE_SHIFT)) for i in range(pages)]
        frames = tuple(Gfn(gfn) for gfn in found if gfn is not None)
        assert len(frames) == pages, "a placed buffer is mapped"
        return frames

    def _record(
        self, request: PlacementRequest, place: Placement, frames: tuple[Gfn, ...], writable: bool
    ) -> PlacedBuffer:
        return PlacedBuffer(
            name=request.name,
            kind=request.kind,
            va=Gva(place.va),
            size=request.size,
            process=place.process,
            vcpu=request.vcpu,
            frames=frames,
            contiguous=consecutive(frames),
            aliases=tuple(map(self.directmap_of, frames)),
            writable=writable,
            shared=not any(map(self._booted.memory.is_private, frames)),
        )

    def remap(self, buffer: PlacedBuffer, frames: tuple[Gfn, ...] | None) -> PlacedBuffer:
        """Map other frames at a buffer's address.

        Raises:
            MachineError: the address is in the directmap or the kernel image, which no
                kernel remaps; or not one frame per page.
        """
        name = buffer.name
        if self._booted.boot_mapped(buffer.va.value):
            where = self._running.layout.find(buffer.va).name
            raise MachineError(f"buffer {name!r}: no kernel remaps {where}")
        if frames is None:
            frames = self.alloc_frames(len(buffer.frames), contiguous=False, align=1)
        elif len(frames) != len(buffer.frames):
            raise MachineError(
                f"buffer {name!r} touches {len(buffer.frames)} pages, got {len(frames)} frames"
            )
        pfns = tuple(map(self._booted.usable_pfn, frames))
        user = buffer.process is not None
        rights = MappingRights(
            writable=buffer.writable, user=user, touched=not user, global_=not user
        )
        root = self._running.root(None, buffer.process)
        self._booted.map(root, buffer.va.value, pfns, rights)
        return replace(
            buffer,
            frames=frames,
            contiguous=consecutive(frames),
            aliases=tuple(map(self.directmap_of, frames)),
            shared=not any(map(self._booted.memory.is_private, frames)),
        )

    def alloc_frames(self, count: int, *, contiguous: bool, align: int) -> tuple[Gfn, ...]:
        """Take free frames: consecutive PFNs, or no two of them consecutive.

        Raises:
            MachineError: there are not so many.
        """
        if contiguous:
            first = self._booted.frames.take_run(count, align)
            pfns = tuple(range(first, first + count))
        else:
            pfns = self._booted.frames.take_scattered(count)
        return tuple(map(self._booted.to_gfn, pfns))

    def validate_kernel_pages(self, va: Gva, frames: tuple[Gfn, ...]) -> None:
        """Reject what :meth:`map_kernel` cannot map.

        Raises:
            MachineError: no kernel page begins there, or a frame is not usable RAM.
        """
        if (not va.value >> 63 and self._booted.kernel.processes) or va.offset:
            raise MachineError(f"{va.hex()} is not the start of a kernel page")
        for frame in frames:
            self._booted.usable_pfn(frame)

    def map_kernel(self, va: Gva, frames: tuple[Gfn, ...], *, writable: bool) -> None:
        """Map 4 KiB kernel pages (not executable) in every address space."""
        pfns = tuple(map(self._booted.usable_pfn, frames))
        self._booted.map(
            self._booted.spaces.kernel, va.value, pfns, MappingRights(writable=writable)
        )

    def directmap_of(self, gfn: Gfn) -> Gva | None:
        """Address at which the kernel's directmap maps a frame, or None if it does not."""
        pfn = self._booted.to_pfn(gfn.value)
        va = None if pfn is None else self._booted.kernel.directmap_va(pfn)
        return None if va is None else Gva(va)

    def set_encrypted(self, gfn: Gfn, encrypted: bool, *, keep: bool) -> None:
        """Flip a frame's state and the C-bit of every mapping of it.

        Raises:
            MachineError: the guest is not encrypted.
        """
        self._booted.set_encrypted(gfn, encrypted, keep=keep)

    def set_p2m_type(self, gfn: Gfn, kind: P2mType) -> None:
        """Change a frame's P2M type.

        Raises:
            MachineError: there is no machine frame behind it.
        """
        self._booted.set_p2m_type(gfn, kind)
