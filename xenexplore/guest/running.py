"""A guest that runs: vCPUs, processes, kernel stacks, and what it sees of its memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from xenexplore.addr import (
    PAGE_SHIFT,
    Gfn,
    Gpa,
    Gva,
    Range,
    gfn_to_gpa,
    is_canonical,
    split_pages,
)
from xenexplore.errors import MachineError
from xenexplore.guest.booted import BootedGuest
from xenexplore.guest.layout.regions import Layout, Region
from xenexplore.guest.page_tables import MappingRights, PageMappings
from xenexplore.guest.physical import GpaRegion
from xenexplore.guest.placement.placer import Placer
from xenexplore.guest.spec import GuestSpec, no_such
from xenexplore.guest.vcpus import KERNEL_SPACE, Process, Vcpu
from xenexplore.memory import GuestMemory
from xenexplore.paging import PagingState
from xenexplore.paging.assumption import Assumption
from xenexplore.paging.state import CR4_PKE, CR4_SMAP, CR4_SMEP, EFLAGS_AC

__all__ = ["Running"]

#: Linux: init_pkru_value: every key but 0 denied (arch/x86/mm/pkeys.c).
_PKRU = 0x5555_5554


class Running:
    """vCPUs and processes over one machine, each with the page tables it would have.

    Attributes:
        spec: what it was built from.
        vcpus: its vCPUs, in order of index.
        layout: its linear address space as regions.
        gpa_regions: its guest-physical address space: RAM and holes, then what the
            kernel took of the RAM at boot.
        ram: guest-physical ranges that are RAM; empty for a PV guest, which has no
            guest-physical address space of its own.
        kinds: the kinds of place that its kernel has.
        assumed: of a guest that is a memory image: what nothing says of it.
    """

    def __init__(self, spec: GuestSpec) -> None:
        self.spec = spec
        self._booted = BootedGuest(spec)
        self._tables: PageMappings = self._booted.spaces
        kernel, physical = self._booted.kernel, self._booted.physical
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
        self.assumed: tuple[Assumption, ...] = ()
        self._stacks: dict[tuple[str, int], int] = {}
        self._placer = Placer(kernel, self._booted.frames, self._stack_of, self._mapped_pfn)
        root = Gpa(self._booted.spaces.kernel)
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
        return self._booted.memory

    @property
    def regions(self) -> tuple[Region, ...]:
        """Its linear address space by name, without gaps, in order of address."""
        return self.layout.regions

    @property
    def stack_size(self) -> int:
        """Bytes of a kernel stack."""
        return self._booted.kernel.stack_pages << PAGE_SHIFT

    @property
    def table_frames(self) -> tuple[Gfn, ...]:
        """Frames that hold page tables."""
        return self._booted.spaces.table_frames

    def linear_region(self, word: str) -> Region | None:
        """A region in one piece, or None if this kernel has none of that name.

        ``directmap``, ``kernel-image``, ``image-data``, ``percpu``: dashes or
        spaces.  Of several pieces (RAM on both sides of a hole) all, with the hole,
        where they are one linear mapping, as a directmap is; else the largest.  An
        identity map of RAM counts as a directmap.
        """
        name = word.replace("-", " ")
        names = {name, "identity"} if name == "directmap" else {name}
        found = [part for part in self._parts if part.name in names]
        if not found:
            return None
        whole = _spanned(found)
        return whole if self.spec.has_p2m else replace(whole, physical=None)

    def lacks_region(self, word: str) -> str:
        """Why there is no such linear region, or none in one piece, for messages."""
        return f"kernel {self.spec.kernel!r} has no {word}"

    def paging_state(
        self, vcpu: int = 0, *, user_access: bool = False, process: str | None = None
    ) -> PagingState:
        """The control state under which Xen walks for a hypercall of this vCPU.

        Ring 0; CR0.WP, EFER.NXE, CR4.SMEP, SMAP and PKE as this kernel sets them
        (protection keys are shown under HAP only: PKU in cpufeatureset.h).
        An encrypted guest's has the C-bit's position and CR3 with the C-bit, as
        a Xen that knows of encryption would: what such a walk reads is
        ciphertext all the same.  PV: what Xen's own accesses meet, SMAP lifted.

        Args:
            vcpu: index of the vCPU.
            user_access: EFLAGS.AC, which privcmd raises (stac) around the call.
            process: with this process's CR3 instead of the vCPU's own.
        """
        kernel = self._booted.kernel
        cr4 = pkru = 0
        if kernel.smep_smap and self.spec.smap and self.spec.has_p2m:
            cr4 = CR4_SMEP | CR4_SMAP
            if self.spec.paging == "hap":
                cr4, pkru = cr4 | CR4_PKE, _PKRU
        runs = self._vcpu(vcpu)
        root = self._root(vcpu, process)
        state = self._booted.spaces.registers(
            root,
            cr4=cr4,
            nxe=kernel.nx,
            wp=kernel.wp,
            eflags=2 | (EFLAGS_AC if user_access else 0),
            pkru=pkru,
            page1gb=self.spec.has_gib_pages,
            amd=self.spec.encrypted,
            shadow=self.spec.paging == "shadow",
        )
        if process is not None:
            return state
        # Another table of the same process: user mode's, under page-table isolation.
        return replace(state, cr3=state.cr3 + runs.cr3.value - root)

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
            if not self._booted.kernel.processes:
                raise no_such("process", name, self._processes, "this kernel has one address space")
            root, user = self._booted.new_root()
            self._processes[name] = Process(
                name=name,
                pid=len(self._processes),
                root=Gpa(root),
                user_root=None if user is None else Gpa(user),
            )
        return self._processes[name]

    def switch(self, vcpu: int, process: str) -> None:
        """Let a vCPU run a process: its CR3, its thread's kernel stack.  Xen is not notified."""
        runs = self._vcpu(vcpu)
        runs.cr3 = self.process(process).root
        runs.cpl = 0
        runs.process = process
        runs.kernel_stack = Gva(self._stack_of(process, vcpu))
        runs.registers["rsp"] = runs.kernel_stack.value + self.stack_size - 0x200

    def enter_user(self, vcpu: int) -> None:
        """Let a vCPU's process run in user mode; under page-table isolation on its own CR3.

        Raises:
            MachineError: the vCPU runs the kernel's own address space.
        """
        runs = self._vcpu(vcpu)
        process = self._processes[runs.process]
        if process.pid == 0:
            raise MachineError(f"vCPU {vcpu} runs no process: it has no user mode to enter")
        if process.user_root is not None:
            self._booted.spaces.sync_user(process.root.value, process.user_root.value)
            runs.cr3 = process.user_root
        runs.cpl = 3

    def enter_kernel(self, vcpu: int) -> None:
        """Let a vCPU run its process' kernel side again."""
        runs = self._vcpu(vcpu)
        runs.cr3 = self._processes[runs.process].root
        runs.cpl = 0

    def _vcpu(self, index: int) -> Vcpu:
        if not 0 <= index < self.spec.vcpus:
            raise MachineError(f"no vCPU {index}: the guest has {self.spec.vcpus}, from 0")
        return self.vcpus[index]

    def _stack_of(self, process: str, vcpu: int) -> int:
        """Lowest address of the stack of a process' thread on a vCPU; mapped at first use."""
        if (process, vcpu) not in self._stacks:
            boot = self._booted.kernel.boot_stack(vcpu) if process == KERNEL_SPACE else None
            if boot is None:
                boot, pfns = self._placer.map_stack()
                self._booted.map(self._booted.spaces.kernel, boot, pfns, MappingRights())
            self._stacks[process, vcpu] = boot
        return self._stacks[process, vcpu]

    def _root(self, vcpu: int | None, process: str | None) -> int:
        if process is not None:
            return self.process(process).root.value
        return self._processes[self._vcpu(vcpu or 0).process].root.value

    def _mapped_pfn(self, va: int, process: str) -> int | None:
        gfn = self._booted.spaces.frame(self.process(process).root.value, va)
        return None if gfn is None else self._booted.to_pfn(gfn)

    def truth(
        self, va: Gva, length: int, *, vcpu: int | None = None, process: str | None = None
    ) -> tuple[tuple[Gpa | None, int], ...]:
        """Where the guest's own tables put ``length`` bytes at ``va``: what a caller *means*.

        No permission checks, tables read as plaintext (as the guest's CPU does),
        C-bit removed; one piece per page touched, None where nothing is mapped or
        the address is not canonical.  By default in vCPU 0's current process.
        A PV guest's tables hold machine frames: its pieces are machine addresses.

        Raises:
            AddressError: the range wraps past the end of the address space.
        """
        root = self._root(vcpu, process)
        pieces: list[tuple[Gpa | None, int]] = []
        for at, size in split_pages(va, length):
            gfn = None
            if self._is_canonical(at.value):
                gfn = self._tables.frame(root, at.value)
            pieces.append((None if gfn is None else gfn_to_gpa(Gfn(gfn)) + at.offset, size))
        return tuple(pieces)

    def _is_canonical(self, address: int) -> bool:
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
        """Write as the guest does, by linear address; write protection is not looked at.

        A and D are set in the pages' entries, as its CPU sets them.

        Raises:
            MachineError: a page is not mapped, or maps no RAM.
        """
        root, done = self._root(vcpu, process), 0
        for gpa, size in self.truth(va, len(data), vcpu=vcpu, process=process):
            if gpa is None or not self.memory.guest.write(gpa.value, data[done : done + size]):
                raise MachineError(f"the guest cannot write {len(data)} bytes at {va.hex()}")
            self._tables.mark_touched(root, va.value + done, written=True)
            done += size


def _spanned(parts: Sequence[Region]) -> Region:
    """The pieces of a region as one, if va minus physical is the same in all; else the largest."""
    first, last = parts[0], parts[-1]
    offsets = {
        None if part.physical is None else part.start.value - part.physical.value for part in parts
    }
    if len(offsets) > 1 or None in offsets:
        return max(parts, key=lambda part: part.size)
    return replace(first, size=last.end - first.start.value)
