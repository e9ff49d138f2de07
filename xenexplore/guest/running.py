"""A running guest: vCPUs, processes, and their views of its memory."""

from __future__ import annotations

from abc import ABC, abstractmethod

from xenexplore.addr import Gfn, Gpa, Gva, Range, gfn_to_gpa, is_canonical, split_pages
from xenexplore.errors import MachineError
from xenexplore.guest.layout.regions import Layout, Region
from xenexplore.guest.page_tables import PageMappings
from xenexplore.guest.physical import GpaRegion
from xenexplore.guest.spec import GuestSpec
from xenexplore.guest.vcpus import Process, Vcpu
from xenexplore.memory import GuestMemory
from xenexplore.paging import PagingState
from xenexplore.paging.assumption import Assumption

__all__ = ["Running"]


class Running(ABC):
    """vCPUs and processes over one machine, each with the page tables that it has.

    Args:
        spec: the specification that it was built from.
        memory: its RAM, P2M and encryption state.
        tables: its page tables.

    Attributes:
        spec: as given.
        memory: as given.
        tables: as given.
        processes: processes known so far, by name.
        vcpus: its vCPUs, in order of index.
        layout: its linear address space as regions.
        gpa_regions: its guest-physical address space, by name.
        ram: guest-physical ranges that are RAM; empty for a PV guest.
        kinds: the kinds of place that its kernel has.
        assumed: what nothing says of it (a memory image).
    """

    layout: Layout
    gpa_regions: tuple[GpaRegion, ...]
    ram: tuple[Range[Gpa], ...] = ()
    kinds: tuple[str, ...]
    assumed: tuple[Assumption, ...] = ()

    def __init__(self, spec: GuestSpec, memory: GuestMemory, tables: PageMappings) -> None:
        self.spec = spec
        self.memory = memory
        self.tables = tables
        self.processes: dict[str, Process] = {}
        self.vcpus: list[Vcpu] = []

    @property
    @abstractmethod
    def stack_size(self) -> int:
        """Bytes of a kernel stack."""

    @property
    @abstractmethod
    def table_frames(self) -> tuple[Gfn, ...]:
        """Frames with page tables, as far as known."""

    @abstractmethod
    def linear_region(self, word: str) -> Region | None:
        """A contiguous region of the linear address space, or None."""

    @abstractmethod
    def lacks_region(self, word: str) -> str:
        """Reason why there is no such linear region, for messages."""

    @abstractmethod
    def paging_state(
        self, vcpu: int = 0, *, user_access: bool = False, process: str | None = None
    ) -> PagingState:
        """The control state under which Xen walks for a hypercall of this vCPU."""

    @abstractmethod
    def process(self, name: str) -> Process:
        """The process of that name."""

    @abstractmethod
    def switch(self, vcpu: int, process: str) -> None:
        """Let a vCPU run a process."""

    def enter_user(self, vcpu: int) -> None:
        """Let a vCPU's process run in user mode; under page-table isolation on its own CR3.

        Raises:
            MachineError: the vCPU runs the kernel's own address space.
        """
        runs = self.vcpu(vcpu)
        process = self.processes[runs.process]
        if process.pid == 0:
            raise MachineError(f"vCPU {vcpu} runs no process: it has no user mode to enter")
        if process.user_root is not None:
            runs.cr3 = process.user_root
        runs.cpl = 3

    def enter_kernel(self, vcpu: int) -> None:
        """Let a vCPU run its process's kernel side again."""
        runs = self.vcpu(vcpu)
        runs.cr3 = self.processes[runs.process].root
        runs.cpl = 0

    def vcpu(self, index: int) -> Vcpu:
        """The vCPU of an index.

        Raises:
            MachineError: there is none.
        """
        if not 0 <= index < self.spec.vcpus:
            raise MachineError(f"no vCPU {index}: the guest has {self.spec.vcpus}, from 0")
        return self.vcpus[index]

    def root(self, vcpu: int | None, process: str | None) -> int:
        """Root of a process's page tables, or of those of a vCPU's process."""
        if process is not None:
            return self.process(process).root.value
        return self.processes[self.vcpu(vcpu or 0).process].root.value

    def truth(
        self, va: Gva, length: int, *, vcpu: int | None = None, process: str | None = None
    ) -> tuple[tuple[Gpa | None, int], ...]:
        """Place of ``length`` bytes at ``va`` by the guest's own tables: what a caller *means*.

        No permission checks, tables read as plaintext (as the guest's CPU does),
        C-bit removed; one piece per page touched, None where nothing is mapped or
        the address is not canonical.  By default in vCPU 0's current process.
        A PV guest's tables hold machine frames: its pieces are machine addresses.

        Raises:
            AddressError: the range wraps past the end of the address space.
        """
        root = self.root(vcpu, process)
        pieces: list[tuple[Gpa | None, int]] = []
        for at, size in split_pages(va, length):
            gfn = None
            if self.is_canonical(at.value):
                gfn = self.tables.frame(root, at.value)
            pieces.append((None if gfn is None else gfn_to_gpa(Gfn(gfn)) + at.offset, size))
        return tuple(pieces)

    def is_canonical(self, address: int) -> bool:
        """Whether an address is canonical in its paging mode."""
        return address >> 64 == 0 and is_canonical(address, 57 if self.spec.la57 else 48)

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
        """Write as the guest does, by linear address; write protection is ignored.

        A and D are set in the pages' entries, as its CPU sets them.

        Raises:
            MachineError: a page is not mapped, or maps no RAM.
        """
        root, done = self.root(vcpu, process), 0
        for gpa, size in self.truth(va, len(data), vcpu=vcpu, process=process):
            if gpa is None or not self.memory.guest.write(gpa.value, data[done : done + size]):
                raise MachineError(f"the guest cannot write {len(data)} bytes at {va.hex()}")
            self.tables.mark_touched(root, va.value + done, written=True)
            done += size
