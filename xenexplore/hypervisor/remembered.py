"""Walks that Xen remembers for each vCPU: look up, insert, flush, as recorded steps.

Shadow paging has this on the path of every copy: sh_gva_to_gfn()
(xen/arch/x86/mm/shadow/multi.c) looks the page up before it walks and inserts what the
walk found.  Only linear page to guest frame is remembered: the frame is still looked up in
the P2M by each copy (hvm_translate_get_page(), xen/arch/x86/hvm/hvm.c).

It is flushed when the guest loads CR3 (sh_update_cr3()) or executes INVLPG (sh_invlpg()),
both intercepted under shadow paging, and by flush hypercalls (shadow_flush_tlb(),
xen/arch/x86/mm/shadow/common.c).  Not modelled: sh_page_fault() inserts, too, for the
guest's own accesses, so that more is remembered in fact than copies alone would leave.
"""

from __future__ import annotations

from xenexplore.addr import PAGE_SHIFT, Gfn, Gpa, Gva, gfn_to_gpa, gpa_to_gfn
from xenexplore.paging import READ, WRITE
from xenexplore.steps import (
    Cite,
    FlushCause,
    Recorder,
    WalkCacheFlush,
    WalkCacheInsert,
    WalkCacheKind,
    WalkCacheLookup,
    xen,
)
from xenexplore.tlb.walk_cache import WalkCache

__all__ = ["RememberedWalks", "vtlb_of"]

_LOOKUP = xen("xen/arch/x86/mm/shadow/private.h", "vtlb_lookup")
_INSERT = xen("xen/arch/x86/mm/shadow/private.h", "vtlb_insert")
_FLUSHES = {
    FlushCause.CR3_WRITE: xen("xen/arch/x86/mm/shadow/multi.c", "sh_update_cr3"),
    FlushCause.INVLPG: xen("xen/arch/x86/mm/shadow/multi.c", "sh_invlpg"),
}


class RememberedWalks:
    """The caches of a domain's vCPUs, and how a copy uses them.

    Args:
        kind: which cache, as its steps name it.
        vcpus: how many vCPUs.
        slots: slots of each cache; 0: those of the vTLB.
        cite: whose rule its steps are; None: shadow paging's.
    """

    def __init__(
        self, kind: WalkCacheKind, vcpus: int, *, slots: int = 0, cite: Cite | None = None
    ) -> None:
        self.kind = kind
        self._cite = cite
        self._caches = [WalkCache(slots) if slots else WalkCache() for _ in range(vcpus)]

    def find(self, record: Recorder, vcpu: int, va: Gva, *, write: bool) -> Gpa | None:
        """The guest-physical address of a linear one, if its page's walk is remembered."""
        cache, page = self._caches[vcpu], va.value >> PAGE_SHIFT
        slot = cache.slot(page)
        held = cache.held(slot)
        frame = cache.find(page, _pfec(write))
        record.add(
            WalkCacheLookup(
                cite=self._cite or _LOOKUP,
                cache=self.kind,
                vcpu=vcpu,
                va=va,
                write=write,
                slot=slot,
                slots=cache.slots,
                held=None if held is None else Gva(held.page << PAGE_SHIFT),
                held_write=held is not None and bool(held.pfec & WRITE.pfec),
                gfn=None if frame is None else Gfn(frame),
            )
        )
        return None if frame is None else gfn_to_gpa(Gfn(frame)) + va.offset

    def keep(self, record: Recorder, vcpu: int, va: Gva, gpa: Gpa, *, write: bool) -> None:
        """Remember a walk that found ``gpa``."""
        cache, page = self._caches[vcpu], va.value >> PAGE_SHIFT
        gfn = gpa_to_gfn(gpa)
        before = cache.insert(page, gfn.value, _pfec(write))
        other = before is not None and before.page != page
        record.add(
            WalkCacheInsert(
                cite=self._cite or _INSERT,
                cache=self.kind,
                vcpu=vcpu,
                page=Gva(page << PAGE_SHIFT),
                gfn=gfn,
                write=write,
                slot=cache.slot(page),
                replaced=Gva(before.page << PAGE_SHIFT) if before is not None and other else None,
            )
        )

    def flush(self, record: Recorder, vcpu: int, cause: FlushCause) -> None:
        """Forget a vCPU's walks; no step where there are none."""
        gone = self._caches[vcpu].flush()
        if gone:
            record.add(
                WalkCacheFlush(
                    cite=self._cite or _FLUSHES[cause],
                    cache=self.kind,
                    vcpu=vcpu,
                    cause=cause,
                    removed=tuple(Gva(entry.page << PAGE_SHIFT) for entry in gone),
                )
            )


def vtlb_of(paging: str, vcpus: int) -> RememberedWalks | None:
    """Shadow paging's caches; None for HAP (or PV), which remembers nothing."""
    return RememberedWalks(WalkCacheKind.VTLB, vcpus) if paging == "shadow" else None


def _pfec(write: bool) -> int:
    """PFEC bits that a copy gives hvm_copy_{to,from}_guest_linear(), without the common one."""
    return (WRITE if write else READ).pfec
