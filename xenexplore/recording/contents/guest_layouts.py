"""The address-space layout of each recorded guest, from evidence in the recording itself."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT, PAGE_SIZE, Gva
from xenexplore.guest.layout.linux_bases import bases_from_mappings
from xenexplore.guest.layout.linux_layout import IRQ_STACK, KERNEL_STACK, LinuxBases, linux_layout
from xenexplore.guest.layout.regions import Layout, RegionKind
from xenexplore.guest.layout.symbols import SymbolTable
from xenexplore.recording.format.columns import NO_FRAME, RecordedDomain, Recording

__all__ = ["GuestSpace", "guest_space", "guest_spaces"]

_LOW_HALF = 1 << 47
_PLAIN_DIRECTMAP = 0xFFFF_8880_0000_0000
_PLAIN_VMALLOC = 0xFFFF_C900_0000_0000
_VMALLOC_SIZE = 32 << 40  # VMALLOC_SIZE_TB, 4 levels (arch/x86/include/asm/pgtable_64_types.h)
# Stubs through which Linux makes its hypercalls (arch/x86/xen/xen-asm.S,
# xen-head.S); KASLR would move them by a multiple of 2 MiB.
_STUBS = ("xen_hypercall_pv", "xen_hypercall_amd", "xen_hypercall_intel", "xen_iret",
          "hypercall_page")  # fmt: skip
_STUB_SIZE = 0x1000
_IMAGE_STEP = 2 << 20
# A PV kernel reserves the first GiB of vmalloc space for its P2M list, for up to 512 GiB
# of memory (xen_vmalloc_p2m_tree() in arch/x86/xen/p2m.c, P2M_LIMIT).
_P2M_LIST = 1 << 30
# The CPUs' first percpu areas stand in a row, closer than this (embedded first chunk).
_FIRST_CHUNK = 1 << 30
# Tasks' stacks are aligned to their size (THREAD_ALIGN, include/linux/thread_info.h).
_STACK_MASK = np.uint64(~(KERNEL_STACK - 1) & ((1 << 64) - 1))


@dataclass(frozen=True, slots=True)
class GuestSpace:
    """One guest's address space during a recording.

    Attributes:
        domain: whose.
        layout: its regions.
        symbols: its kernel's symbols, or None.
        percpu: linear address of CPU 0's percpu area, or None.
        image_shift: how far KASLR moved the image.
        stacks: uint64 (n,): 16 KiB blocks of vmalloc space in which hypercalls had
            their stack pointer, ascending; None: it was not recorded.
    """

    domain: RecordedDomain
    layout: Layout
    symbols: SymbolTable | None
    percpu: int | None
    image_shift: int
    stacks: NDArray[np.uint64] | None = None

    def no_stack(
        self, addresses: NDArray[np.uint64], places: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        """Mask of the vmalloc'ed addresses on no stack that any hypercall was made from.

        A buffer on another task's stack than the caller's would be on one that makes
        hypercalls itself; where stack pointers were not recorded, no address is.

        Args:
            addresses: uint64 (n,): linear addresses of buffers.
            places: intp (n,): their regions, as ``layout.classify`` gives them.
        """
        if self.stacks is None:
            return np.zeros(len(addresses), np.bool_)
        vmalloc = np.array([r.kind is RegionKind.VMALLOC for r in self.layout.regions], np.bool_)
        block = addresses & _STACK_MASK
        found: NDArray[np.bool_] = vmalloc[places] & ~np.isin(block, self.stacks)
        return found

    def identity(self, recording: Recording, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mask of the accesses by early boot's identity-mapped tables, where linear = physical.

        Such an address is low and looks like a user's.  It is not if Xen's
        own walk gave the frame of that very number, or if the kernel's stack
        pointer was low as well (hypercalls come from ring 0, and a Linux
        kernel has its stack in the upper half as soon as it has left the
        identity map: PVH entry, arch/x86/platform/pvh/head.S).

        Args:
            recording: the recording.
            rows: int64 (n,): rows of ``recording.accesses``.
        """
        low = recording.accesses.address[rows] < np.uint64(_LOW_HALF)
        walks = recording.walks
        same = walks.gfn == walks.address >> np.uint64(PAGE_SHIFT)
        walked = np.isin(rows, walks.access[same])
        rsp = recording.calls.rsp[recording.accesses.call[rows]]
        low_stack = (rsp != 0) & (rsp < np.uint64(_LOW_HALF))
        result: NDArray[np.bool_] = low & (walked | low_stack)
        return result

    def on_stack(self, recording: Recording, rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Mask of the accesses on the kernel stack that the hypercall was made from.

        Known where the stack pointer was recorded: the same 16 KiB as RSP
        (THREAD_SIZE, and stacks are aligned to their size).
        """
        rsp = recording.calls.rsp[recording.accesses.call[rows]]
        near = recording.accesses.address[rows] & _STACK_MASK == rsp & _STACK_MASK
        result: NDArray[np.bool_] = near & (rsp != 0)
        return result

    def place(self, address: int, *, identity: bool = False) -> str:
        """Name of the variable or function at a linear address, or ``""`` if none is known.

        Args:
            address: a linear address of this guest.
            identity: it is an identity-mapped one: a guest-physical address,
                which the image's physical base turns into a linear one.
        """
        if self.symbols is None:
            return ""
        if identity:
            (image, *_) = self.layout.named(".text")
            if image.physical is None:
                return ""
            address = address - image.physical.value + image.start.value
        if self.percpu is not None:
            found = self.symbols.find_percpu(address - self.percpu)
            if found is not None:
                return found.symbol.name
        linked = address - self.image_shift
        load = self.symbols.value("__per_cpu_load")
        if load is not None:
            # What percpu variables are copied from; before setup_per_cpu_areas()
            # it is CPU 0's own area (arch/x86/kernel/setup_percpu.c).
            found = self.symbols.find_percpu(linked - load)
            if found is not None:
                return f"{found.symbol.name} (boot)"
        found = self.symbols.find(Gva(linked)) if 0 <= linked < 1 << 64 else None
        return found.symbol.name if found is not None else ""


def guest_spaces(
    recording: Recording, symbols: SymbolTable | None = None
) -> tuple[GuestSpace, ...]:
    """The address space of each domain of a recording, by domain index."""
    return tuple(guest_space(recording, domain, symbols) for domain in recording.domains)


def guest_space(
    recording: Recording, domain: RecordedDomain, symbols: SymbolTable | None = None
) -> GuestSpace:
    """Take one domain's bases from the recording: walks, stubs' addresses, Xen's own writes.

    What the recording does not prove stays at Linux's unrandomised value, and
    the layout's evidence says so.  That is no wild guess on Xen: a PV kernel
    and a PVH kernel are entered at their ELF entry points, past the
    decompressor (choose_random_location() in
    arch/x86/boot/compressed/kaslr.c), without which Linux moves neither image nor
    directmap (kaslr_enabled(), kernel_randomize_memory()).

    Args:
        recording: the recording.
        domain: one of its domains.
        symbols: this guest kernel's symbols, if they are known.
    """
    bases = _from_walks(recording, domain)
    percpus: tuple[int, ...] = ()
    if symbols is not None:
        bases = _image_shift(bases, recording, domain, symbols)
        bases, percpus = _percpu(bases, recording, domain, symbols)
    if bases.page_offset is None:
        how = "no walks recorded; the kernel was entered after the code that randomises addresses"
        bases = bases.known("directmap", f"assumed not randomised: {how}")
    if bases.page_offset in (None, _PLAIN_DIRECTMAP):
        bases = bases.known("vmalloc, vmemmap", "assumed not randomised, like the directmap")
    elif bases.vmalloc is None:
        how = "unknown: the directmap was moved, and no walk shows the new place of these regions"
        bases = bases.known("vmalloc, vmemmap", how)
    stacks = _stacks(recording, domain, bases)
    if stacks is None or len(stacks):  # else no stack is in vmalloc space: no CONFIG_VMAP_STACK
        bases = _irq_stack(bases, recording, domain, symbols, percpus)
    layout = linux_layout(bases, symbols)
    return GuestSpace(domain, layout, symbols, bases.percpu, bases.image_shift, stacks)


def _stacks(
    recording: Recording, domain: RecordedDomain, bases: LinuxBases
) -> NDArray[np.uint64] | None:
    """Blocks of vmalloc space with a stack pointer in them; None: there are no stack pointers."""
    rsp = recording.calls.rsp[recording.of_domain(domain.index)]
    if not rsp.any():
        return None
    start = np.uint64(_vmalloc(bases))
    inside = (rsp >= start) & (rsp < start + np.uint64(_VMALLOC_SIZE))
    found: NDArray[np.uint64] = np.unique(rsp[inside] & _STACK_MASK)
    return found


def _from_walks(recording: Recording, domain: RecordedDomain) -> LinuxBases:
    walks = recording.walks
    mine = (walks.domain == domain.index) & (walks.gfn != np.uint64(NO_FRAME))
    page = walks.address[mine] & np.uint64(~(PAGE_SIZE - 1) & ((1 << 64) - 1))
    pairs = np.unique(np.stack([page, walks.gfn[mine] << np.uint64(PAGE_SHIFT)]), axis=1)
    if not pairs.size:
        return LinuxBases()
    found = bases_from_mappings(pairs[0], pairs[1], np.full(pairs.shape[1], PAGE_SIZE, np.uint64))
    bases = LinuxBases()
    moved = found.page_offset not in (None, _PLAIN_DIRECTMAP)
    for what, how in found.evidence:
        said = how.replace("page tables", "Xen's walks of its page tables")
        if what == "directmap":
            bases = bases.known(what, said, page_offset=found.page_offset or 0)
        elif what == "kernel image":
            bases = bases.known(what, said, phys_base=found.phys_base or 0)
        elif what == "vmalloc" and moved:
            # Allocations start at its base; few walks may still miss its first GiB.
            bases = bases.known(what, said, vmalloc=found.vmalloc or 0)
    return bases


def _image_shift(
    bases: LinuxBases, recording: Recording, domain: RecordedDomain, symbols: SymbolTable
) -> LinuxBases:
    rip = np.unique(recording.calls.rip[recording.of_domain(domain.index)])
    rip = rip[rip != 0]
    if not len(rip):
        return bases
    for name in _STUBS:
        at = symbols.value(name)
        if at is None:
            continue
        ahead = (rip - np.uint64(at)).astype(np.int64)
        near = ahead % _IMAGE_STEP < _STUB_SIZE
        if near.any():
            shift = int(ahead[near][0]) // _IMAGE_STEP * _IMAGE_STEP
            how = f"the recorded RIPs are {name}'s, moved by {shift:#x}"
            return bases.known("image shift", how, image_shift=shift)
    return bases


def _percpu(
    bases: LinuxBases, recording: Recording, domain: RecordedDomain, symbols: SymbolTable
) -> tuple[LinuxBases, tuple[int, ...]]:
    """CPU 0's percpu base, and all CPUs'.

    Xen itself writes the registered runstate area, a percpu variable: 48 bytes at a time.

    Source: update_runstate_area() in xen/arch/x86/domain.c (Xen 4.17); Linux
    registers ``&per_cpu(xen_runstate, cpu)``, arch/x86/xen/... xen_setup_runstate_info().
    """
    offset = symbols.value("xen_runstate")
    if offset is None or not symbols.percpu_size:
        return bases, ()
    accesses = recording.accesses
    mine = ~accesses.inside & (accesses.size == 48)
    mine &= recording.outside_domain() == domain.index
    found, counts = np.unique(accesses.address[mine] - np.uint64(offset), return_counts=True)
    aligned = found & np.uint64(PAGE_SIZE - 1) == 0
    if not aligned.any():
        return bases, ()
    base = int(found[aligned][counts[aligned].argmax()])
    how = f"Xen updates the runstate area at percpu base + xen_runstate ({offset:#x})"
    every = tuple(one for one in found[aligned].tolist() if abs(one - base) < _FIRST_CHUNK)
    return bases.known("percpu", how, percpu=base), every


def _irq_stack(
    bases: LinuxBases,
    recording: Recording,
    domain: RecordedDomain,
    symbols: SymbolTable | None,
    percpus: tuple[int, ...],
) -> LinuxBases:
    """The CPUs' hardirq stacks in vmalloc space: by their frames, else CPU 0's by its turn.

    By their frames: Xen's walks of vmalloc addresses end in a percpu area's
    ``irq_stack_backing_store``, which map_irq_stack() in
    arch/x86/kernel/irq_64.c maps there.  By its turn, where walks, symbols or the
    percpu area are missing: init_IRQ() maps CPU 0's before there is a second task
    (start_kernel() in init/main.c), so that it has the first slot.
    """
    offset = symbols.value("irq_stack_backing_store") if symbols is not None else None
    if symbols is not None and offset is None:
        return bases
    start = bases.page_offset if bases.page_offset is not None else _PLAIN_DIRECTMAP
    if offset is not None and percpus and (recording.walks.domain == domain.index).any():
        stacks = {}
        for percpu in percpus:
            physical = percpu - start + offset
            slot = _slot(bases, recording, domain, physical)
            if slot is not None:
                stacks[percpu] = (slot, physical)
        how = f"Xen's walks of it end at percpu base + irq_stack_backing_store ({offset:#x})"
        if stacks and bases.percpu not in stacks:
            # 48 bytes at such an offset can be something else's; a stack behind it cannot.
            bases = replace(bases, percpu=min(stacks))
        first = stacks.pop(bases.percpu or 0, None)
        if first is not None:
            bases = bases.known("hardirq stack", how, irq_stack=first[0], irq_stack_at=first[1])
        if stacks:
            what = "hardirq stacks of other CPUs"
            bases = bases.known(what, how, other_irq_stacks=tuple(sorted(stacks.values())))
        return bases
    if start != _PLAIN_DIRECTMAP:
        return bases
    first_slot = _vmalloc(bases) + (_P2M_LIST if domain.kind == "pv" else 0)
    how = "taken as the first slot of vmalloc space; its frames are unknown"
    if domain.kind == "pv":
        how = "taken as the first slot of vmalloc space past the P2M list's GiB"
    return bases.known("hardirq stack", how, irq_stack=first_slot)


def _slot(
    bases: LinuxBases, recording: Recording, domain: RecordedDomain, physical: int
) -> int | None:
    """Address of a hardirq stack's memory in vmalloc space, or None if no walk tells."""
    walks = recording.walks
    page = walks.address >> np.uint64(PAGE_SHIFT)
    ahead = walks.gfn.astype(np.int64) - (physical >> PAGE_SHIFT)
    vmapped = (walks.domain == domain.index) & (walks.address >= np.uint64(_vmalloc(bases)))
    vmapped &= (ahead >= 0) & (ahead < IRQ_STACK >> PAGE_SHIFT)
    slots = np.unique(page[vmapped] - ahead[vmapped].astype(np.uint64))
    return int(slots[0]) << PAGE_SHIFT if len(slots) == 1 else None


def _vmalloc(bases: LinuxBases) -> int:
    return bases.vmalloc if bases.vmalloc is not None else _PLAIN_VMALLOC
