"""A memory image as a guest: hypercalls with buffers at any address that its own tables map.

The image's memory, page tables and registers are those of the guest.  What an image
does not say is refused, or told by the caller: free memory for what a design places
in the guest (``spare``), where the directmap is.  Nothing is written to the file.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gfn, Gpa, Gva, Mfn
from xenexplore.errors import MachineError, UnsaidError
from xenexplore.guest.booted import FRAMELESS
from xenexplore.guest.domain import Domain
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
from xenexplore.guest.placement.buffers import KINDS, Buffer
from xenexplore.guest.placement.placement import touched
from xenexplore.guest.spare_pages import SparePages
from xenexplore.guest.spec import GuestSpec, no_such
from xenexplore.guest.vcpus import Process
from xenexplore.memory import GuestMemory, P2mType
from xenexplore.memory.image_memory import held_frames, memory_of
from xenexplore.memory.p2m import P2m
from xenexplore.paging import Mode, PagingState
from xenexplore.paging.image_target import MODE_NAMES
from xenexplore.paging.state import CR4_PKE, CR4_SMAP, CR4_SMEP, EFLAGS_AC

__all__ = ["ImageDomain"]

_PV_LIFTED = CR4_SMEP | CR4_SMAP | CR4_PKE


class ImageDomain(Domain):
    """A guest that is a memory image, under the interface of one that was built.

    Each vCPU is in a process of its own, ``"vcpu0"`` and so on, whose tables are those in
    its CR3; a hypercall is made at ring 0 wherever the vCPU was when the image was
    taken.  Buffers are given by address (kind ``fixed``).

    Args:
        spec: with an ``image``.

    Raises:
        ImageError: the image cannot be read, or does not say where its page tables are.
        MachineError: it is no image of a 64-bit guest of this type, or what the spec says
            of it is not so.
        OSError: the file cannot be opened.
    """

    def __init__(self, spec: GuestSpec, *, release: str = "4.17") -> None:
        # Nothing is built: what Domain and Running would boot is found in the image.
        self.release = release
        source = spec.image
        if source is None:
            raise MachineError("a guest that is a memory image needs one")
        first = open_source(source)
        self._source, self._name = source, Path(first.image.name).name
        validate_guest(spec, first)
        self.spec = replace(
            spec,
            memory=first.image.ram_bytes,
            la57=first.state.mode is Mode.LEVEL5,
        )
        known = list(vcpu_states(source, first, spec.vcpus))
        self._states = [one.state for one in known]
        self.assumed = tuple(dict.fromkeys(what for one in known for what in one.assumed))
        self._memory = memory_of(first.image, order=spec.p2m_order, pv=not spec.has_p2m)
        self._found = self._tables = ImageTables(self._memory, first.state)
        self._buffers = {}
        self._processes = {}
        self.vcpus = []
        for index, state in enumerate(self._states):
            number = source.first_vcpu + index
            if state.mode is not first.state.mode:
                raise MachineError(
                    f"vCPU {number} of {self._name} uses {MODE_NAMES[state.mode]}, the first one "
                    f"{MODE_NAMES[first.state.mode]}: expected one mode; take fewer vCPUs"
                )
            root = Gpa(state.cr3 & state.plan.top_mask)
            name = f"vcpu{index}"
            self._processes[name] = Process(name=name, pid=index, root=root)
            self.vcpus.append(image_vcpu(index, name, root, first.image, number))
        runs = held_frames(first.image)
        self.kinds = ("fixed",)
        self.gpa_regions = tuple(held_regions(runs, spec.has_p2m))
        self.ram = tuple(frame_range(*run) for run in runs) if spec.has_p2m else ()
        self._directmap = self._checked_directmap(runs)
        self._parts = halves(first.state.mode) + ([self._directmap] if self._directmap else [])
        self.layout = Layout(f"the dumped guest, {MODE_NAMES[first.state.mode]}", tile(self._parts))
        self._spare = SparePages(self._name, self._spare_pages())

    @property
    def memory(self) -> GuestMemory:
        """The image's memory; written to in copies of its pages."""
        return self._memory

    @property
    def stack_size(self) -> int:
        """Bytes of a kernel stack: an image does not say.

        Raises:
            UnsaidError: always.
        """
        raise UnsaidError(
            f"{self._name} does not say where a kernel stack begins and ends: name the "
            "buffers instead (buffer:NAME)"
        )

    @property
    def table_frames(self) -> tuple[Gfn, ...]:
        """The roots: which other frames hold page tables is not looked for."""
        roots = (process.root.value >> PAGE_SHIFT for process in self._processes.values())
        return tuple(Gfn(frame) for frame in dict.fromkeys(roots))

    def linear_region(self, word: str) -> Region | None:
        """The directmap, if the spec says where it is; no other region is known."""
        return self._directmap if word == "directmap" else None

    def lacks_region(self, word: str) -> str:
        """Why there is no such linear region."""
        if word == "directmap":
            return f"{self._name} does not say where its directmap is (directmap = ADDRESS)"
        return f"{self._name} does not say where its {word} is, so none is known"

    def paging_state(
        self, vcpu: int = 0, *, user_access: bool = False, process: str | None = None
    ) -> PagingState:
        """The registers that the image recorded, as a hypercall at ring 0 meets them.

        PV: what Xen's own accesses meet, SMEP, SMAP and protection keys lifted.
        """
        state = self._states[vcpu] if 0 <= vcpu < len(self._states) else self._states[0]
        return replace(
            state,
            cr3=self._vcpu(vcpu).cr3.value if process is None else self.process(process).root.value,
            cr4=state.cr4 & ~(0 if self.spec.has_p2m else _PV_LIFTED),
            eflags=2 | (EFLAGS_AC if user_access else 0),
            cpl=0,
        )

    def process(self, name: str) -> Process:
        """The address space of one of the image's vCPUs, by name.

        Raises:
            MachineError: there is no such one.
        """
        if name not in self._processes:
            raise no_such("process", name, self._processes, "an image has those in its CR3s")
        return self._processes[name]

    def switch(self, vcpu: int, process: str) -> None:
        """Let a vCPU load the CR3 of another of the image's vCPUs.  Xen is not notified."""
        runs = self._vcpu(vcpu)
        runs.cr3, runs.process = self.process(process).root, process

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
        """Give a name to memory of the image; without an address, to some of its spare memory.

        What lies there stays unless ``contents`` are given.  Pages need not be mapped:
        the record has the frames up to the first that is not.

        Args:
            name: a new name.
            kind: ``fixed``; any kind where there is spare memory and no address.
            size: bytes, at least 1.
            offset: offset in the first page of spare memory.
            vcpu: whose current process has the tables.
            process: in whose tables instead.
            contents: written over the first bytes, in a copy.
            address: exact linear address.
            frames: what the tables must map there; the image decides it.
            shared: of no effect: the image is not encrypted.
            writable: False: it is made read-only in a copy of its tables.

        Raises:
            ImageError: a page table or the memory of a contents is not in the image.
            UnsaidError: there is no address, and no spare memory left.
            MachineError: as of any guest; or the tables map other frames.
        """
        self._validate(name, size, offset, address, contents, None)
        owner = self.process(process if process is not None else self._vcpu(vcpu).process)
        if address is None:
            if kind not in KINDS:
                raise no_such("kind of place", kind, KINDS)
            at = (offset or 0) + self._spare.take_linear(touched(offset or 0, size))
        else:
            if kind != "fixed":
                raise no_such(
                    "kind of place in a memory image", kind, self.kinds, "it has what it has"
                )
            at = address.value
        del shared
        buffer = self._record(name, at, size, vcpu, owner, writable=True)
        if frames is not None and frames != buffer.frames:
            mapped = ", ".join(frame.hex() for frame in buffer.frames) or "none"
            raise MachineError(f"buffer {name!r}: the image maps other frames there: {mapped}")
        self._buffers[name] = buffer
        if contents is not None:
            self.write(buffer.va, contents, process=owner.name)
        return buffer if writable else self.set_writable(name, False)

    def _record(
        self, name: str, at: int, size: int, vcpu: int, owner: Process, *, writable: bool
    ) -> Buffer:
        """A buffer's record as the tables are now."""
        root = owner.root.value
        pages = range(at & -PAGE_SIZE, at + size, PAGE_SIZE)
        found = itertools.takewhile(
            lambda gfn: gfn is not None, (self._found.frame(root, page) for page in pages)
        )
        frames = tuple(Gfn(gfn) for gfn in found if gfn is not None)
        return Buffer(
            name=name,
            kind="fixed",
            va=Gva(at),
            size=size,
            process=owner.name,
            vcpu=vcpu,
            frames=frames,
            contiguous=all(b - a == 1 for a, b in itertools.pairwise(frames)),
            aliases=tuple(map(self.directmap_of, frames)),
            writable=writable and all(self._found.writable(root, page) for page in pages),
            shared=True,
        )

    def remap(self, name: str, *, frames: tuple[Gfn, ...] | None = None) -> Buffer:
        """Map other frames at a buffer's address, in a copy of its tables, without notice.

        Raises:
            ImageError: a table is not in the image.
            UnsaidError: there are no spare frames for it, or a large page maps it.
            MachineError: no such buffer, or not one frame per page.
        """
        buffer = self._buffer(name)
        pages = touched(buffer.va.offset, buffer.size)
        if frames is None:
            frames = self.alloc_frames(pages, contiguous=False)
        elif len(frames) != pages:
            raise MachineError(f"buffer {name!r} touches {pages} pages, got {len(frames)} frames")
        owner = self._processes[buffer.process or "vcpu0"]
        for index, frame in enumerate(frames):
            at = (buffer.va.value & -PAGE_SIZE) + (index << PAGE_SHIFT)
            self._memory.p2m.entry(frame.value)  # refused if the image does not hold it
            self._found.remap(owner.root.value, at, frame.value)
        self._buffers[name] = self._record(
            name, buffer.va.value, buffer.size, buffer.vcpu, owner, writable=buffer.writable
        )
        return self._buffers[name]

    def alloc_frames(self, count: int, *, contiguous: bool, align: int = 1) -> tuple[Gfn, ...]:
        """Take frames of the spare memory: consecutive, or no two consecutive.

        Raises:
            UnsaidError: there is no spare memory, or not enough.
            MachineError: the count is below 1.
        """
        if count < 1 or align < 1:
            raise MachineError(f"{count} frames aligned to {align}: expected at least 1 of each")
        return tuple(map(Gfn, self._spare.take_frames(count, contiguous=contiguous, align=align)))

    def map_kernel(
        self, va: Gva, frames: tuple[Gfn, ...], *, writable: bool = True, shared: bool = False
    ) -> None:
        """Map more pages: refused.

        Raises:
            UnsaidError: always.
        """
        del frames, writable, shared
        raise UnsaidError(
            f"{self._name} does not say which linear addresses are free to map, as "
            f"{va.hex()} would have to be"
        )

    def directmap_of(self, gfn: Gfn) -> Gva | None:
        """Where the directmap maps a frame, if the spec says where it is and the tables agree."""
        if self._directmap is None:
            return None
        at = self._directmap.start.value + (gfn.value << PAGE_SHIFT)
        mapped = at < self._directmap.end and self._frame0(at) == gfn.value
        return Gva(at) if mapped else None

    def set_encrypted(self, gfn: Gfn, encrypted: bool, *, keep: bool = True) -> None:
        """Refused: an image is read as it is, in plaintext.

        Raises:
            MachineError: always.
        """
        del gfn, encrypted, keep
        raise MachineError("this guest's memory is not encrypted: no page is private or shared")

    def _set_type(self, gfn: Gfn, kind: P2mType) -> None:
        """Give a frame of the image a type in Xen's P2M, which an image does not say."""
        p2m = self._memory.p2m
        assert isinstance(p2m, P2m)
        p2m.entry(gfn.value)  # refused if the image does not hold it
        p2m.map(gfn, None if kind in FRAMELESS else Mfn(gfn.value), 0, kind)

    def _frame0(self, va: int) -> int | None:
        return self._found.frame(self.vcpus[0].cr3.value, va)

    def _checked_directmap(self, runs: tuple[tuple[int, int], ...]) -> Region | None:
        """The directmap where the spec says it is, if the tables map each run of RAM so."""
        base = self._source.directmap
        if base is None:
            return None
        ends = [frame for first, end in runs for frame in (first, end - 1)]
        size = runs[-1][1] << PAGE_SHIFT
        if not self.spec.has_p2m:
            raise MachineError("directmap: a PV guest's maps machine frames that scatter")
        if not self._is_canonical(base.value) or not self._is_canonical(base.value + size - 1):
            raise MachineError(f"directmap {base.hex()}: no room for {size:#x} bytes there")
        found = {frame: self._frame0(base.value + (frame << PAGE_SHIFT)) for frame in ends}
        wrong = {frame: gfn for frame, gfn in found.items() if gfn not in (None, frame)}
        for frame, gfn in wrong.items():
            raise MachineError(
                f"directmap {base.hex()}: the page tables map frame {gfn:#x}, not {frame:#x}, at "
                f"{base.value + (frame << PAGE_SHIFT):#x}"
            )
        if not any(gfn is not None for gfn in found.values()):
            raise MachineError(f"directmap {base.hex()}: the page tables map no RAM there")
        return Region("directmap", base, size, RegionKind.DIRECTMAP, Gpa(0))

    def _spare_pages(self) -> Iterator[tuple[int, int]]:
        """The pages that the spec declares free, each mapped, writable and in the image."""
        start, count = self._source.spare, self._source.spare_pages
        for index in range(count):
            assert start is not None
            at = start.value + (index << PAGE_SHIFT)
            root = self.vcpus[0].cr3.value
            frame = self._found.frame(root, at) if self._is_canonical(at) else None
            if frame is None or not self._found.writable(root, at):
                what = "not mapped" if frame is None else "mapped read-only"
                raise MachineError(f"spare memory: page {index} at {at:#x} is {what}")
            self._memory.p2m.entry(frame)
            yield at, frame
