"""A guest as a whole: RAM, page tables, processes, vCPUs and the buffers placed in it."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from xenexplore.addr import (
    PAGE_SHIFT,
    PAGE_SIZE,
    Gfn,
    Gpa,
    Gva,
    Range,
    gfn_to_gpa,
    is_canonical,
    split_pages,
)
from xenexplore.errors import MachineError
from xenexplore.guest.buffers import Buffer
from xenexplore.guest.machine import Machine
from xenexplore.guest.physical import GpaRegion
from xenexplore.guest.place import Placer, Request, Spot, touched
from xenexplore.guest.process import KERNEL_SPACE, Process, Vcpu
from xenexplore.guest.regions import Layout, Region
from xenexplore.guest.spec import GuestSpec, no_such
from xenexplore.guest.tables import Rights
from xenexplore.memory import GuestMemory, P2mType
from xenexplore.paging import PagingState
from xenexplore.paging.state import CR4_PKE, CR4_SMAP, CR4_SMEP, EFLAGS_AC

__all__ = ["Domain"]

#: Linux: init_pkru_value: every key but 0 denied (arch/x86/mm/pkeys.c).
_PKRU = 0x5555_5554
#: P2M types that stand for a frame that is not there.
_FRAMELESS = frozenset(
    {
        P2mType.p2m_invalid,
        P2mType.p2m_mmio_dm,
        P2mType.p2m_populate_on_demand,
        P2mType.p2m_ram_paged,
        P2mType.p2m_ram_paging_in,
    }
)


class Domain:
    """A guest built from a spec: real page tables in its own RAM, made as needed.

    Everything is determined by the spec and the order of calls: no clock, no
    global random state.  Every vCPU begins in the process ``"init"`` (kernels
    without processes: ``"kernel"``), at ring 0, on that task's kernel stack.

    Attributes:
        spec: what it was built from.
        vcpus: its vCPUs, in order of index.
        layout: its linear address space as regions.
        gpa_regions: its guest-physical address space: RAM and holes, then what the
            kernel took of the RAM at boot.
        ram: guest-physical ranges that are RAM; empty for a PV guest, which has no
            guest-physical address space of its own.
        kinds: the kinds of place that its kernel has.
    """

    def __init__(self, spec: GuestSpec) -> None:
        self.spec = spec
        self._machine = Machine(spec)
        kernel, physical = self._machine.kernel, self._machine.physical
        self._parts = kernel.parts()
        self.layout: Layout = kernel.layout()
        self.gpa_regions: tuple[GpaRegion, ...] = (*physical.regions, *kernel.reserved())
        self.ram: tuple[Range[Gpa], ...] = ()
        if spec.has_p2m:
            self.ram = tuple(
                Range(Gpa(start << PAGE_SHIFT), (end - start) << PAGE_SHIFT)
                for start, end in physical.ram
            )
        self.kinds: tuple[str, ...] = tuple(kernel.kinds)
        self._stacks: dict[tuple[str, int], int] = {}
        self._buffers: dict[str, Buffer] = {}
        self._placer = Placer(kernel, self._machine.frames, self._stack_of, self._kernel_pfn)
        root = Gpa(self._machine.spaces.kernel)
        self._processes = {KERNEL_SPACE: Process(name=KERNEL_SPACE, pid=0, root=root)}
        self.vcpus: list[Vcpu] = [
            Vcpu(
                index=index,
                process=KERNEL_SPACE,
                cr3=root,
                kernel_stack=Gva(0),
                percpu=Gva(kernel.percpu_base(index)),
            )
            for index in range(spec.vcpus)
        ]
        first = "init" if kernel.processes else KERNEL_SPACE
        for index in range(spec.vcpus):
            self.switch(index, first)

    @property
    def memory(self) -> GuestMemory:
        """Its RAM, P2M and encryption state."""
        return self._machine.memory

    @property
    def regions(self) -> tuple[Region, ...]:
        """Its linear address space by name, without gaps, in order of address."""
        return self.layout.regions

    @property
    def stack_size(self) -> int:
        """Bytes of a kernel stack."""
        return self._machine.kernel.stack_pages << PAGE_SHIFT

    @property
    def table_frames(self) -> tuple[Gfn, ...]:
        """Frames that hold page tables."""
        return self._machine.spaces.table_frames

    def linear_region(self, word: str) -> Region | None:
        """A region in one piece, or None if this kernel has none of that name.

        ``directmap``, ``kernel-image``, ``image-data``, ``percpu``: dashes or
        spaces.  Of several pieces (RAM on both sides of a hole) the largest; an
        identity map of RAM counts as a directmap.
        """
        name = word.replace("-", " ")
        names = {name, "identity"} if name == "directmap" else {name}
        found = [part for part in self._parts if part.name in names]
        if not found:
            return None
        largest = max(found, key=lambda part: part.size)
        return largest if self.spec.has_p2m else replace(largest, physical=None)

    # -- address spaces and vCPUs

    def paging_state(self, vcpu: int = 0, *, user_access: bool = False) -> PagingState:
        """The control state under which Xen walks for a hypercall of this vCPU.

        Ring 0; CR0.WP, EFER.NXE, CR4.SMEP, SMAP and PKE as this kernel sets them.
        An encrypted guest's has the C-bit's position and CR3 with the C-bit, as
        a Xen that knows of encryption would: what such a walk reads is
        ciphertext all the same.  PV: what Xen's own accesses meet, SMAP lifted.

        Args:
            vcpu: index of the vCPU.
            user_access: EFLAGS.AC, which privcmd raises (stac) around the call.
        """
        kernel = self._machine.kernel
        cr4 = pkru = 0
        if kernel.smep_smap and self.spec.has_p2m:
            cr4, pkru = CR4_SMEP | CR4_SMAP | CR4_PKE, _PKRU
        return self._machine.spaces.registers(
            self._vcpu(vcpu).cr3.value,
            cr4=cr4,
            nxe=kernel.nx,
            wp=kernel.wp,
            eflags=2 | (EFLAGS_AC if user_access else 0),
            pkru=pkru,
            page1gb=self.spec.gib_pages,
            amd=self.spec.encrypted,
        )

    @property
    def processes(self) -> Mapping[str, Process]:
        """Processes made so far, by name; ``"kernel"`` is the kernel's own address space."""
        return MappingProxyType(self._processes)

    def process(self, name: str) -> Process:
        """The process of that name; made at first use, with a root table of its own.

        Raises:
            MachineError: this kernel has no processes.
        """
        if name not in self._processes:
            if not self._machine.kernel.processes:
                raise no_such("process", name, self._processes, "this kernel has one address space")
            root = Gpa(self._machine.spaces.new_root())
            self._processes[name] = Process(name=name, pid=len(self._processes), root=root)
        return self._processes[name]

    def switch(self, vcpu: int, process: str) -> None:
        """Let a vCPU run a process: its CR3, its thread's kernel stack.  Nobody is told."""
        runs = self._vcpu(vcpu)
        runs.cr3 = self.process(process).root
        runs.process = process
        runs.kernel_stack = Gva(self._stack_of(process, vcpu))
        runs.registers["rsp"] = runs.kernel_stack.value + self.stack_size - 0x200

    def _vcpu(self, index: int) -> Vcpu:
        if not 0 <= index < self.spec.vcpus:
            raise MachineError(f"no vCPU {index}: the guest has {self.spec.vcpus}, from 0")
        return self.vcpus[index]

    def _stack_of(self, process: str, vcpu: int) -> int:
        """Lowest address of the stack of a process' thread on a vCPU; mapped at first use."""
        if (process, vcpu) not in self._stacks:
            boot = self._machine.kernel.boot_stack(vcpu) if process == KERNEL_SPACE else None
            if boot is None:
                boot, pfns = self._placer.map_stack()
                self._machine.map(self._machine.spaces.kernel, boot, pfns, Rights())
            self._stacks[process, vcpu] = boot
        return self._stacks[process, vcpu]

    def _root(self, vcpu: int | None, process: str | None) -> int:
        if process is not None:
            return self.process(process).root.value
        return self._vcpu(vcpu or 0).cr3.value

    def _kernel_pfn(self, va: int) -> int | None:
        spaces = self._machine.spaces
        gfn = spaces.frame(spaces.kernel, va)
        return None if gfn is None else self._machine.to_pfn(gfn)

    # -- buffers

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
            kind: one of :data:`~xenexplore.guest.buffers.KINDS` that this kernel has.
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
        request = Request(
            name=name,
            kind=kind,
            size=size,
            offset=offset,
            vcpu=vcpu,
            process=self.process(owner).name,
            address=None if address is None else address.value,
            pfns=None if frames is None else tuple(map(self._machine.owned_pfn, frames)),
        )
        spot = self._placer.find(request)
        root = self._root(vcpu, spot.process)
        rights = Rights(user=spot.user, touched=not spot.user, global_=not spot.user)
        self._machine.map(root, spot.va, spot.pfns, rights)
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

    def _is_canonical(self, address: int) -> bool:
        return address >> 64 == 0 and is_canonical(address, 57 if self.spec.la57 else 48)

    def _settle(
        self, request: Request, spot: Spot, *, writable: bool, shared: bool | None
    ) -> Buffer:
        """Record a buffer whose pages are mapped; share them if asked."""
        root = self._root(request.vcpu, spot.process)
        pages = touched(spot.va & PAGE_SIZE - 1, request.size)
        start = spot.va & -PAGE_SIZE
        found = [self._machine.spaces.frame(root, start + (i << PAGE_SHIFT)) for i in range(pages)]
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
        """Map other frames at a buffer's address; nobody is told.  Old frames keep their bytes.

        Raises:
            MachineError: no such buffer; its address lies in the directmap or the kernel
                image, which no kernel remaps; or not one frame per page.
        """
        buffer = self._buffer(name)
        if self._machine.boot_mapped(buffer.va.value):
            raise MachineError(
                f"buffer {name!r}: no kernel remaps {self.layout.find(buffer.va).name}"
            )
        if frames is None:
            frames = self.alloc_frames(len(buffer.frames), contiguous=False)
        elif len(frames) != len(buffer.frames):
            raise MachineError(
                f"buffer {name!r} touches {len(buffer.frames)} pages, got {len(frames)} frames"
            )
        pfns = tuple(map(self._machine.owned_pfn, frames))
        user = buffer.process is not None
        rights = Rights(writable=buffer.writable, user=user, touched=not user, global_=not user)
        self._machine.map(self._root(None, buffer.process), buffer.va.value, pfns, rights)
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
            self._machine.spaces.unmap(self._root(None, buffer.process), page.value)

    def set_writable(self, name: str, writable: bool) -> Buffer:
        """Map a buffer's pages read-only or writable."""
        buffer = self._buffer(name)
        for page in buffer.pages:
            self._machine.spaces.set_writable(
                self._root(None, buffer.process), page.value, writable
            )
        self._buffers[name] = replace(buffer, writable=writable)
        return self._buffers[name]

    def frames_of(self, name: str) -> tuple[Gfn | None, ...]:
        """The frames that the page tables map for a buffer now, one per page."""
        buffer = self._buffer(name)
        root = self._root(None, buffer.process)
        found = (self._machine.spaces.frame(root, page.value) for page in buffer.pages)
        return tuple(None if gfn is None else Gfn(gfn) for gfn in found)

    # -- what the guest itself sees

    def truth(
        self, va: Gva, length: int, *, vcpu: int | None = None, process: str | None = None
    ) -> tuple[tuple[Gpa | None, int], ...]:
        """Where the guest's own tables put ``length`` bytes at ``va``: what a caller *means*.

        No permission checks, tables read as plaintext (as the guest's CPU does),
        C-bit removed; one piece per page touched, None where nothing is mapped or
        the address is not canonical.  By default in vCPU 0's current process.

        Raises:
            AddressError: the range wraps past the end of the address space.
        """
        root = self._root(vcpu, process)
        pieces: list[tuple[Gpa | None, int]] = []
        for at, size in split_pages(va, length):
            gfn = None
            if self._is_canonical(at.value):
                gfn = self._machine.spaces.frame(root, at.value)
            pieces.append((None if gfn is None else gfn_to_gpa(Gfn(gfn)) + at.offset, size))
        return tuple(pieces)

    def read(
        self, va: Gva, length: int, *, vcpu: int | None = None, process: str | None = None
    ) -> bytes:
        """Read as the guest does, by linear address, plaintext.

        Raises:
            MachineError: a page is not mapped, or maps no RAM.
        """
        parts = []
        for gpa, size in self.truth(va, length, vcpu=vcpu, process=process):
            part = None if gpa is None else self.memory.guest.read(gpa.value, size)
            if part is None:
                raise MachineError(f"the guest cannot read {length} bytes at {va.hex()}")
            parts.append(part)
        return b"".join(parts)

    def write(
        self, va: Gva, data: bytes, *, vcpu: int | None = None, process: str | None = None
    ) -> None:
        """Write as the guest does, by linear address; write protection is not looked at.

        A and D are set in the pages' entries, as its CPU sets them.

        Raises:
            MachineError: a page is not mapped, or maps no RAM.
        """
        root, done = self._root(vcpu, process), 0
        for gpa, size in self.truth(va, len(data), vcpu=vcpu, process=process):
            if gpa is None or not self.memory.guest.write(gpa.value, data[done : done + size]):
                raise MachineError(f"the guest cannot write {len(data)} bytes at {va.hex()}")
            self._machine.spaces.mark_touched(root, va.value + done, written=True)
            done += size

    # -- frames

    def alloc_frames(self, count: int, *, contiguous: bool, align: int = 1) -> tuple[Gfn, ...]:
        """Take free frames: consecutive, first one a multiple of ``align``; or no two consecutive.

        PV: consecutive means consecutive PFNs; the frames (MFNs) never are.

        Raises:
            MachineError: there are not so many, or the count is below 1.
        """
        if count < 1 or align < 1:
            raise MachineError(f"{count} frames aligned to {align}: expected at least 1 of each")
        if contiguous:
            first = self._machine.frames.take_run(count, align)
            pfns = tuple(range(first, first + count))
        else:
            pfns = self._machine.frames.take_scattered(count)
        return tuple(map(self._machine.to_gfn, pfns))

    def map_kernel(
        self, va: Gva, frames: tuple[Gfn, ...], *, writable: bool = True, shared: bool = False
    ) -> None:
        """Map 4 KiB kernel pages (not executable) in every address space."""
        if (not va.value >> 63 and self._machine.kernel.processes) or va.offset:
            raise MachineError(f"{va.hex()} is not the start of a kernel page")
        pfns = tuple(map(self._machine.owned_pfn, frames))
        if shared:
            for frame in frames:
                self.set_encrypted(frame, False)
        rights = Rights(writable=writable)
        self._machine.map(self._machine.spaces.kernel, va.value, pfns, rights)

    def directmap_of(self, gfn: Gfn) -> Gva | None:
        """Where the kernel's directmap maps a frame, or None if it has none there."""
        pfn = self._machine.to_pfn(gfn.value)
        va = None if pfn is None else self._machine.kernel.directmap_va(pfn)
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
        self._machine.set_encrypted(gfn, encrypted, keep=keep)
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
        mfn = self._machine.machine_frame(gfn)
        self.memory.p2m.map(gfn, None if kind in _FRAMELESS else mfn, 0, kind)


def _consecutive(frames: tuple[Gfn, ...]) -> bool:
    return all(after - frame == 1 for frame, after in itertools.pairwise(frames))
