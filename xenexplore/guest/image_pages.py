"""The pages of a guest that is a memory image: named in place, changed in copies."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gfn, Gva, Mfn
from xenexplore.errors import MachineError, UnsaidError
from xenexplore.guest.booted import FRAMELESS
from xenexplore.guest.image_running import ImageRunning
from xenexplore.guest.placement.buffers import KINDS, PlacedBuffer
from xenexplore.guest.placement.placement import PlacementRequest, consecutive, touched
from xenexplore.guest.spare_pages import SparePages
from xenexplore.guest.spec import no_such
from xenexplore.guest.vcpus import Process
from xenexplore.memory import P2mType
from xenexplore.memory.p2m import P2m

__all__ = ["ImagePages"]


class ImagePages:
    """The memory of an image, and the part of it that its user has declared free.

    Args:
        running: the guest; its page tables are changed in copies.

    Raises:
        MachineError: memory declared free is not mapped, or is read-only.
    """

    __slots__ = ("_found", "_running", "_spare")

    def __init__(self, running: ImageRunning) -> None:
        self._running = running
        self._found = running.found
        self._spare = SparePages(running.name, self._spare_pages())

    def place(
        self, request: PlacementRequest, frames: tuple[Gfn, ...] | None, *, writable: bool
    ) -> PlacedBuffer:
        """Give a name to memory of the image; without an address, to some of its spare memory.

        Pages need not be mapped: the record has the frames up to the first that is not.

        Raises:
            ImageError: a page table is not in the image.
            UnsaidError: there is no address, and no spare memory left.
            MachineError: no such kind of place, or the tables map other frames.
        """
        name, size, offset = request.name, request.size, request.offset or 0
        if request.address is None:
            if request.kind not in KINDS:
                raise no_such("kind of place", request.kind, KINDS)
            at = offset + self._spare.take_linear(touched(offset, size))
        else:
            if request.kind != "fixed":
                kinds = self._running.kinds
                raise no_such(
                    "kind of place in a memory image",
                    request.kind,
                    kinds,
                    "its buffers cannot be chosen",
                )
            at = request.address
        owner = self._running.process(request.process)
        buffer = self._record(name, at, size, request.vcpu, owner, writable=True)
        if frames is not None and frames != buffer.frames:
            mapped = ", ".join(frame.hex() for frame in buffer.frames) or "none"
            raise MachineError(f"buffer {name!r}: the image maps other frames there: {mapped}")
        return buffer

    def _record(
        self, name: str, at: int, size: int, vcpu: int, owner: Process, *, writable: bool
    ) -> PlacedBuffer:
        """A buffer's record as the tables are now."""
        root = owner.root.value
        pages = range(at & -PAGE_SIZE, at + size, PAGE_SIZE)
        found = itertools.takewhile(
            lambda gfn: gfn is not None, (self._found.frame(root, page) for page in pages)
        )
        frames = tuple(Gfn(gfn) for gfn in found if gfn is not None)
        return PlacedBuffer(
            name=name,
            kind="fixed",
            va=Gva(at),
            size=size,
            process=owner.name,
            vcpu=vcpu,
            frames=frames,
            contiguous=consecutive(frames),
            aliases=tuple(map(self.directmap_of, frames)),
            writable=writable and all(self._found.writable(root, page) for page in pages),
            shared=True,
        )

    def remap(self, buffer: PlacedBuffer, frames: tuple[Gfn, ...] | None) -> PlacedBuffer:
        """Map other frames at a buffer's address, in a copy of the tables.

        Raises:
            ImageError: a table is not in the image.
            UnsaidError: there are no spare frames for it, or a large page maps it.
            MachineError: not one frame per page.
        """
        name, pages = buffer.name, touched(buffer.va.offset, buffer.size)
        if frames is None:
            frames = self.alloc_frames(pages, contiguous=False, align=1)
        elif len(frames) != pages:
            raise MachineError(f"buffer {name!r} touches {pages} pages, got {len(frames)} frames")
        owner = self._running.processes[buffer.process or "vcpu0"]
        for index, frame in enumerate(frames):
            at = (buffer.va.value & -PAGE_SIZE) + (index << PAGE_SHIFT)
            self._running.memory.p2m.entry(frame.value)  # refused if the image does not hold it
            self._found.remap(owner.root.value, at, frame.value)
        return self._record(
            name, buffer.va.value, buffer.size, buffer.vcpu, owner, writable=buffer.writable
        )

    def alloc_frames(self, count: int, *, contiguous: bool, align: int) -> tuple[Gfn, ...]:
        """Take frames of the spare memory: consecutive, or no two consecutive.

        Raises:
            UnsaidError: there is no spare memory, or not enough.
        """
        return tuple(map(Gfn, self._spare.take_frames(count, contiguous=contiguous, align=align)))

    def validate_kernel_pages(self, va: Gva, frames: tuple[Gfn, ...]) -> None:
        """Reject further mappings.

        Raises:
            UnsaidError: always.
        """
        del frames
        raise UnsaidError(
            f"{self._running.name} does not say which linear addresses are free, and {va.hex()} "
            "would have to be mapped"
        )

    def map_kernel(self, va: Gva, frames: tuple[Gfn, ...], *, writable: bool) -> None:
        """Refused, see :meth:`validate_kernel_pages`."""
        del writable
        self.validate_kernel_pages(va, frames)

    def directmap_of(self, gfn: Gfn) -> Gva | None:
        """Address of a frame in the directmap, if the spec has one and the tables agree."""
        if self._running.directmap is None:
            return None
        at = self._running.directmap.start.value + (gfn.value << PAGE_SHIFT)
        mapped = at < self._running.directmap.end and self._running.frame(at) == gfn.value
        return Gva(at) if mapped else None

    def set_encrypted(self, gfn: Gfn, encrypted: bool, *, keep: bool) -> None:
        """Refused: an image is read as it is, in plaintext.

        Raises:
            MachineError: always.
        """
        del gfn, encrypted, keep
        raise MachineError("this guest's memory is not encrypted: no page is private or shared")

    def set_p2m_type(self, gfn: Gfn, kind: P2mType) -> None:
        """Give a frame of the image a type in Xen's P2M, since an image does not contain it."""
        p2m = self._running.memory.p2m
        assert isinstance(p2m, P2m)
        p2m.entry(gfn.value)  # refused if the image does not hold it
        p2m.map(gfn, None if kind in FRAMELESS else Mfn(gfn.value), 0, kind)

    def _spare_pages(self) -> Iterator[tuple[int, int]]:
        """The pages that the spec declares free, each mapped, writable and in the image."""
        start, count = self._running.source.spare, self._running.source.spare_pages
        for index in range(count):
            assert start is not None
            at = start.value + (index << PAGE_SHIFT)
            root = self._running.vcpus[0].cr3.value
            frame = self._found.frame(root, at) if self._running.is_canonical(at) else None
            if frame is None or not self._found.writable(root, at):
                what = "not mapped" if frame is None else "mapped read-only"
                raise MachineError(f"spare memory: page {index} at {at:#x} is {what}")
            self._running.memory.p2m.entry(frame)
            yield at, frame
