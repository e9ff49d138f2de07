"""Specification of a guest: the few choices from which a :class:`Domain` is built."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from xenexplore.addr import PAGE_SIZE
from xenexplore.errors import MachineError
from xenexplore.guest.image_source import ImageSource
from xenexplore.guest.kernel_names import kernel_facts, kernel_names

__all__ = [
    "DUMPED_KERNEL",
    "ENCRYPTIONS",
    "GUEST_TYPES",
    "MAX_VCPUS",
    "PAGING_KINDS",
    "Encryption",
    "GuestSpec",
    "GuestType",
    "KernelName",
    "PagingKind",
    "no_such",
]

GuestType: TypeAlias = Literal["pvh", "hvm", "pv"]
KernelName: TypeAlias = str
"""One of :func:`~xenexplore.guest.kernel_names.kernel_names`."""
Encryption: TypeAlias = Literal["none", "sev", "snp"]
PagingKind: TypeAlias = Literal["hap", "shadow"]

GUEST_TYPES: tuple[GuestType, ...] = ("pvh", "hvm", "pv")
ENCRYPTIONS: tuple[Encryption, ...] = ("none", "sev", "snp")
PAGING_KINDS: tuple[PagingKind, ...] = ("hap", "shadow")

DUMPED_KERNEL = "dumped"
"""Stands for the kernel of a guest that is a memory image: whichever was running there."""

MIB = 1 << 20
MIN_MEMORY = 96 * MIB
MAX_MEMORY = 1 << 40
MAX_PV_MEMORY = 4096 * MIB
#: HVM_MAX_VCPUS, xen/include/public/hvm/hvm_info_table.h (Xen 4.17).
MAX_VCPUS = 128


def no_such(what: str, wanted: object, words: Iterable[str], why: str = "") -> MachineError:
    """The error for a word that is not one of ``words``; names the nearest that is."""
    known = tuple(words)
    near = difflib.get_close_matches(str(wanted), known, n=1, cutoff=0.4)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    reason = f" ({why})" if why else ""
    return MachineError(f"no {what} {wanted!r}{reason}: expected one of {', '.join(known)}{hint}")


def _takes_pv(name: str) -> bool:
    facts = kernel_facts(name)
    return facts is not None and facts.pv


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestSpec:
    """A guest, as a scenario's text describes it: 64-bit x86.

    Not modelled: Arm guests (of Arm, the copy helper's failures are), 32-bit guests (a 32-bit
    caller's handles and Xen's translation of them are: the action ``compat-call``), and nested
    guests.

    Attributes:
        type: ``"pvh"`` and ``"hvm"`` have a P2M; ``"pv"`` has none: its page
            tables hold machine frames.
        paging: ``"hap"``: the CPU walks the guest's own tables and the P2M; ``"shadow"``: it
            walks tables that Xen derives from them, so Xen sees each change of CR3 and each INVLPG.
            Not for a PV guest, whose own tables the CPU walks.
        kernel: the kernel whose address-space layout it has.
        memory: bytes of RAM, a multiple of 2 MiB, at least 96 MiB.
        vcpus: number of vCPUs, 1 to 128.
        encryption: ``"sev"`` and ``"snp"`` need a P2M: never with ``"pv"``.
        p2m_order: log2 of the frames that one P2M entry maps: 0, 9 or 18.
        la57: five-level paging, where the kernel has a layout for it.  No Xen
            up to 2026 offers it to guests: it is a layout to study, not a guest that exists today.
        gib_pages: the CPU has 1 GiB pages (CPUID 0x80000001 EDX bit 26) and
            shows them to the guest; see :attr:`has_gib_pages`.
        smap: the CPU has SMEP and SMAP and the kernel uses them (no effect on
            the unikernel, which does not).
        pti: the kernel keeps user and kernel page tables apart (KPTI), where this model
            has such a kernel: in user mode a vCPU's CR3 points to tables without the kernel's data.
        seed: seed for drawing scattered frames; the same seed makes the same machine.
        image: the memory image that the guest is, with its own page tables; None: it
            is built.  An image has a kernel (:data:`DUMPED_KERNEL`), paging mode and
            control registers of its own; ``memory`` is then the bytes that it holds, and
            ``vcpus`` how many of its vCPUs take part, from vCPU 0 on.

    Raises:
        MachineError: a word is unknown, or two choices exclude each other.
    """

    type: GuestType = "pvh"
    kernel: KernelName = "linux"
    memory: int = 768 * MIB
    vcpus: int = 1
    encryption: Encryption = "none"
    p2m_order: int = 0
    la57: bool = False
    gib_pages: bool = True
    smap: bool = True
    pti: bool = False
    paging: PagingKind = "hap"
    seed: int = 0
    image: ImageSource | None = None

    def __post_init__(self) -> None:
        kernels = kernel_names() if self.image is None else (DUMPED_KERNEL,)
        for what, word, words in (
            ("guest type", self.type, GUEST_TYPES),
            ("guest kernel", self.kernel, kernels),
            ("memory encryption", self.encryption, ENCRYPTIONS),
            ("paging kind", self.paging, PAGING_KINDS),
        ):
            if word not in words:
                raise no_such(what, word, words)
        self._validate_numbers()
        if self.image is None:
            self._validate_memory()
            self._validate_pairs()
        elif self.encryption != "none":
            raise MachineError(
                "a guest that is a memory image cannot be encrypted: the image is walked as "
                "plaintext"
            )

    def _validate_memory(self) -> None:
        if type(self.memory) is not int or self.memory % (512 * PAGE_SIZE) != 0:
            raise MachineError(f"memory of {self.memory!r} bytes: expected a multiple of 2 MiB")
        if not MIN_MEMORY <= self.memory <= MAX_MEMORY:
            raise MachineError(
                f"memory of {self.memory:#x} bytes: expected {MIN_MEMORY:#x} (96 MiB) "
                f"to {MAX_MEMORY:#x} (1 TiB)"
            )

    def _validate_numbers(self) -> None:
        if type(self.vcpus) is not int or not 1 <= self.vcpus <= MAX_VCPUS:
            raise MachineError(f"{self.vcpus!r} vCPUs: expected 1 to {MAX_VCPUS}")
        if self.p2m_order not in (0, 9, 18):
            raise MachineError(f"P2M order {self.p2m_order!r}: expected 0, 9 or 18")
        if type(self.seed) is not int or self.seed < 0:
            raise MachineError(f"seed {self.seed!r}: expected an integer of 0 or more")

    def _validate_pairs(self) -> None:
        kernel = kernel_facts(self.kernel)
        assert kernel is not None, "validated before"
        if self.paging == "shadow":
            self._validate_shadow()
        if self.pti and (self.type == "pv" or not kernel.pti):
            raise MachineError(
                f"no page-table isolation for kernel {self.kernel!r} as a {self.type} guest: "
                "this model supports it for Linux as a PVH or HVM guest (Linux turns it off "
                "under PV: pti_check_boottime_disable(), arch/x86/mm/pti.c)"
            )
        if self.type == "pv":
            if self.encryption != "none":
                raise MachineError(
                    f"a PV guest cannot be encrypted with {self.encryption}: its page tables hold "
                    "machine frames and Xen must read and validate them"
                )
            if not kernel.pv:
                able = [name for name in kernel_names() if _takes_pv(name)]
                raise no_such("PV kernel", self.kernel, able, "it has no PV layout in this model")
            if self.la57:
                raise MachineError("a PV guest has four-level tables: Xen itself runs with four")
            if self.memory > MAX_PV_MEMORY:
                raise MachineError(
                    f"a PV guest of {self.memory:#x} bytes: this model builds PV directmaps "
                    f"(4 KiB pages only) up to {MAX_PV_MEMORY:#x} (4 GiB)"
                )
        if self.la57 and not kernel.la57:
            raise MachineError(f"kernel {self.kernel!r} has no five-level layout in this model")

    def _validate_shadow(self) -> None:
        """Shadow paging: what Xen, or a CPU, does not combine with it.

        A PV guest gets shadows only while its dirty pages are logged, or as the
        mitigation of L1TF (pv_l1tf_check_pte(), xen/arch/x86/include/asm/shadow.h): not
        modelled, and no copy of its hypercalls walks.
        """
        if self.type == "pv":
            raise MachineError(
                "a PV guest runs on its own page tables, and the CPU walks them for Xen's "
                "copies: shadows of them (log-dirty mode, L1TF) are not modelled; omit paging"
            )
        if self.encryption != "none":
            raise MachineError(
                f"shadow paging with {self.encryption}: encrypted guests need nested paging "
                "(AMD APM vol. 2, 15.34), and Xen could not read the tables that it shadows"
            )
        if self.p2m_order == 18:
            raise MachineError(
                "shadow paging with 1 GiB P2M entries: Xen makes those for HAP only "
                "(p2m_set_entry(), xen/arch/x86/mm/p2m.c)"
            )

    @property
    def has_gib_pages(self) -> bool:
        """Whether guest and Xen's walk support 1 GiB pages: never with shadow paging.

        Source: guest_can_use_l3_superpages(), xen/arch/x86/include/asm/guest_pt.h.
        """
        return self.gib_pages and self.paging == "hap"

    @property
    def has_p2m(self) -> bool:
        """Whether guest frames go through a P2M (HVM and PVH)."""
        return self.type != "pv"

    @property
    def hides_registers(self) -> bool:
        """Whether the vCPU's registers are hidden from Xen at an exit: SEV-ES and SEV-SNP."""
        return self.encryption == "snp"

    @property
    def encrypted(self) -> bool:
        """Whether RAM is private to the guest unless it shares a page."""
        return self.encryption != "none"
