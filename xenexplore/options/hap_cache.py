"""O13: shadow paging's cache of walks, for HAP.  Ours: the thread does not propose it.

Under HAP every copy walks.  Shadow paging looks a vTLB up first (sh_gva_to_gfn(),
xen/arch/x86/mm/shadow/multi.c), which it can keep for long, because it intercepts what
makes an entry stale.  HAP intercepts neither CR3 loads nor INVLPG (construct_vmcs(),
xen/arch/x86/hvm/vmx/vmcs.c; construct_vmcb(), xen/arch/x86/hvm/svm/vmcb.c).  What is left is a
life between two entries to the guest, and the argument for it is that of a hardware TLB:

* The guest's own CPU does not run, so it can neither load CR3 nor execute INVLPG.
* Another vCPU that changes a table must have this one invalidate before it may rely on the
  change, and asks by an interrupt (Intel SDM vol. 3, 4.10.5, propagation of paging-structure
  changes to multiple processors; Linux flush_tlb_kernel_range() and flush_tlb_mm_range(),
  arch/x86/mm/tlb.c, wait until every CPU asked has answered; CPUs in lazy mode, which the latter
  does not ask, run kernel threads).  A vCPU in Xen takes no guest interrupt: the answer waits
  for its next entry.
* A call that is preempted returns to the guest, and ends the life of a walk with it; short of
  that process_pending_softirqs(), xen/common/softirq.c, does not enter the scheduler.  Where a
  call does sleep in its midst (prepare_to_wait(), xen/common/wait.c, for a full ring of
  vm_event), the vCPU has still not run the guest.
* A call that has Xen write into the guest's page tables does nothing to a CPU's TLB, either.
* INVLPGB, which flushes other CPUs without an interrupt (AMD APM vol. 3), works in a guest only
  if the VMCB says so, and Xen sets no such bit.

One case is left, and it needs code: flush hypercalls.  HVMOP_flush_tlbs and Viridian's
reach flush_tlb(), xen/arch/x86/mm/hap/hap.c, which gives the other vCPUs new ASIDs and interrupts
their CPUs; a CPU that runs Xen takes that interrupt in the midst of a hypercall, and goes on.
It would have to drop that vCPU's remembered walks, too, under a lock, as vtlb_flush(),
xen/arch/x86/mm/shadow/private.h, has one.  (Its own comment speaks of a
"va->gfn cache" already.)  Not modelled: two vCPUs do not run at once here.

Remembered is linear page to guest frame alone.  The frame is looked up in the P2M by each copy,
since a hypercall may change the P2M (XENMEM_add_to_physmap_batch), and so that a page paged out
or shared meanwhile is seen (hvm_translate_get_page(), xen/arch/x86/hvm/hvm.c).  altp2m does not
matter: paging_gva_to_gfn(), xen/arch/x86/mm/p2m.c, walks through the host P2M whatever view is
active.  With nested guests it would: that function then translates L2's addresses, and
update_guest_memory_policy(), xen/arch/x86/domain.c, changes between L2 and L1 around an area's
update; nested guests are not modelled, and a cache would have to be bypassed there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, ClassVar

from xenexplore.addr import PAGE_SHIFT, Gva, split_pages
from xenexplore.errors import MachineError
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located
from xenexplore.hypervisor.design import Design, Parameter, Precedent
from xenexplore.hypervisor.linear import locate_linear, walk_piece
from xenexplore.hypervisor.remembered import RememberedWalks
from xenexplore.hypervisor.replay_model import (
    RecordedAccesses,
    RecordedGuest,
    ReplayModel,
    Resolution,
)
from xenexplore.steps import Cite, Fault, FlushCause, WalkCacheKind, xen
from xenexplore.tlb.walk_cache import VTLB_ENTRIES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from xenexplore.hypervisor.xen import Xen

__all__ = ["HapCache"]

_ENCRYPTED = "encrypted guests: there is no walk to remember, since Xen cannot make one"
_PV = "PV guests: Xen dereferences their addresses and makes no walk"


class _Replay(ReplayModel):
    """A page is walked unless the slot of its number holds a walk that serves it."""

    follows = frozenset({"entries", "lifetime"})

    def refuses(self, guest: RecordedGuest) -> str:
        if guest.encrypted:
            return _ENCRYPTED
        return _PV if guest.pv else ""

    def resolves(self) -> Resolution:
        return Resolution.WALK

    def recalls(self, accesses: RecordedAccesses) -> NDArray[np.int64]:
        """Pages of each access that a remembered walk serves.

        Within one slot and one life, pieces of one page in a row share a walk: the first
        of them walks; so does their first write, unless it came first.
        """
        import numpy as np

        row = np.repeat(np.arange(len(accesses.pages)), accesses.pages)
        step = np.arange(len(row)) - np.repeat(
            np.cumsum(accesses.pages) - accesses.pages, accesses.pages
        )
        page = (accesses.address[row] >> np.uint64(PAGE_SHIFT)) + step.astype(np.uint64)
        slot = page % np.uint64(self.option.number("entries"))
        brief = self.option.text("lifetime") == "call"
        life = (accesses.call if brief else accesses.switches)[row]
        order = np.lexsort((slot, life, accesses.vcpu[row]))
        fresh = np.ones(len(row), np.bool_)
        for key in (page, slot, life, accesses.vcpu[row]):
            fresh[1:] &= key[order][1:] == key[order][:-1]
        fresh[1:] = ~fresh[1:]
        group = np.cumsum(fresh) - 1
        write = accesses.writes[row][order].astype(np.int64)
        before = np.cumsum(write) - write
        written = before - before[np.flatnonzero(fresh)][group] > 0
        served = np.zeros(len(row), np.int64)
        served[order] = ~fresh & (written | (write == 0))
        return np.bincount(row, served, len(accesses.pages)).astype(np.int64)


class HapCache(Design):
    """Xen remembers walks for as long as the vCPU stays in Xen."""

    ident: ClassVar[str] = "O13"
    name: ClassVar[str] = "hap-cache"
    title: ClassVar[str] = "A cache of walks for HAP, like that of shadow paging (ours)"
    summary: ClassVar[str] = (
        "Handles stay linear addresses, nothing is registered and no guest changes. Before it "
        "walks, Xen looks the page up among the walks that it made since the vCPU entered Xen: "
        "a direct-mapped cache from linear page to guest frame, in which a read's walk does not "
        "serve writes. The frame is looked up in the P2M as today. All walks are dropped at "
        "entry and when the call is preempted, because under HAP Xen sees neither CR3 loads nor "
        "INVLPG; lifetime=until-switch keeps them until Xen switches the vCPU out, and is "
        "unsound. A longer lifetime is sound only if the guest notifies Xen, which is what "
        "registration does."
    )
    asked: ClassVar[Cite] = Cite("ours, after shadow paging's vTLB")
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            name="entries",
            default=VTLB_ENTRIES,
            help="Slots of each vCPU's cache, at least 1; a page's slot is its page number "
            "modulo this number. The vTLB has 13.",
        ),
        Parameter(
            name="lifetime",
            default="call",
            choices=("call", "until-switch"),
            help="call: dropped at entry and on preemption. until-switch: dropped when Xen "
            "switches the vCPU out; unsound, to show why.",
        ),
    )
    precedents: ClassVar[tuple[Precedent, ...]] = (
        Precedent(
            what="Shadow paging's vTLB, which lives until the guest flushes its own TLB: Xen "
            "intercepts CR3 loads and INVLPG there. Scenario shadow-vtlb.",
            cite=xen("xen/arch/x86/mm/shadow/private.h", "vtlb_lookup"),
        ),
    )
    replay: ClassVar[type[ReplayModel]] = _Replay
    unanswered: ClassVar[Mapping[str, str]] = {
        "Q14": "Arm's tables are not modelled",
        "Q15": "not for encrypted guests",
        "Q19": "a property of plans, not of a call's path",
        "Q23": "uses the registers of today's interface",
        "Q29": "no call, no buffer",
        "Q30": "not for encrypted guests",
        "else": "handles are linear addresses, walked at least once in each call: as O0",
    }

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        if self.number("entries") < 1:
            raise MachineError(f"{self.name}: entries takes 1 or more: a cache without slots is O0")

    def refuses(self, xen: Xen) -> str:
        spec = xen.domain.spec
        if spec.encrypted:
            return _ENCRYPTED
        if spec.type == "pv":
            return _PV
        if spec.paging == "shadow":
            return "shadow paging has this cache: see today's interface"
        return ""

    def setup(self, xen: Xen) -> None:
        self.cache = RememberedWalks(
            WalkCacheKind.HAP,
            xen.domain.spec.vcpus,
            slots=self.number("entries"),
            cite=self.asked,
        )

    def dispatch(self, xen: Xen, call: GuestCall) -> int:
        if self.text("lifetime") == "call":
            self.cache.flush(xen.record, call.vcpu, FlushCause.ENTRY)
        return super().dispatch(xen, call)

    def continued(self, xen: Xen, call: GuestCall, number: int) -> GuestCall:
        if self.text("lifetime") == "call":
            self.cache.flush(xen.record, call.vcpu, FlushCause.PREEMPTED)
        return super().continued(xen, call, number)

    def descheduled(self, xen: Xen, vcpu: int) -> None:
        self.cache.flush(xen.record, vcpu, FlushCause.SWITCHED_OUT)

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        if access.number is None:  # an area's update at a context switch: no call is running
            yield from locate_linear(xen, access)
            return
        for va, size in split_pages(Gva(access.handle), access.size):
            yield walk_piece(
                xen, va, size, write=access.writes, vcpu=access.current, remembered=self.cache
            )
