"""SYNTHETIC workloads, at sizes that could not be recorded.  Nothing here was measured.

Every assumption is a named parameter of :class:`Assumptions`.  What a call
copies is not assumed: it is what Xen's handlers copy (the catalogue's plans):
EVTCHNOP_send reads 4 bytes, VCPUOP_set_singleshot_timer 16,
GNTTABOP_map_grant_ref reads and writes 32 bytes per element, GNTTABOP_copy reads
40 and writes a 2-byte status per element (xen/common/grant_table.c, 4.17).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from xenexplore.analysis.workload.tables import AccessTable, CallTable, RegionName, Workload
from xenexplore.errors import MachineError
from xenexplore.guest.layout.linux_layout import KERNEL_STACK, LinuxBases, linux_layout
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.recording.contents.guest_layouts import GuestSpace
from xenexplore.recording.format.columns import RecordedDomain

__all__ = ["Assumptions", "synthetic"]

# Linux' unrandomised 4-level bases (Documentation/arch/x86/x86_64/mm.rst).
_VMALLOC = 0xFFFF_C900_0000_0000
_QUEUES = 0xFFFF_C980_0000_0000
_REGIONS = (
    RegionName("vmalloc", RegionKind.VMALLOC, False),
    RegionName("vmalloc (vzalloc'ed queues)", RegionKind.OTHER, False),
)
_EVTCHN, _VCPU, _GRANT = 32, 24, 20
_SEND, _TIMER, _MAP, _COPY = 4, 8, 0, 5
_MAP_ELEMENT, _COPY_ELEMENT, _COPY_STATUS = 32, 40, 36


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Assumptions.  The defaults describe no particular system; each may be changed.

    Attributes:
        calls: hypercalls to make.
        vcpus: of the domain (Xen 4.17's HVM_MAX_VCPUS is 128; 256 looks ahead).
        tasks: kernel threads and processes that make calls.
        task_skew: s of the Zipf law by which tasks are chosen; 0: all alike.
        stay: calls that one task makes in a row on its vCPU before a switch, on average.
        migrate: chance that a task that is switched to runs on another vCPU
            than the last time.
        devices: block and network queues that the backend serves.
        send, timer: shares of calls from the stack: event channel, timer.
        map_array: elements of a grant map from the stack (Linux blkback: at most 11
            segments' worth, BLKIF_MAX_SEGMENTS_PER_REQUEST, in one batch).
        copy_array: elements of a grant copy from a vzalloc'ed queue (Linux
            netback: arrays sized from MAX_PENDING_REQS, 256).
        network: share of the remaining calls that are grant copies.
        seed: of everything random.
    """

    calls: int = 100_000
    vcpus: int = 256
    tasks: int = 100_000
    task_skew: float = 1.0
    stay: float = 8.0
    migrate: float = 0.1
    devices: int = 64
    send: float = 0.45
    timer: float = 0.35
    map_array: int = 11
    copy_array: int = 64
    network: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("calls", "vcpus", "tasks", "devices", "map_array", "copy_array"):
            if getattr(self, name) < 1:
                raise MachineError(f"{name}: expected 1 or more, got {getattr(self, name)}")
        for name in ("send", "timer", "migrate", "network"):
            if not 0 <= getattr(self, name) <= 1:
                raise MachineError(f"{name}: expected a share, 0 to 1, got {getattr(self, name)}")
        if self.send + self.timer > 1:
            raise MachineError("send and timer together: expected at most 1")
        if self.stay < 1 or self.task_skew < 0:
            raise MachineError("expected stay of 1 or more and task_skew of 0 or more")
        if self.map_array * _MAP_ELEMENT > KERNEL_STACK // 2:
            raise MachineError("map_array: it would not fit on a kernel stack")

    def words(self) -> tuple[str, ...]:
        """Every assumption, for a caption."""
        return tuple(f"{item.name}={getattr(self, item.name)}" for item in fields(self))


