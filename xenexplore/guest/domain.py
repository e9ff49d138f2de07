"""A guest as a whole: RAM, page tables, processes, vCPUs and the buffers placed in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.guest.buffers import Buffer
from xenexplore.guest.process import Process, Vcpu
from xenexplore.guest.spec import GuestSpec

if TYPE_CHECKING:
    from xenexplore.guest.regions import Region
    from xenexplore.memory import GuestMemory
    from xenexplore.paging import PagingState

__all__ = ["Domain"]


class Domain:
    """A guest built from a spec: real page tables in its own RAM, made as needed.

    Everything is determined by the spec and the order of calls: no clock, no
    global random state.  Every vCPU begins in the process ``"init"`` (kernels
    without processes: ``"kernel"``), at ring 0, on that task's kernel stack.

    Attributes:
        spec: what it was built from.
        memory: its RAM, P2M and encryption state.
        vcpus: its vCPUs, in order of index.
        regions: its linear address space, by name, in order of address.
        gpa_regions: its guest-physical address space: RAM, holes, MMIO.
    """

    spec: GuestSpec
    memory: GuestMemory
    vcpus: list[Vcpu]
    regions: tuple[Region, ...]

    def __init__(self, spec: GuestSpec) -> None:
        raise NotImplementedError

    # -- address spaces and vCPUs

    def paging_state(self, vcpu: int = 0, *, user_access: bool = False) -> PagingState:
        """The control state under which Xen walks for a hypercall of this vCPU.

        Ring 0, CR0.WP=1, EFER.NXE=1, CR4.SMEP/SMAP as this kernel sets them;
        ``user_access`` is EFLAGS.AC, which privcmd raises (stac) around the call.
        """
        raise NotImplementedError

    @property
    def processes(self) -> Mapping[str, Process]:
        """Processes made so far, by name."""
        raise NotImplementedError

    def process(self, name: str) -> Process:
        """The process of that name; made at first use, with a root table of its own."""
        raise NotImplementedError

    def switch(self, vcpu: int, process: str) -> None:
        """Let a vCPU run a process: its CR3, its kernel stack.  Nobody is told."""
        raise NotImplementedError

    # -- buffers

    @property
    def buffers(self) -> Mapping[str, Buffer]:
        """Placed buffers by name, as they were last placed or remapped."""
        raise NotImplementedError

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
            process: for ``user`` and ``privcmd``: in whose page tables.
            contents: its first bytes; the rest is zero.
            address: exact linear address (excludes ``offset``).
            frames: exact frames, one per page touched.
            shared: encrypted guests: share its pages with the hypervisor
                (default no; ``bounce`` pages are placed with True).
            writable: map it writable.

        Raises:
            MachineError: no such kind in this kernel, a name in use, or a
                size, offset, address or frame that cannot be.
        """
        raise NotImplementedError

    def remap(self, name: str, *, frames: tuple[Gfn, ...] | None = None) -> Buffer:
        """Map other frames at a buffer's address; nobody is told.  Old frames keep their bytes."""
        raise NotImplementedError

    def unmap(self, name: str) -> None:
        """Make a buffer's pages not present.  The buffer keeps its name and record."""
        raise NotImplementedError

    def set_writable(self, name: str, writable: bool) -> Buffer:
        """Map a buffer's pages read-only or writable."""
        raise NotImplementedError

    # -- what the guest itself sees

    def truth(
        self, va: Gva, length: int, *, vcpu: int | None = None, process: str | None = None
    ) -> tuple[tuple[Gpa | None, int], ...]:
        """Where the guest's own tables put ``length`` bytes at ``va``: what a caller *means*.

        No permission checks, tables read as plaintext (as the guest's CPU does),
        C-bit removed; one piece per page touched, None where nothing is mapped.
        """
        raise NotImplementedError

    def read(
        self, va: Gva, length: int, *, vcpu: int | None = None, process: str | None = None
    ) -> bytes:
        """Read as the guest does, by linear address, plaintext.

        Raises:
            MachineError: a page is not mapped.
        """
        raise NotImplementedError

    def write(
        self, va: Gva, data: bytes, *, vcpu: int | None = None, process: str | None = None
    ) -> None:
        """Write as the guest does, by linear address (ignores write protection)."""
        raise NotImplementedError

    # -- frames

    def alloc_frames(self, count: int, *, contiguous: bool, align: int = 1) -> tuple[Gfn, ...]:
        """Take free frames: consecutive, first one a multiple of ``align``; or no two consecutive.

        PV: consecutive means consecutive PFNs; the frames (MFNs) never are.
        """
        raise NotImplementedError

    def map_kernel(
        self, va: Gva, frames: tuple[Gfn, ...], *, writable: bool = True, shared: bool = False
    ) -> None:
        """Map 4 KiB kernel pages (not executable) in every address space."""
        raise NotImplementedError

    def directmap_of(self, gfn: Gfn) -> Gva | None:
        """Where the kernel's directmap maps a frame, or None if it has none there."""
        raise NotImplementedError

    def frames_of(self, name: str) -> tuple[Gfn | None, ...]:
        """The frames that the page tables map for a buffer now, one per page."""
        raise NotImplementedError

    def set_encrypted(self, gfn: Gfn, encrypted: bool) -> None:
        """Flip a frame's state, and the C-bit of every mapping of it that the guest made."""
        raise NotImplementedError

    def set_p2m_type(self, gfn: Gfn, p2m_type: str) -> None:
        """Change a frame's P2M type, by Xen's name (``"p2m_ram_ro"``, ``"p2m_ram_paged"``, …)."""
        raise NotImplementedError
