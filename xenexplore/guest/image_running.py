"""The vCPUs and address spaces of a guest that is a memory image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from xenexplore.addr import PAGE_SHIFT, Gfn, Gpa
from xenexplore.errors import MachineError, UnsaidError
from xenexplore.guest.image_machine import (
    frame_range,
    halves,
    held_regions,
    image_vcpu,
    open_source,
    validate_guest,
    vcpu_states,
)
from xenexplore.guest.image_tables import ImageTables
from xenexplore.guest.layout.regions import Layout, Region, RegionKind, tile
from xenexplore.guest.running import Running
from xenexplore.guest.spec import GuestSpec, no_such
from xenexplore.guest.vcpus import Process
from xenexplore.memory.image_memory import held_frames, memory_of
from xenexplore.paging import Mode, PagingState
from xenexplore.paging.image_target import MODE_NAMES
from xenexplore.paging.state import CR4_PKE, CR4_SMAP, CR4_SMEP, EFLAGS_AC

__all__ = ["ImageRunning"]

_PV_LIFTED = CR4_SMEP | CR4_SMAP | CR4_PKE


class ImageRunning(Running):
    """State of an image's vCPUs, under the interface of a guest that was built.

    Args:
        spec: with an ``image``.

    Attributes:
        found: its page tables.
        name: the image's file name, for messages.
        source: what the spec says of the image.
        directmap: its directmap, where the spec says where it is.

    Raises:
        ImageError: the image cannot be read, or does not say where its page tables are.
        MachineError: it is not an image of a 64-bit guest of this type, or what the spec says
            of it is not so.
        OSError: the file cannot be opened.
    """

    def __init__(self, spec: GuestSpec) -> None:
        source = spec.image
        if source is None:
            raise MachineError("a guest that is a memory image needs one")
        first = open_source(source)
        self.source, self.name = source, Path(first.image.name).name
        validate_guest(spec, first)
        memory = memory_of(first.image, order=spec.p2m_order, pv=not spec.has_p2m)
        self.found = ImageTables(memory, first.state)
        spec = replace(spec, memory=first.image.ram_bytes, la57=first.state.mode is Mode.LEVEL5)
        super().__init__(spec, memory, self.found)
        known = list(vcpu_states(source, first, spec.vcpus))
        self._states = [one.state for one in known]
        self.assumed = tuple(dict.fromkeys(what for one in known for what in one.assumed))
        for index, state in enumerate(self._states):
            number = source.first_vcpu + index
            if state.mode is not first.state.mode:
                raise MachineError(
                    f"vCPU {number} of {self.name} uses {MODE_NAMES[state.mode]}, the first one "
                    f"{MODE_NAMES[first.state.mode]}: expected one mode; take fewer vCPUs"
                )
            root = Gpa(state.cr3 & state.plan.top_mask)
            name = f"vcpu{index}"
            self.processes[name] = Process(name=name, pid=index, root=root)
            self.vcpus.append(image_vcpu(index, name, root, first.image, number))
        runs = held_frames(first.image)
        self.kinds = ("fixed",)
        self.gpa_regions = tuple(held_regions(runs, spec.has_p2m))
        self.ram = tuple(frame_range(*run) for run in runs) if spec.has_p2m else ()
        self.directmap = self._checked_directmap(runs)
        parts = halves(first.state.mode) + ([self.directmap] if self.directmap else [])
        self.layout = Layout(f"the dumped guest, {MODE_NAMES[first.state.mode]}", tile(parts))

    @property
    def stack_size(self) -> int:
        """Bytes of a kernel stack: an image does not say.

        Raises:
            UnsaidError: always.
        """
        raise UnsaidError(
            f"{self.name} does not give the bounds of a kernel stack: name the "
            "buffers instead (buffer:NAME)"
        )

    @property
    def table_frames(self) -> tuple[Gfn, ...]:
        """The roots; other frames with page tables are not searched for."""
        roots = (process.root.value >> PAGE_SHIFT for process in self.processes.values())
        return tuple(Gfn(frame) for frame in dict.fromkeys(roots))

    def linear_region(self, word: str) -> Region | None:
        """The directmap, if the spec gives its address; no other region is known."""
        return self.directmap if word == "directmap" else None

    def lacks_region(self, word: str) -> str:
        """Reason why there is no such linear region."""
        if word == "directmap":
            return f"{self.name} does not say where its directmap is (directmap = ADDRESS)"
        return f"{self.name} does not say where its {word} is, so none is known"

    def paging_state(
        self, vcpu: int = 0, *, user_access: bool = False, process: str | None = None
    ) -> PagingState:
        """The registers in the image, as for a hypercall from ring 0.

        PV: what Xen's own accesses meet, SMEP, SMAP and protection keys lifted.
        """
        state = self._states[vcpu] if 0 <= vcpu < len(self._states) else self._states[0]
        return replace(
            state,
            cr3=self.vcpu(vcpu).cr3.value if process is None else self.process(process).root.value,
            cr4=state.cr4 & ~(0 if self.spec.has_p2m else _PV_LIFTED),
            eflags=2 | (EFLAGS_AC if user_access else 0),
            cpl=0,
        )

    def process(self, name: str) -> Process:
        """The address space of one of the image's vCPUs, by name.

        Raises:
            MachineError: there is no such one.
        """
        if name not in self.processes:
            raise no_such("process", name, self.processes, "an image has those in its CR3s")
        return self.processes[name]

    def switch(self, vcpu: int, process: str) -> None:
        """Let a vCPU load the CR3 of another of the image's vCPUs.  Xen is not notified."""
        runs = self.vcpu(vcpu)
        runs.cr3, runs.process = self.process(process).root, process

    def frame(self, va: int) -> int | None:
        """The frame that the first vCPU's tables map an address to, or None."""
        return self.found.frame(self.vcpus[0].cr3.value, va)

    def _checked_directmap(self, runs: tuple[tuple[int, int], ...]) -> Region | None:
        """The directmap where the spec says it is, if the tables map each run of RAM so."""
        base = self.source.directmap
        if base is None:
            return None
        ends = [frame for first, end in runs for frame in (first, end - 1)]
        size = runs[-1][1] << PAGE_SHIFT
        if not self.spec.has_p2m:
            raise MachineError("directmap: a PV guest's directmap maps scattered machine frames")
        if not self.is_canonical(base.value) or not self.is_canonical(base.value + size - 1):
            raise MachineError(f"directmap {base.hex()}: no room for {size:#x} bytes there")
        found = {frame: self.frame(base.value + (frame << PAGE_SHIFT)) for frame in ends}
        wrong = {frame: gfn for frame, gfn in found.items() if gfn not in (None, frame)}
        for frame, gfn in wrong.items():
            raise MachineError(
                f"directmap {base.hex()}: the page tables map frame {gfn:#x}, not {frame:#x}, at "
                f"{base.value + (frame << PAGE_SHIFT):#x}"
            )
        if not any(gfn is not None for gfn in found.values()):
            raise MachineError(f"directmap {base.hex()}: the page tables map no RAM there")
        return Region("directmap", base, size, RegionKind.DIRECTMAP, Gpa(0))
