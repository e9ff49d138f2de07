"""A guest as a whole: RAM, page tables, processes, vCPUs and the buffers placed in it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE, Gfn, Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.guest.page_tables import MappingRights
from xenexplore.guest.placement.buffers import Buffer
from xenexplore.guest.placement.placement import Placement, PlacementRequest, touched
from xenexplore.guest.running import Running
from xenexplore.guest.spec import GuestSpec, no_such
from xenexplore.memory import P2mType
from xenexplore.paging import PageTableEntry

__all__ = ["Domain"]


class Domain(Running):
    """A guest built from a spec: real page tables in its own RAM, made as needed.

    Everything is determined by the spec and the order of calls: no clock, no
    global random state.  Every vCPU begins in the process ``"init"`` (kernels
    without processes: ``"kernel"``), at ring 0, on that task's kernel stack.

    Its vCPUs, processes and what it sees of its memory: :class:`~.running.Running`.

    Attributes:
        release: the release of Xen that it runs on, e.g. ``"4.17"``.
    """

    def __init__(self, spec: GuestSpec, *, release: str = "4.17") -> None:
        super().__init__(spec)
        self.release = release
        self._buffers: dict[str, Buffer] = {}
        self._retyped: set[int] = set()

    @property
    def retyped_frames(self) -> frozenset[int]:
        """Frames whose P2M type was set one by one (:meth:`set_p2m_type`)."""
        return frozenset(self._retyped)

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """Placed buffers by name, as they were last placed or remapped."""
        return MappingProxyType(self._buffers)

    def place(
        self,
        name: str,
        kind: str,
        size: int,
        *,
        offset: int | None = None,
        vcpu: int = 0,
        process: str | None = None,
        contents: bytes | None = None,
        address: Gva | None = None,
        frames: tuple[Gfn, ...] | None = None,
        shared: bool | None = None,
        writable: bool = True,
    ) -> Buffer:
        """Put a buffer where buffers of that kind live in this kernel, and map it.

        Args:
            name: a new name.
            kind: one of :data:`~xenexplore.guest.placement.buffers.KINDS` that this kernel has.
            size: bytes, at least 1.
            offset: offset in its first page, 0 to 4095; None: where the kind's
                allocator would put it.
            vcpu: whose stack or per-CPU area; for ``user``: whose current process.
            process: for ``user`` and ``privcmd``: in whose page tables; for
                ``stack``: whose thread.
            contents: its first bytes; the rest is zero.
            address: exact linear address (excludes ``offset``).
            frames: exact frames, one per page touched.
            shared: encrypted guests: share its pages with the hypervisor
                (by default not).  Whole pages are shared, whatever else is in them.
            writable: map it writable.

        Raises:
            MachineError: no such kind in this kernel, a name in use, or a
                size, offset, address or frame that cannot be.
        """
        self._validate(name, size, offset, address, contents, shared)
        owner = process if process is not None else self._vcpu(vcpu).process
        self._vcpu(vcpu)
        request = PlacementRequest(
            name=name,
            kind=kind,
            size=size,
            offset=offset,
            vcpu=vcpu,
            process=self.process(owner).name,
            address=None if address is None else address.value,
            pfns=None if frames is None else tuple(map(self._booted.usable_pfn, frames)),
        )
        spot = self._placer.find(request)
        root = self._root(vcpu, spot.process)
        rights = MappingRights(user=spot.user, touched=not spot.user, global_=not spot.user)
        self._booted.map(root, spot.va, spot.pfns, rights)
        buffer = self._settle(request, spot, writable=writable, shared=shared)
        if contents is not None:
            self.write(buffer.va, contents, vcpu=vcpu, process=spot.process)
        if not writable:
            self.set_writable(name, False)
        return self._buffers[name]

    def _validate(
        self,
        name: str,
        size: int,
        offset: int | None,
        address: Gva | None,
        contents: bytes | None,
        shared: bool | None,
    ) -> None:
        problems = (
            (name in self._buffers, "the name is in use"),
            (type(size) is not int or size < 1, f"a size of {size!r} bytes: expected at least 1"),
            (
                offset is not None and not 0 <= offset < PAGE_SIZE,
                f"offset {offset!r}: expected 0 to {PAGE_SIZE - 1}",
            ),
            (offset is not None and address is not None, "give an address or an offset, not both"),
            (contents is not None and len(contents) > size, f"contents do not fit in {size} bytes"),
            (
                shared is False and not self.spec.encrypted,
                "the guest is not encrypted: all its memory is open to the hypervisor",
            ),
            (
                address is not None
                and not (
                    self._is_canonical(address.value)
                    and self._is_canonical(address.value + size - 1)
                ),
                f"{address!r} is not a canonical linear address for {size} bytes",
            ),
        )
        for wrong, why in problems:
            if wrong:
                raise MachineError(f"buffer {name!r}: {why}")

    def _settle(
        self, request: PlacementRequest, spot: Placement, *, writable: bool, shared: bool | None
    ) -> Buffer:
        """Record a buffer whose pages are mapped; share them if asked."""
        root = self._root(request.vcpu, spot.process)
        pages = touched(spot.va & PAGE_MASK, request.size)
        start = spot.va & -PAGE_SIZE
        found = [self._booted.spaces.frame(root, start + (i << PAGE_SHIFT)) for i in range(pages)]
        frames = tuple(Gfn(gfn) for gfn in found if gfn is not None)
        assert len(frames) == pages, "a placed buffer is mapped"
        if shared and self.spec.encrypted:
            for frame in frames:
                self.set_encrypted(frame, False)
        buffer = Buffer(
            name=request.name,
            kind=request.kind,
            va=Gva(spot.va),
            size=request.size,
            process=spot.process,
            vcpu=request.vcpu,
            frames=frames,
            contiguous=_consecutive(frames),
            aliases=tuple(map(self.directmap_of, frames)),
            writable=writable,
            shared=not any(map(self.memory.is_private, frames)),
        )
        self._buffers[request.name] = buffer
        return buffer

    def _buffer(self, name: str) -> Buffer:
        if name not in self._buffers:
            raise no_such("buffer", name, self._buffers)
        return self._buffers[name]

    def remap(self, name: str, *, frames: tuple[Gfn, ...] | None = None) -> Buffer:
        """Map other frames at a buffer's address, without notice.  Old frames keep their bytes.

        Raises:
            MachineError: no such buffer; its address lies in the directmap or the kernel
                image, which no kernel remaps; or not one frame per page.
        """
        buffer = self._buffer(name)
        if self._booted.boot_mapped(buffer.va.value):
            raise MachineError(
                f"buffer {name!r}: no kernel remaps {self.layout.find(buffer.va).name}"
            )
        if frames is None:
            frames = self.alloc_frames(len(buffer.frames), contiguous=False)
        elif len(frames) != len(buffer.frames):
            raise MachineError(
                f"buffer {name!r} touches {len(buffer.frames)} pages, got {len(frames)} frames"
            )
        pfns = tuple(map(self._booted.usable_pfn, frames))
        user = buffer.process is not None
        rights = MappingRights(
            writable=buffer.writable, user=user, touched=not user, global_=not user
        )
        self._booted.map(self._root(None, buffer.process), buffer.va.value, pfns, rights)
        self._buffers[name] = replace(
            buffer,
            frames=frames,
            contiguous=_consecutive(frames),
            aliases=tuple(map(self.directmap_of, frames)),
            shared=not any(map(self.memory.is_private, frames)),
        )
        return self._buffers[name]

    def unmap(self, name: str) -> None:
        """Make a buffer's pages not present.  The buffer keeps its name and record."""
        buffer = self._buffer(name)
        for page in buffer.pages:
            self._tables.unmap(self._root(None, buffer.process), page.value)

    def set_writable(self, name: str, writable: bool) -> Buffer:
        """Map a buffer's pages read-only or writable."""
        buffer = self._buffer(name)
        for page in buffer.pages:
            self._tables.set_writable(self._root(None, buffer.process), page.value, writable)
        self._buffers[name] = replace(buffer, writable=writable)
        return self._buffers[name]

    def frames_of(self, name: str) -> tuple[Gfn | None, ...]:
        """The frames that the page tables map for a buffer now, one per page."""
        buffer = self._buffer(name)
        root = self._root(None, buffer.process)
        found = (self._tables.frame(root, page.value) for page in buffer.pages)
        return tuple(None if gfn is None else Gfn(gfn) for gfn in found)

    def entry(
        self, va: Gva, level: int, *, vcpu: int = 0, process: str | None = None
    ) -> tuple[Gpa, PageTableEntry]:
        """A page-table entry that maps an address, and its guest-physical address.

        Args:
            va: linear address.
            level: 1 (the leaf of a 4 KiB page) to 4, or 5 with LA57.
            vcpu: in the page tables that this vCPU uses.
            process: in a process's page tables instead.

        Raises:
            MachineError: the tables have no such level, or end above it.
        """
        return self._booted.spaces.entry(self._root(vcpu, process), va.value, level)

    def set_entry(
        self, va: Gva, level: int, value: int, *, vcpu: int = 0, process: str | None = None
    ) -> None:
        """Write a page-table entry as the guest's kernel does: the bits, and nothing else.

        A top-level entry is that of one root: a kernel half that all share differs afterwards.

        Raises:
            MachineError: as :meth:`entry`; or the guest is PV, whose entries Xen writes.
        """
        if not self.spec.has_p2m:
            raise MachineError(
                "a PV guest's page tables are read-only to it: Xen validates each entry "
                "(mmu_update), which this model does not execute"
            )
        self._booted.spaces.set_entry(self._root(vcpu, process), va.value, level, value)

    def alloc_frames(self, count: int, *, contiguous: bool, align: int = 1) -> tuple[Gfn, ...]:
        """Take free frames: consecutive, first one a multiple of ``align``; or no two consecutive.

        PV: consecutive means consecutive PFNs; the frames (MFNs) never are.

        Raises:
            MachineError: there are not so many, or the count is below 1.
        """
        if count < 1 or align < 1:
            raise MachineError(f"{count} frames aligned to {align}: expected at least 1 of each")
        if contiguous:
            first = self._booted.frames.take_run(count, align)
            pfns = tuple(range(first, first + count))
        else:
            pfns = self._booted.frames.take_scattered(count)
        return tuple(map(self._booted.to_gfn, pfns))

    def map_kernel(
        self, va: Gva, frames: tuple[Gfn, ...], *, writable: bool = True, shared: bool = False
    ) -> None:
        """Map 4 KiB kernel pages (not executable) in every address space."""
        if (not va.value >> 63 and self._booted.kernel.processes) or va.offset:
            raise MachineError(f"{va.hex()} is not the start of a kernel page")
        pfns = tuple(map(self._booted.usable_pfn, frames))
        if shared:
            for frame in frames:
                self.set_encrypted(frame, False)
        rights = MappingRights(writable=writable)
        self._booted.map(self._booted.spaces.kernel, va.value, pfns, rights)

    def directmap_of(self, gfn: Gfn) -> Gva | None:
        """Where the kernel's directmap maps a frame, or None if it has none there."""
        pfn = self._booted.to_pfn(gfn.value)
        va = None if pfn is None else self._booted.kernel.directmap_va(pfn)
        return None if va is None else Gva(va)

    def set_encrypted(self, gfn: Gfn, encrypted: bool, *, keep: bool = True) -> None:
        """Flip a frame's state, and the C-bit of every mapping of it that the guest made.

        Args:
            gfn: the frame.
            encrypted: private from now on, or shared.
            keep: the guest saves the page's bytes and writes them back; without
                that they read as garbage after the flip, for both sides.

        Raises:
            MachineError: the guest is not encrypted.
        """
        self._booted.set_encrypted(gfn, encrypted, keep=keep)
        for name, buffer in self._buffers.items():
            if gfn in buffer.frames:
                shared = not any(map(self.memory.is_private, buffer.frames))
                self._buffers[name] = replace(buffer, shared=shared)

    def set_p2m_type(self, gfn: Gfn, p2m_type: str | P2mType) -> None:
        """Change a frame's P2M type, by Xen's name (``"p2m_ram_ro"``, ``"p2m_ram_paged"``, …).

        Raises:
            MachineError: no such type, or the guest has no P2M (PV).
        """
        if not self.spec.has_p2m:
            raise MachineError("a PV guest has no P2M that a look-up goes through")
        known = P2mType.__members__
        kind = p2m_type if isinstance(p2m_type, P2mType) else known.get(p2m_type)
        if kind is None:
            raise no_such("P2M type", p2m_type, known)
        self._set_type(gfn, kind)

    def _set_type(self, gfn: Gfn, kind: P2mType) -> None:
        self._booted.set_p2m_type(gfn, kind)
        self._retyped.add(gfn.value)


def _consecutive(frames: tuple[Gfn, ...]) -> bool:
    return all(after - frame == 1 for frame, after in itertools.pairwise(frames))