def synthetic(assumed: Assumptions) -> Workload:
    """One HVM domain's calls under the assumptions.  Same assumptions, same workload."""
    random = np.random.default_rng(assumed.seed)
    task, vcpu = _schedule(assumed, random)
    kind = random.choice(4, assumed.calls, p=_mix(assumed)).astype(np.int64)
    queue = random.integers(0, assumed.devices, assumed.calls)
    per_call = np.array([1, 1, 2 * assumed.map_array, 2 * assumed.copy_array])[kind]
    call = np.repeat(np.arange(assumed.calls, dtype=np.int64), per_call)
    ends = np.cumsum(per_call)
    index = np.arange(len(call)) - np.repeat(ends - per_call, per_call)
    address, size, way = _accesses(assumed, kind[call], task[call], queue[call], index)
    on_stack = kind[call] != 3
    region = np.where(on_stack, 0, 1).astype(np.int16)
    mask = np.uint64(((1 << 64) - 1) & ~(KERNEL_STACK - 1))
    number = np.array([_EVTCHN, _VCPU, _GRANT, _GRANT], np.int16)[kind]
    sub_op = np.array([_SEND, _TIMER, _MAP, _COPY], np.int32)[kind]
    domain = RecordedDomain(0, 1, "hvm", True)
    return Workload(
        source="synthetic",
        recorded=False,
        domains=(domain,),
        spaces=(GuestSpace(domain, linux_layout(LinuxBases()), None, None, 0),),
        regions=_REGIONS,
        calls=CallTable(
            number=number,
            sub_op=sub_op,
            domain=np.zeros(assumed.calls, np.int16),
            vcpu=vcpu,
            user=np.zeros(assumed.calls, np.bool_),
        ),
        accesses=AccessTable(
            address=address,
            size=size,
            way=way,
            call=call,
            inside=np.ones(len(call), np.bool_),
            domain=np.zeros(len(call), np.int16),
            region=region,
            stack=np.where(on_stack, address & mask, np.uint64(0)),
            gfn=_frames(address),
            in_register=index == 0,
        ),
        limits=("no value in it was measured", *assumed.words()),
    )


def _mix(assumed: Assumptions) -> list[float]:
    rest = 1 - assumed.send - assumed.timer
    maps = rest * (1 - assumed.network)
    return [assumed.send, assumed.timer, maps, max(1 - assumed.send - assumed.timer - maps, 0.0)]


def _schedule(
    assumed: Assumptions, random: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Caller of each call and its vCPU: bursts of one task, bursts of all vCPUs mixed."""
    lengths = random.geometric(1 / assumed.stay, size=assumed.calls)
    bursts = int(np.searchsorted(np.cumsum(lengths), assumed.calls)) + 1
    weight = 1 / np.arange(1, assumed.tasks + 1) ** assumed.task_skew
    who = random.choice(assumed.tasks, bursts, p=weight / weight.sum())
    home = random.integers(0, assumed.vcpus, assumed.tasks)
    where = np.where(
        random.random(bursts) < assumed.migrate,
        random.integers(0, assumed.vcpus, bursts),
        home[who],
    )
    task = np.repeat(who, lengths[:bursts])[: assumed.calls]
    vcpu = np.repeat(where, lengths[:bursts])[: assumed.calls]
    return task.astype(np.int64), vcpu.astype(np.int32)


def _accesses(
    assumed: Assumptions,
    kind: NDArray[np.int64],
    task: NDArray[np.int64],
    queue: NDArray[np.int64],
    index: NDArray[np.int64],
) -> tuple[NDArray[np.uint64], NDArray[np.uint32], NDArray[np.uint8]]:
    """Address, size and direction of each access; ``index`` counts within its call.

    Stacks are used near their tops, at a depth that is the task's own.
    """
    top = np.uint64(_VMALLOC) + ((task.astype(np.uint64) + np.uint64(1)) * np.uint64(KERNEL_STACK))
    depth = (np.uint64(512) + (task.astype(np.uint64) * np.uint64(104) % np.uint64(3072))
             + np.uint64(assumed.map_array * _MAP_ELEMENT))  # fmt: skip
    stack = (top - depth) & np.uint64(~7 & ((1 << 64) - 1))
    element = (index // 2).astype(np.uint64)
    writes = (index % 2).astype(np.uint8)
    pages = -(-assumed.copy_array * _COPY_ELEMENT // 4096) + 1
    base = np.uint64(_QUEUES) + queue.astype(np.uint64) * np.uint64(pages << 12)
    maps, copies = kind == 2, kind == 3
    address = np.where(maps, stack + element * np.uint64(_MAP_ELEMENT), stack)
    status = np.where(writes == 1, np.uint64(_COPY_STATUS), np.uint64(0))
    address = np.where(copies, base + element * np.uint64(_COPY_ELEMENT) + status, address)
    size = np.array([4, 16, _MAP_ELEMENT, _COPY_ELEMENT], np.uint32)[kind]
    size = np.where(copies & (writes == 1), np.uint32(2), size)
    way = np.where(maps | copies, writes, np.uint8(0)).astype(np.uint8)
    return address, size.astype(np.uint32), way


def _frames(address: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Frames scattered as a page allocator's are: no two pages' follow each other."""
    page = address >> np.uint64(12)
    return (page * np.uint64(0x9E37_79B9_7F4A_7C15) >> np.uint64(34)) & np.uint64((1 << 28) - 1)
