"""The vCPUs, processes and kernel stacks of a guest that was built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from xenexplore.addr import PAGE_SHIFT, Gfn, Gpa, Gva, Range
from xenexplore.guest.booted import booted_guest
from xenexplore.guest.layout.regions import Region
from xenexplore.guest.page_tables import MappingRights
from xenexplore.guest.placement.placer import Placer
from xenexplore.guest.running import Running
from xenexplore.guest.spec import GuestSpec, no_such
from xenexplore.guest.vcpus import KERNEL_SPACE, Process, Vcpu
from xenexplore.paging import PagingState
from xenexplore.paging.state import CR4_PKE, CR4_SMAP, CR4_SMEP, EFLAGS_AC

__all__ = ["BootedRunning"]

#: Linux: init_pkru_value: every key but 0 denied (arch/x86/mm/pkeys.c).
_PKRU = 0x5555_5554


class BootedRunning(Running):
    """vCPUs and processes of a kernel that has booted.

    Args:
        spec: what to build.

    Attributes:
        booted: its memory and tables.
        placer: where its kernel has room for buffers.
    """

    def __init__(self, spec: GuestSpec) -> None:
        self.booted = booted_guest(spec)
        super().__init__(spec, self.booted.memory, self.booted.spaces)
        kernel, physical = self.booted.kernel, self.booted.physical
        self._parts = kernel.parts()
        self.layout = kernel.layout()
        self.gpa_regions = (*physical.regions, *kernel.reserved())
        if spec.has_p2m:
            self.ram = tuple(
                Range(Gpa(start << PAGE_SHIFT), (end - start) << PAGE_SHIFT)
                for start, end in physical.ram
            )
        self.kinds = tuple(kernel.kinds)
        self._stacks: dict[tuple[str, int], int] = {}
        self.placer = Placer(kernel, self.booted.frames, self._stack_of, self._mapped_pfn)
        root = Gpa(self.booted.spaces.kernel)
        self.processes = {KERNEL_SPACE: Process(name=KERNEL_SPACE, pid=0, root=root)}
        self.vcpus = [
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
    def stack_size(self) -> int:
        """Bytes of a kernel stack."""
        return self.booted.kernel.stack_pages << PAGE_SHIFT

    @property
    def table_frames(self) -> tuple[Gfn, ...]:
        """Frames that hold page tables."""
        return self.booted.spaces.table_frames

    def linear_region(self, word: str) -> Region | None:
        """A contiguous region, or None if this kernel has none of that name.

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
        """Reason why there is no such contiguous region, for messages."""
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
        kernel = self.booted.kernel
        cr4 = pkru = 0
        if kernel.smep_smap and self.spec.smap and self.spec.has_p2m:
            cr4 = CR4_SMEP | CR4_SMAP
            if self.spec.paging == "hap":
                cr4, pkru = cr4 | CR4_PKE, _PKRU
        runs = self.vcpu(vcpu)
        root = self.root(vcpu, process)
        state = self.booted.spaces.registers(
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
        if process is not None or runs.cr3.value == root:
            return state
        # Another table of the same process: user mode's, under page-table isolation.
        return replace(state, cr3=state.cr3 + runs.cr3.value - root)

    def process(self, name: str) -> Process:
        """The process of that name; made at first use, with a root table of its own.

        Raises:
            MachineError: this kernel has no processes.
        """
        if name not in self.processes:
            if not self.booted.kernel.processes:
                raise no_such("process", name, self.processes, "this kernel has one address space")
            root, user = self.booted.new_root()
            self.processes[name] = Process(
                name=name,
                pid=len(self.processes),
                root=Gpa(root),
                user_root=None if user is None else Gpa(user),
            )
        return self.processes[name]

    def switch(self, vcpu: int, process: str) -> None:
        """Let a vCPU run a process: its CR3, its thread's kernel stack.  Xen is not notified."""
        runs = self.vcpu(vcpu)
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
        super().enter_user(vcpu)
        process = self.processes[self.vcpu(vcpu).process]
        if process.user_root is not None:
            self.booted.spaces.sync_user(process.root.value, process.user_root.value)

    def _stack_of(self, process: str, vcpu: int) -> int:
        """Lowest address of the stack of a process' thread on a vCPU; mapped at first use."""
        if (process, vcpu) not in self._stacks:
            boot = self.booted.kernel.boot_stack(vcpu) if process == KERNEL_SPACE else None
            if boot is None:
                boot, pfns = self.placer.map_stack()
                self.booted.map(self.booted.spaces.kernel, boot, pfns, MappingRights())
            self._stacks[process, vcpu] = boot
        return self._stacks[process, vcpu]

    def _mapped_pfn(self, va: int, process: str) -> int | None:
        gfn = self.booted.spaces.frame(self.process(process).root.value, va)
        return None if gfn is None else self.booted.to_pfn(gfn)


def _spanned(parts: Sequence[Region]) -> Region:
    """The pieces of a region as one, if va minus physical is the same in all; else the largest."""
    first, last = parts[0], parts[-1]
    offsets = {
        None if part.physical is None else part.start.value - part.physical.value for part in parts
    }
    if len(offsets) > 1 or None in offsets:
        return max(parts, key=lambda part: part.size)
    return replace(first, size=last.end - first.start.value)
