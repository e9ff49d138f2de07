"""Coverage of registrations: shares of accesses by region, and hit rates as ranges are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT
from xenexplore.analysis.measures.locality import pieces_of
from xenexplore.analysis.workload.region_ranges import GROUPS, in_range
from xenexplore.analysis.workload.tables import Workload
from xenexplore.guest.layout.linux_layout import KERNEL_STACK
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.recording.contents.call_names import call_name
from xenexplore.recording.format.columns import UNHANDLED

__all__ = ["Coverage", "Group", "Stacks", "coverage"]

# set_timer_op; vcpu_op and its sub-ops that set timers (xen/include/public/xen.h, vcpu.h).
_SET_TIMER_OP, _VCPU_OP, _TIMER_SUB_OPS = 15, 24, (6, 7, 8, 9)
_STACK_PIECES = KERNEL_STACK >> PAGE_SHIFT


@dataclass(frozen=True, slots=True)
class Group:
    """Accesses in one group of regions.

    Attributes:
        name: in words; ``accesses``: how many; ``share``: of the domain's, 0 to 1.
        pages: distinct 4 KiB pages.
    """

    name: str
    accesses: int
    share: float
    pages: int


@dataclass(frozen=True, slots=True)
class Stacks:
    """Tasks' stacks that hypercalls used: 16 KiB blocks of vmalloc space.

    CPUs' hardirq stacks are not among them: an interrupt moves to one and back
    with no change of task, and one registration serves it for good
    (map_irq_stack() in arch/x86/kernel/irq_64.c, Linux 6.1).

    Attributes:
        accesses: accesses there.  That these blocks are stacks is inferred
            from their addresses.
        stacks: distinct ones; ``pages``: their pages that were used.
        changes: how often an access was on another task's stack than the last
            such access on that vCPU.  Tasks that made no hypercall are not seen, so
            the guest switched at least as often.
        irq_accesses: accesses on hardirq stacks; ``irq_stacks``: distinct ones, each
            one entry.
    """

    accesses: int
    stacks: int
    pages: int
    changes: int
    irq_accesses: int
    irq_stacks: int

    @property
    def task_entries(self) -> int:
        """Entries for the whole stacks of all tasks: four frames each, maybe not contiguous."""
        return self.stacks * _STACK_PIECES

    @property
    def vcpu_exits(self) -> int:
        """Calls to purge and register at each change, one per piece: a lower bound."""
        return self.changes * (1 + _STACK_PIECES)


HitRates: TypeAlias = tuple[float, float, float, float]
"""Of one entry over the directmap, and with image, hardirq stacks and tasks' stacks, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """One domain's hypercall accesses by place, and what registering ranges serves.

    Attributes:
        domain: index; ``name``; ``kind``: ``"pv"`` or ``"hvm"``.
        hypercalls, accesses: how many; ``outside``: accesses that are not part
            of a hypercall (registered areas, and for PV emulation);
            ``outside_directmap``: the share of those in the directmap.
        groups: by region, most used first.
        directmap, with_image: hit rates of one entry over the directmap, and
            of a second one over the kernel image.
        with_irq: with each CPU's hardirq stack as one more entry.
        with_stacks: with tasks' vmalloc'ed stacks registered too, per vCPU and
            changed at each switch, or per task: the same hits, at the cost in
            ``stacks``.
        stacks: what registering them takes.
        busiest: the hypercall with most accesses; ``without_busiest``: the
            four hit rates (directmap, image, hardirq, tasks) of all others' accesses.
        without_timers: the same four without the calls that set timers, whose number
            depends on the clock that the guest sees; ``timers``: their share of accesses.
    """

    domain: int
    name: str
    kind: str
    hypercalls: int
    accesses: int
    outside: int
    outside_directmap: float
    groups: tuple[Group, ...]
    directmap: float
    with_image: float
    with_irq: float
    with_stacks: float
    stacks: Stacks
    busiest: str
    without_busiest: HitRates
    without_timers: HitRates
    timers: float


def coverage(workload: Workload, domain: int) -> Coverage:
    """Place of one domain's hypercall buffers, by access."""
    rows = workload.inside(domain)
    accesses = workload.accesses
    total = max(len(rows), 1)
    page, owner = pieces_of(workload, rows)
    at = np.searchsorted(rows, owner)
    groups, rest = [], np.ones(len(rows), np.bool_)
    for name, kinds in GROUPS:
        mask = workload.kind_mask(rows, *kinds)
        rest &= ~mask
        groups.append(_group(name, int(mask.sum()), page[mask[at]], total))
    groups.append(_group("other", int(rest.sum()), page[rest[at]], total))
    kept = sorted((g for g in groups if g.accesses), key=lambda g: (-g.accesses, g.name))
    in_directmap = in_range(workload, domain, rows, "directmap")
    in_image = in_range(workload, domain, rows, "kernel image")
    tasks = workload.kind_mask(rows, RegionKind.VMALLOC)
    irq = workload.kind_mask(rows, RegionKind.IRQ_STACK)
    info = workload.domains[domain]
    outer = np.flatnonzero((accesses.domain == domain) & ~accesses.inside)
    both = in_directmap | in_image
    number = workload.calls.number[accesses.call[rows]]
    numbers, often = np.unique(number, return_counts=True)
    busiest = int(numbers[often.argmax()]) if len(numbers) else UNHANDLED
    timers = (number == _SET_TIMER_OP) | (
        (number == _VCPU_OP) & np.isin(workload.calls.sub_op[accesses.call[rows]], _TIMER_SUB_OPS)
    )
    ranges = (in_directmap, both, both | irq, both | irq | tasks)
    return Coverage(
        domain=domain,
        name=info.name,
        kind=info.kind,
        hypercalls=len(workload.calls_of(domain)),
        accesses=len(rows),
        outside=len(outer),
        outside_directmap=float(
            in_range(workload, domain, outer, "directmap").sum() / max(len(outer), 1)
        ),
        groups=tuple(kept),
        directmap=float(in_directmap.sum() / total),
        with_image=float(both.sum() / total),
        with_irq=float((both | irq).sum() / total),
        with_stacks=float((both | irq | tasks).sum() / total),
        stacks=_stacks(workload, rows[tasks], rows[irq]),
        busiest=call_name(busiest, workload.xen) if len(numbers) else "",
        without_busiest=_rates(ranges, number != busiest),
        without_timers=_rates(ranges, ~timers),
        timers=float(timers.sum() / total),
    )


def _rates(ranges: Sequence[NDArray[np.bool_]], chosen: NDArray[np.bool_]) -> HitRates:
    """Number of the chosen accesses in each of the cumulative ranges."""
    fewer = max(int(chosen.sum()), 1)
    directmap, image, irq, tasks = (float((inside & chosen).sum() / fewer) for inside in ranges)
    return directmap, image, irq, tasks


def _group(name: str, count: int, page: NDArray[np.uint64], total: int) -> Group:
    return Group(name, count, count / total, len(np.unique(page)))


def _stacks(workload: Workload, rows: NDArray[np.int64], irq: NDArray[np.int64]) -> Stacks:
    accesses = workload.accesses
    stack = accesses.stack[rows]
    vcpu = workload.calls.vcpu[accesses.call[rows]]
    changes = 0
    for one in np.unique(vcpu).tolist():
        mine = stack[vcpu == one]
        changes += int((mine[1:] != mine[:-1]).sum())
    return Stacks(
        accesses=len(rows),
        stacks=len(np.unique(stack)),
        pages=len(np.unique(accesses.page()[rows])),
        changes=changes,
        irq_accesses=len(irq),
        irq_stacks=len(np.unique(accesses.stack[irq])),
    )
