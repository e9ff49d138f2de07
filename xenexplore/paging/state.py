"""A walk's inputs apart from memory: control registers, flags, and the CPU's limits."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field, replace

from xenexplore.paging.access import Access
from xenexplore.paging.plan import Mode, Plan, make_plan
from xenexplore.paging.rights import RightsRules, rights_verdicts

__all__ = [
    "CR0_PE",
    "CR0_PG",
    "CR0_WP",
    "CR4_LA57",
    "CR4_PAE",
    "CR4_PKE",
    "CR4_PKS",
    "CR4_PSE",
    "CR4_SMAP",
    "CR4_SMEP",
    "EFER_LMA",
    "EFER_LME",
    "EFER_NXE",
    "EFLAGS_AC",
    "Manner",
    "PagingState",
]

CR0_PE = 1 << 0
CR0_WP = 1 << 16
CR0_PG = 1 << 31
CR4_PSE = 1 << 4
CR4_PAE = 1 << 5
CR4_LA57 = 1 << 12
CR4_SMEP = 1 << 20
CR4_SMAP = 1 << 21
CR4_PKE = 1 << 22
CR4_PKS = 1 << 24
EFER_LME = 1 << 8
EFER_LMA = 1 << 10
EFER_NXE = 1 << 11
EFLAGS_AC = 1 << 18


class Manner(enum.Enum):
    """Walker: Xen's software walk, or a CPU's.  They differ in these points only.

    ================================  ==========================  ==========================
    point                             XEN                         CPU
    ================================  ==========================  ==========================
    non-canonical linear address      upper bits ignored          #GP (or #SS), no walk
    Accessed bits of upper levels     only if the walk succeeds   also if it then faults*
    A bit of a 32-bit directory       left alone (the compare-    set
    entry with bit 7 set, CR4.PSE=0   and-exchange expects the
                                      entry with bit 7 clear)
    PAE: linear address past 4 GiB    index past the four         wraps to 0
                                      entries of the top table
    ================================  ==========================  ==========================

    * As the CPU does that the walk is held to; some do as Xen does.

    Source: guest_walk_tables() and set_ad_bits(), xen/arch/x86/mm/guest_walk.c;
    Intel SDM vol. 3, 4.5 and 4.8.  Not modelled for CPUs: the PDPTEs of PAE
    paging are loaded when CR3 is written; here, as in Xen, they are read by each walk.
    """

    XEN = "xen"
    CPU = "cpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class PagingState:
    """Registers and CPU properties that determine a walk.  Frozen: ``replace()`` to change.

    Attributes:
        cr0: PG and WP matter.
        cr3: guest-physical address of the top table (and PCID etc. below bit 12).
        cr4: PSE, PAE, LA57, SMEP, SMAP, PKE and PKS matter.
        efer: LMA and NXE matter.
        eflags: AC matters.
        pkru: the PKRU register: protection keys of user-mode addresses.
        pkrs: IA32_PKRS: protection keys of supervisor-mode addresses.  Xen 4.17 lets no
            guest set CR4.PKS; newer trees do and honour it.
        cpl: current privilege level.
        maxphyaddr: guest-physical address bits, by the guest's CPUID (Xen: extd.maxphysaddr).
        page1gb: whether 1 GiB pages work (HAP on a CPU with them; never with shadow paging).
        pse36: whether 32-bit 4 MiB pages reach past 4 GiB (HAP on a CPU with PSE36).
        amd: an AMD CPU: bit 8 of a level-4 entry is reserved.
        shadow: the guest has shadow paging: the frame that CR3 names has been known since CR3
            was loaded, and the frame that a walk finds is not looked up (see :func:`walk`).
        c_bit: position of the encryption bit in entries and in CR3, or None.  None is what
            released Xen knows: the bit is then part of the address.

    LA57 is not offered to guests by any Xen; a 5-level walk here extends the 4-level one.
    """

    cr0: int
    cr3: int
    cr4: int
    efer: int
    eflags: int = 2
    pkru: int = 0
    pkrs: int = 0
    cpl: int = 0
    maxphyaddr: int = 48
    page1gb: bool = True
    pse36: bool = True
    amd: bool = False
    shadow: bool = False
    c_bit: int | None = None
    plan: Plan = field(init=False, repr=False, compare=False)
    rules: dict[int, RightsRules] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        nxe = bool(self.efer & EFER_NXE)
        plan = make_plan(
            self.mode,
            nxe=nxe,
            maxphyaddr=self.maxphyaddr,
            page1gb=self.page1gb,
            pse=bool(self.cr4 & CR4_PSE),
            pse36=self.pse36,
            amd=self.amd,
            c_bit=self.c_bit,
        )
        object.__setattr__(self, "plan", plan)
        object.__setattr__(self, "rules", {})

    def rules_for(self, access: Access) -> RightsRules:
        """Rules for this kind of access under this state; remembered in ``rules``."""
        smep = bool(self.cr4 & CR4_SMEP)
        base, verdicts = rights_verdicts(
            access.pfec,
            wp=bool(self.cr0 & CR0_WP),
            smep=smep,
            smap=bool(self.cr4 & CR4_SMAP),
            ac=bool(self.eflags & EFLAGS_AC),
            nx=self.plan.nx,
        )
        keyed = self.plan.mode in (Mode.LEVEL4, Mode.LEVEL5) and not access.fetch
        rules = RightsRules(
            verdicts,
            base,
            self.pkru if keyed and self.cr4 & CR4_PKE else None,
            self.pkrs if keyed and self.cr4 & CR4_PKS else None,
        )
        self.rules[access.pfec] = rules
        return rules

    @classmethod
    def long_mode(
        cls,
        cr3: int,
        *,
        la57: bool = False,
        nxe: bool = True,
        wp: bool = True,
        cr4: int = 0,
        **others: object,
    ) -> PagingState:
        """A 64-bit guest's state: paging on, 4 or 5 levels.

        Args:
            cr3: guest-physical address of the top table.
            la57: five levels.
            nxe: EFER.NXE.
            wp: CR0.WP.
            cr4: further CR4 bits, e.g. ``CR4_SMEP | CR4_SMAP``.
            **others: any other attribute.
        """
        return cls(
            cr0=CR0_PG | CR0_PE | (CR0_WP if wp else 0),
            cr3=cr3,
            cr4=cr4 | CR4_PAE | (CR4_LA57 if la57 else 0),
            efer=EFER_LME | EFER_LMA | (EFER_NXE if nxe else 0),
            **others,  # type: ignore[arg-type]
        )

    @classmethod
    def unpaged(cls, **others: object) -> PagingState:
        """A guest that has paging disabled: linear addresses are guest-physical."""
        return cls(cr0=CR0_PE, cr3=0, cr4=0, efer=0, **others)  # type: ignore[arg-type]

    @property
    def mode(self) -> Mode:
        """The paging mode, chosen as Xen does.

        Source: hap_paging_get_mode(), xen/arch/x86/mm/hap/hap.c; LA57 is ours.
        """
        if not self.cr0 & CR0_PG:
            return Mode.NONE
        if self.efer & EFER_LMA:
            return Mode.LEVEL5 if self.cr4 & CR4_LA57 else Mode.LEVEL4
        return Mode.PAE if self.cr4 & CR4_PAE else Mode.LEGACY

    def seen_from(self, current: PagingState) -> PagingState:
        """This vCPU's tables, as walked by Xen while another vCPU is running.

        CR0, CR3, CR4 and EFER are the subject's; EFLAGS.AC, PKRU and PKRS are
        those of the vCPU that runs: guest_walk_tables() takes
        guest_cpu_user_regs() and rdpkru(), not the subject's.
        """
        return replace(self, eflags=current.eflags, pkru=current.pkru, pkrs=current.pkrs)
