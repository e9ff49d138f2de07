"""The record of a placed buffer, and the words for its possible places."""

from __future__ import annotations

from dataclasses import dataclass

from xenexplore.addr import PAGE_SIZE, Gfn, Gva, Range

__all__ = ["KINDS", "PlacedBuffer"]

#: Kind of place → what it means; each kernel says which it has and where.
KINDS: dict[str, str] = {
    "kmalloc": "the kernel's general heap (Linux: kmalloc(), in the directmap)",
    "stack": "the kernel stack of the task that runs on a vCPU",
    "vmalloc": "virtually contiguous kernel memory (Linux: vmalloc())",
    "percpu": "a per-CPU variable",
    "static": ".data or .bss of the kernel image",
    "module": "static data of a loaded module",
    "user": "memory of a user process",
    "privcmd": "kernel-allocated pages that /dev/xen/hypercall maps into a process",
    "fixed": "an address and frames that the caller names, as a recording does",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedBuffer:
    """A buffer in the guest, as its owner describes it.

    A snapshot of the moment it was placed or remapped; what the page tables say
    now is :meth:`Domain.truth`'s answer.

    Attributes:
        name: what the scenario calls it.
        kind: one of :data:`KINDS`.
        va: linear address of its first byte.
        size: bytes, at least 1.
        process: the process whose page tables map it, or None if every
            address space of the guest does.
        vcpu: the vCPU it belongs to (stack, percpu), else the one it was placed from.
        frames: one guest frame per page touched, in order of address (PV: the
            machine frame, which is what a PV guest's tables hold).
        contiguous: whether each frame is the next after the one before.
        aliases: per page, the directmap address of the frame, or None.
        writable: whether the guest maps it writable.
        shared: whether its frames are shared with the hypervisor; always true
            when the guest is not encrypted.
    """

    name: str
    kind: str
    va: Gva
    size: int
    process: str | None
    vcpu: int
    frames: tuple[Gfn, ...]
    contiguous: bool
    aliases: tuple[Gva | None, ...]
    writable: bool = True
    shared: bool = True

    @property
    def offset(self) -> int:
        """Offset of the first byte in its page."""
        return self.va.offset

    @property
    def range(self) -> Range[Gva]:
        """Its bytes as a linear range."""
        return Range(self.va, self.size)

    @property
    def pages(self) -> tuple[Gva, ...]:
        """Start of each page touched, in order of address."""
        return tuple(self.va.page + index * PAGE_SIZE for index in range(len(self.frames)))

    @property
    def straddles(self) -> bool:
        """Whether it touches more than one page."""
        return len(self.frames) > 1
