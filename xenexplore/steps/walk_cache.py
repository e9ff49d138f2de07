"""Steps of a cache of walks: translations that Xen remembers, unlike those a guest registers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from xenexplore.addr import Gfn, Gva
from xenexplore.steps.base import Step, counted
from xenexplore.steps.values import FlushCause, WalkCacheKind

__all__ = ["WalkCacheFlush", "WalkCacheInsert", "WalkCacheLookup"]

_CAUSES = {
    FlushCause.CR3_WRITE: "the guest loads CR3, which Xen intercepts",
    FlushCause.INVLPG: "the guest executes INVLPG, which Xen intercepts",
    FlushCause.ENTRY: "the vCPU has run the guest since",
    FlushCause.PREEMPTED: "the call is preempted, and the guest runs next",
    FlushCause.SWITCHED_OUT: "Xen switches the vCPU out",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkCacheLookup(Step):
    """Xen searched its cache of walks for a page, before walking.

    Attributes:
        cache: which cache.
        vcpu: whose.
        va: linear address of the access.
        write: whether the access writes: only a write's walk serves it.
        slot: the slot that the page's number selects.
        slots: how many there are.
        held: first address of the page that the slot holds, or None where it is empty.
        held_write: whether that walk was for a write.
        gfn: the frame found; None is a miss.
    """

    kind: ClassVar[str] = "walk-cache-lookup"
    alike: ClassVar[tuple[str, ...]] = ("cache", "vcpu", "write")

    cache: WalkCacheKind
    vcpu: int
    va: Gva
    write: bool
    slot: int
    slots: int
    held: Gva | None
    held_write: bool
    gfn: Gfn | None

    @property
    def hit(self) -> bool:
        """Whether no walk is needed."""
        return self.gfn is not None

    def tally(self) -> Mapping[str, int]:
        return {"tlb_lookups": 1, "tlb_hits": int(self.hit), "tlb_compares": 1}

    def say(self) -> str:
        way = "a write" if self.write else "a read"
        asks = f"Xen looks {self.va.hex()} up in {self.cache} of vCPU {self.vcpu} for {way}"
        where = f"slot {self.slot} of {self.slots}"
        if self.gfn is not None:
            return f"{asks}: hit in {where}, gfn {self.gfn.hex()}; no walk is made."
        if self.held is None:
            return f"{asks}: {where} is empty; miss."
        if self.held == self.va - self.va.offset:
            return f"{asks}: {where} holds a read's walk, which cannot serve a write; miss."
        return f"{asks}: {where} holds page {self.held.hex()}; miss."


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkCacheInsert(Step):
    """Xen remembers a walk that succeeded.

    Attributes:
        cache: which cache.
        vcpu: whose.
        page: first linear address of the page.
        gfn: the frame that the walk found.
        write: whether it was for a write.
        slot: the slot filled.
        replaced: first address of the page that was in it, or None.
    """

    kind: ClassVar[str] = "walk-cache-insert"
    alike: ClassVar[tuple[str, ...]] = ("cache", "vcpu", "write")

    cache: WalkCacheKind
    vcpu: int
    page: Gva
    gfn: Gfn
    write: bool
    slot: int
    replaced: Gva | None

    def say(self) -> str:
        gone = "" if self.replaced is None else f", in place of page {self.replaced.hex()}"
        return (
            f"Xen remembers the walk in slot {self.slot} of {self.cache} of vCPU {self.vcpu}"
            f"{gone}: page {self.page.hex()} is gfn {self.gfn.hex()}, "
            f"for {'reads and writes' if self.write else 'reads'}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkCacheFlush(Step):
    """Xen forgets every remembered walk of a vCPU.

    Attributes:
        cache: which cache.
        vcpu: whose.
        cause: why.
        removed: first addresses of the pages that it held, by slot; never empty.
    """

    kind: ClassVar[str] = "walk-cache-flush"
    alike: ClassVar[tuple[str, ...]] = ("cache", "vcpu", "cause")

    cache: WalkCacheKind
    vcpu: int
    cause: FlushCause
    removed: tuple[Gva, ...]

    @property
    def why(self) -> str:
        """The cause in words."""
        return _CAUSES[self.cause]

    def say(self) -> str:
        gone = counted(len(self.removed), "walk")
        return f"Xen flushes {self.cache} of vCPU {self.vcpu}, {gone}: {self.why}."
