"""Ranges that a guest could register, given the address space in a recording."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gpa, Gva
from xenexplore.analysis.workload.tables import NO_FRAME, Workload
from xenexplore.errors import MachineError
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.hypervisor.registered import REGISTRABLE
from xenexplore.tlb import TlbEntry

__all__ = ["page_entries", "registrations"]

_NAMES = {"directmap": "directmap", "kernel-image": "kernel image"}


def registrations(workload: Workload, domain: int, words: Sequence[str]) -> tuple[TlbEntry, ...]:
    """The entries that the words mean for a domain, in that order.

    The words are those of :data:`xenexplore.hypervisor.registered.REGISTRABLE`.

    ``directmap``, ``kernel-image``: the whole region (per-CPU memory and init_task's
    stack are inside), one entry.  ``percpu``: per-CPU memory, as far as the recording
    shows where it lies.  ``stack``: the hardirq stack, whole if its frames are known
    (it is per-CPU memory, in a row), and the pages of tasks' vmalloc'ed stacks that
    hypercalls used.  ``kernel-pages``: these, and every kernel page that hypercalls
    used outside the directmap and the kernel image.  Pages are known in hindsight: a
    real guest would register before the first use, and stacks whole.

    Raises:
        MachineError: an unknown word, a buffer (a recording names none), or a domain
            whose regions are not known.
    """
    entries: list[TlbEntry] = []
    for word in words:
        if word in _NAMES:
            entries += _region(workload, domain, word)
        elif word == "percpu":
            entries += _percpu(workload, domain)
        elif word in REGISTRABLE:
            rows = workload.inside(domain)
            irq = _irq_stacks(workload, domain)
            entries += irq
            kinds = [RegionKind.VMALLOC, *([] if irq else [RegionKind.IRQ_STACK])]
            if word == "kernel-pages":
                kinds += [RegionKind.MODULES, RegionKind.FIXMAP, RegionKind.OTHER]
            chosen = rows[workload.kind_mask(rows, *kinds)]
            entries += page_entries(workload, chosen, word)
        else:
            raise MachineError(
                f"cannot register {word!r}: expected one of {', '.join(REGISTRABLE)}"
            )
    return tuple(entries)


def _percpu(workload: Workload, domain: int) -> list[TlbEntry]:
    regions = workload.spaces[domain].layout.regions
    return [
        TlbEntry(found.start, found.physical, found.size, True, None, "percpu")
        for found in regions
        if found.kind is RegionKind.PERCPU and found.physical is not None
    ]


def _irq_stacks(workload: Workload, domain: int) -> list[TlbEntry]:
    regions = workload.spaces[domain].layout.regions
    return [
        TlbEntry(found.start, found.physical, found.size, True, None, "hardirq stack")
        for found in regions
        if found.kind is RegionKind.IRQ_STACK and found.physical is not None
    ]


def _region(workload: Workload, domain: int, word: str) -> list[TlbEntry]:
    """One entry from the first to the last piece of a region; pieces lie side by side.

    It is as long as the kernel's room for the region: how much RAM there was,
    and where the image ends, the recording does not say.  A guest would
    register no more than that.
    """
    layout = workload.spaces[domain].layout
    found = [
        region
        for region in layout.regions
        if _NAMES[word] in (region.name, region.part_of) and region.physical is not None
    ]
    if not found:
        return []
    start, end = found[0].start.value, found[-1].end
    physical = found[0].physical
    assert physical is not None
    for region in found:
        assert region.physical is not None
        if region.physical.value - physical.value != region.start.value - start:
            raise MachineError(f"{word} of {workload.source} is not one linear mapping")
    return [TlbEntry(Gva(start), Gpa(physical.value), end - start, True, None, word)]


def page_entries(
    workload: Workload, rows: NDArray[np.int64], label: str = "page"
) -> tuple[TlbEntry, ...]:
    """One entry for each page with the first byte of an access, by address.

    Neighbouring pages whose frames follow each other share an entry.  Where
    frames were not recorded (PV) the page number stands for the frame.
    """
    accesses = workload.accesses
    page, first = np.unique(accesses.page()[rows], return_index=True)
    gfn = accesses.gfn[rows][first]
    gfn = np.where(gfn == NO_FRAME, page & np.uint64((1 << 36) - 1), gfn)
    entries: list[TlbEntry] = []
    for number, frame in zip(page.tolist(), gfn.tolist(), strict=True):
        last = entries[-1] if entries else None
        va, pa = number << PAGE_SHIFT, frame << PAGE_SHIFT
        if last is not None and last.end == va and last.pa.value + last.size == pa:
            entries[-1] = TlbEntry(last.va, last.pa, last.size + PAGE_SIZE, True, None, label)
        else:
            entries.append(TlbEntry(Gva(va), Gpa(pa), PAGE_SIZE, True, None, label))
    return tuple(entries)
