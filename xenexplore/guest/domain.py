"""A guest as a whole: RAM, page tables, processes, vCPUs and the buffers placed in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.errors import MachineError
from xenexplore.guest.booted_pages import booted
from xenexplore.guest.layout.regions import Region
from xenexplore.guest.pages import Pages
from xenexplore.guest.placement.buffers import PlacedBuffer
from xenexplore.guest.placement.placement import PlacementRequest, validate_buffer
from xenexplore.guest.running import Running
from xenexplore.guest.spec import GuestSpec, no_such
from xenexplore.guest.vcpus import Process
from xenexplore.memory import GuestMemory, P2mType
from xenexplore.paging import PageTableEntry, PagingState

__all__ = ["Domain"]


class Domain:
    """A guest built from a spec: real page tables in its own RAM, made as needed.

    Everything is determined by the spec and the order of calls: no clock, no
    global random state.  Every vCPU begins in the process ``"init"`` (kernels
    without processes: ``"kernel"``), at ring 0, on that task's kernel stack.

    Its vCPUs, processes and accesses are those of a :class:`~.running.Running`, its
    frames and mappings those of :class:`~.pages.Pages`; the names of buffers are its own.

    Args:
        spec: what to build.
        release: the release of Xen that it runs on.
        parts: the function that makes the two parts from the spec.

    Attributes:
        release: as given, e.g. ``"4.17"``.
        spec: the specification that it was built from.
        vcpus: its vCPUs, in order of index.
        layout: its linear address space as regions.
        gpa_regions: its guest-physical address space: RAM, holes, the kernel's own RAM.
        ram: guest-physical ranges that are RAM; empty for a PV guest.
        kinds: the kinds of place that its kernel has.
        assumed: assumptions in place of facts that a memory image lacks.
    """

    def __init__(
        self,
        spec: GuestSpec,
        *,
        release: str = "4.17",
        parts: Callable[[GuestSpec], tuple[Running, Pages]] = booted,
    ) -> None:
        self.release = release
        self._running, self._pages = parts(spec)
        self.spec = self._running.spec
        self.vcpus = self._running.vcpus
        self.layout = self._running.layout
        self.gpa_regions = self._running.gpa_regions
        self.ram = self._running.ram
        self.kinds = self._running.kinds
        self.assumed = self._running.assumed
        self._buffers: dict[str, PlacedBuffer] = {}
        self._retyped: set[int] = set()

    @property
    def memory(self) -> GuestMemory:
        """Its RAM, P2M and encryption state."""
        return self._running.memory

    @property
    def regions(self) -> tuple[Region, ...]:
        """Its linear address space by name, without gaps, in order of address."""
        return self.layout.regions

    @property
    def stack_size(self) -> int:
        """Bytes of a kernel stack."""
        return self._running.stack_size

    @property
    def table_frames(self) -> tuple[Gfn, ...]:
        """Frames that hold page tables."""
        return self._running.table_frames

    def linear_region(self, word: str) -> Region | None:
        """A contiguous region, or None if this kernel has none of that name.

        ``directmap``, ``kernel-image``, ``image-data``, ``percpu``: dashes or spaces.  Of
        several pieces (RAM on both sides of a hole) all, with the hole, where they are one
        linear mapping; else the largest.  An identity map of RAM counts as a directmap.
        """
        return self._running.linear_region(word)

    def lacks_region(self, word: str) -> str:
        """Reason why there is no such contiguous region, for messages."""
        return self._running.lacks_region(word)

    def paging_state(
        self, vcpu: int = 0, *, user_access: bool = False, process: str | None = None
    ) -> PagingState:
        """The control state under which Xen walks for a hypercall of this vCPU.

        With EFLAGS.AC if ``user_access`` (privcmd's stac); on a process's CR3 if one is named.
        """
        return self._running.paging_state(vcpu, user_access=user_access, process=process)

    @property
    def processes(self) -> Mapping[str, Process]:
        """Processes made so far, by name; ``"kernel"`` is the kernel's own address space."""
        return MappingProxyType(self._running.processes)

    def process(self, name: str) -> Process:
        """The process of that name; made at first use, with a root table of its own.

        Raises:
            MachineError: this kernel has no processes.
        """
        return self._running.process(name)

    def switch(self, vcpu: int, process: str) -> None:
        """Let a vCPU run a process: its CR3, its thread's kernel stack.  Xen is not notified."""
        self._running.switch(vcpu, process)

    def enter_user(self, vcpu: int) -> None:
        """Let a vCPU's process run in user mode; under page-table isolation on its own CR3.

        Raises:
            MachineError: the vCPU runs the kernel's own address space.
        """
        self._running.enter_user(vcpu)

    def enter_kernel(self, vcpu: int) -> None:
        """Let a vCPU run its process's kernel side again."""
        self._running.enter_kernel(vcpu)

    def truth(
        self, va: Gva, length: int, *, vcpu: int | None = None, process: str | None = None
    ) -> tuple[tuple[Gpa | None, int], ...]:
        """Place of ``length`` bytes at ``va`` by the guest's own tables: what a caller *means*.

        No permission checks, tables read as plaintext (as the guest's CPU does),
        C-bit removed; one piece per page touched, None where nothing is mapped or the address is
        not canonical.  By default in vCPU 0's process.  PV: machine addresses.

        Raises:
            AddressError: the range wraps past the end of the address space.
        """
        return self._running.truth(va, length, vcpu=vcpu, process=process)

    def read(
        self, va: Gva, length: int, *, vcpu: int | None = None, process: str | None = None
    ) -> bytes:
        """Read as the guest does, by linear address, plaintext.

        Raises:
            MachineError: a page is not mapped, or maps no RAM.
        """
        return self._running.read(va, length, vcpu=vcpu, process=process)

    def write(
        self, va: Gva, data: bytes, *, vcpu: int | None = None, process: str | None = None
    ) -> None:
        """Write as the guest does, by linear address; write protection is ignored.

        A and D are set in the pages' entries, as its CPU sets them.

        Raises:
            MachineError: a page is not mapped, or maps no RAM.
        """
        self._running.write(va, data, vcpu=vcpu, process=process)

    @property
    def retyped_frames(self) -> frozenset[int]:
        """Frames whose P2M type was set one by one (:meth:`set_p2m_type`)."""
        return frozenset(self._retyped)

    @property
    def buffers(self) -> Mapping[str, PlacedBuffer]:
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
    ) -> PlacedBuffer:
        """Place a buffer where this kernel has buffers of that kind, and map it.

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
        if name in self._buffers:
            raise MachineError(f"buffer {name!r}: the name is in use")
        private = shared is False and self.spec.image is None
        validate_buffer(self.spec, name, size, offset, address, contents, private=private)
        runs = self._running.vcpu(vcpu).process
        request = PlacementRequest(
            name=name,
            kind=kind,
            size=size,
            offset=offset,
            vcpu=vcpu,
            process=self.process(runs if process is None else process).name,
            address=None if address is None else address.value,
            pfns=None,
        )
        buffer = self._pages.place(request, frames, writable=writable)
        if shared and self.spec.encrypted:
            for frame in buffer.frames:
                self.set_encrypted(frame, False)
            buffer = replace(buffer, shared=not any(map(self.memory.is_private, buffer.frames)))
        self._buffers[name] = buffer
        if contents is not None:
            self.write(buffer.va, contents, vcpu=vcpu, process=buffer.process)
        return buffer if writable else self.set_writable(name, False)

    def _buffer(self, name: str) -> PlacedBuffer:
        if name not in self._buffers:
            raise no_such("buffer", name, self._buffers)
        return self._buffers[name]

    def remap(self, name: str, *, frames: tuple[Gfn, ...] | None = None) -> PlacedBuffer:
        """Map other frames at a buffer's address, without notice.  Old frames keep their bytes.

        Raises:
            MachineError: no such buffer; its address is in the directmap or the kernel
                image, which no kernel remaps; or not one frame per page.
        """
        self._buffers[name] = self._pages.remap(self._buffer(name), frames)
        return self._buffers[name]

    def unmap(self, name: str) -> None:
        """Make a buffer's pages not present.  The buffer keeps its name and record."""
        buffer = self._buffer(name)
        for page in buffer.pages:
            self._running.tables.unmap(self._running.root(None, buffer.process), page.value)

    def set_writable(self, name: str, writable: bool) -> PlacedBuffer:
        """Map a buffer's pages read-only or writable."""
        buffer = self._buffer(name)
        root = self._running.root(None, buffer.process)
        for page in buffer.pages:
            self._running.tables.set_writable(root, page.value, writable)
        self._buffers[name] = replace(buffer, writable=writable)
        return self._buffers[name]

    def frames_of(self, name: str) -> tuple[Gfn | None, ...]:
        """The frames that the page tables map for a buffer now, one per page."""
        buffer = self._buffer(name)
        root = self._running.root(None, buffer.process)
        found = (self._running.tables.frame(root, page.value) for page in buffer.pages)
        return tuple(None if gfn is None else Gfn(gfn) for gfn in found)

    def entry(
        self, va: Gva, level: int, *, vcpu: int = 0, process: str | None = None
    ) -> tuple[Gpa, PageTableEntry]:
        """A page-table entry that maps an address, and its guest-physical address.

        Level 1 (the leaf of a 4 KiB page) to 4, or 5 with LA57, of the page tables of the
        process, else of the vCPU's.

        Raises:
            MachineError: the tables have no such level, or end above it.
        """
        return self._running.tables.entry(self._running.root(vcpu, process), va.value, level)

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
        root = self._running.root(vcpu, process)
        self._running.tables.set_entry(root, va.value, level, value)

    def alloc_frames(self, count: int, *, contiguous: bool, align: int = 1) -> tuple[Gfn, ...]:
        """Take free frames: consecutive, first one a multiple of ``align``; or no two consecutive.

        PV: consecutive means consecutive PFNs; the frames (MFNs) never are.

        Raises:
            MachineError: there are not so many, or the count is below 1.
        """
        if count < 1 or align < 1:
            raise MachineError(f"{count} frames aligned to {align}: expected at least 1 of each")
        return self._pages.alloc_frames(count, contiguous=contiguous, align=align)

    def map_kernel(
        self, va: Gva, frames: tuple[Gfn, ...], *, writable: bool = True, shared: bool = False
    ) -> None:
        """Map 4 KiB kernel pages (not executable) in every address space."""
        self._pages.validate_kernel_pages(va, frames)
        if shared:
            for frame in frames:
                self.set_encrypted(frame, False)
        self._pages.map_kernel(va, frames, writable=writable)

    def directmap_of(self, gfn: Gfn) -> Gva | None:
        """Address at which the kernel's directmap maps a frame, or None if it does not."""
        return self._pages.directmap_of(gfn)

    def set_encrypted(self, gfn: Gfn, encrypted: bool, *, keep: bool = True) -> None:
        """Flip a frame's state, and the C-bit of every mapping of it that the guest made.

        To keep a page's bytes, the guest saves them and writes them back; without that they
        read as garbage after the flip, for both sides.

        Raises:
            MachineError: the guest is not encrypted.
        """
        self._pages.set_encrypted(gfn, encrypted, keep=keep)
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
            raise MachineError("a PV guest has no P2M")
        name = p2m_type.name if isinstance(p2m_type, P2mType) else p2m_type
        if name not in P2mType.__members__:
            raise no_such("P2M type", name, P2mType.__members__)
        self._pages.set_p2m_type(gfn, P2mType[name])
        self._retyped.add(gfn.value)
