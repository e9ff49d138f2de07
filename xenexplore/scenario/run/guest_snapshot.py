"""The machine of a run as views show it: a frozen picture of the guest before the first action."""

from __future__ import annotations

from dataclasses import dataclass, fields

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.guest.layout.regions import Region
from xenexplore.guest.physical import GpaRegion
from xenexplore.guest.placement.buffers import PlacedBuffer
from xenexplore.guest.spec import GuestSpec
from xenexplore.guest.vcpus import Process
from xenexplore.paging.assumption import Assumption
from xenexplore.steps import Json, field_json

__all__ = ["GuestSnapshot", "P2mRun", "VcpuView"]


@dataclass(frozen=True, slots=True, kw_only=True)
class VcpuView:
    """A vCPU as the run begins.

    Attributes:
        index: from 0.
        process: name of the process that runs on it.
        cr3: root of its page tables (guest-physical; PV: machine).
        kernel_stack: lowest address of the running task's kernel stack; 0 if not known.
        percpu: base of its per-CPU area; 0 where the kernel has none, or it is not known.
    """

    index: int
    process: str
    cr3: Gpa
    kernel_stack: Gva
    percpu: Gva


@dataclass(frozen=True, slots=True, kw_only=True)
class P2mRun:
    """Guest frames in a row whose P2M entries have one type and one size.

    Attributes:
        gfn: the first one.
        frames: how many.
        p2m_type: Xen's name of the type; frames in no run are holes.
        order: log2 of the frames that each entry maps: 0, 9 or 18.
    """

    gfn: Gfn
    frames: int
    p2m_type: str
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSnapshot:
    """State that a picture of the machine needs.

    Attributes:
        spec: what the guest was built from.
        regions: its linear address space, in order of address, holes included
            (:class:`~xenexplore.guest.layout.regions.Region`: name, start, size, end,
            kind, physical).
        gpa_regions: its guest-physical address space: RAM, special pages,
            MMIO, holes, and what the kernel took at boot.
        p2m: runs of P2M entries; what lies between runs is a hole.  Empty for PV.
        buffers: every buffer: the scenario's as they were placed, then those
            that the option placed for itself (bounce pages).
        placed: how many of ``buffers`` are the scenario's.
        vcpus: its vCPUs, by index.
        processes: its processes, by order of creation.
        table_frames: guest frames that hold its page tables, in order of creation.
        assumed: of a guest that is a memory image: what nothing says, and is taken for
            granted.
    """

    spec: GuestSpec
    regions: tuple[Region, ...]
    gpa_regions: tuple[GpaRegion, ...]
    p2m: tuple[P2mRun, ...]
    buffers: tuple[PlacedBuffer, ...]
    placed: int
    vcpus: tuple[VcpuView, ...]
    processes: tuple[Process, ...]
    table_frames: tuple[Gfn, ...]
    assumed: tuple[Assumption, ...] = ()

    def buffer(self, name: str) -> PlacedBuffer | None:
        """The buffer of that name, or None."""
        return next((buffer for buffer in self.buffers if buffer.name == name), None)

    def region_of(self, va: Gva) -> Region | None:
        """The innermost region that holds a linear address, or None."""
        return next((region for region in self.regions if va in region), None)

    def as_json(self) -> dict[str, Json]:
        """The picture as JSON: addresses and frame numbers as hex strings."""
        spec = {
            field.name: field_json(getattr(self.spec, field.name)) for field in fields(self.spec)
        }
        if self.spec.image is not None:
            spec["image"] = field_json(self.spec.image.said())
        return {
            "guest": spec,
            "regions": [_region(region) for region in self.regions],
            "gpa_regions": [_gpa_region(region) for region in self.gpa_regions],
            "p2m": [field_json(run) for run in self.p2m],
            "buffers": [field_json(buffer) for buffer in self.buffers],
            "placed": self.placed,
            "vcpus": [field_json(vcpu) for vcpu in self.vcpus],
            "processes": [field_json(process) for process in self.processes],
            "table_frames": [frame.hex() for frame in self.table_frames],
            "assumed": [one.value for one in self.assumed],
        }


def _region(region: Region) -> dict[str, Json]:
    return {
        "name": region.name,
        "start": region.start.hex(),
        "end": f"{region.end:#x}",
        "kind": region.kind.value,
        "physical": None if region.physical is None else region.physical.hex(),
        "part_of": region.part_of,
    }


def _gpa_region(region: GpaRegion) -> dict[str, Json]:
    return {
        "name": region.name,
        "start": region.range.start.hex(),
        "end": f"{region.range.end:#x}",
        "kind": region.kind,
        "what": region.what,
    }
