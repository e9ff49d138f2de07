"""Result of one hypervisor access to one piece of a guest's memory."""

from __future__ import annotations

import enum
from dataclasses import dataclass

from xenexplore.addr import Gpa
from xenexplore.steps import P2mLookup

__all__ = ["CopyResult", "PieceOutcome", "Stored"]


class CopyResult(enum.Enum):
    """Result for a piece: Xen's enum hvm_translation_result, and one for which Xen has no name.

    Source: enum hvm_translation_result, xen/arch/x86/include/asm/hvm/support.h.
    """

    OKAY = "HVMTRANS_okay"
    BAD_LINEAR_TO_GFN = "HVMTRANS_bad_linear_to_gfn"
    BAD_GFN_TO_MFN = "HVMTRANS_bad_gfn_to_mfn"
    UNHANDLEABLE = "HVMTRANS_unhandleable"
    GFN_PAGED_OUT = "HVMTRANS_gfn_paged_out"
    GFN_SHARED = "HVMTRANS_gfn_shared"
    NEED_RETRY = "HVMTRANS_need_retry"
    RMP_VIOLATION = "RMP violation"
    """A hypervisor's write to a private SEV-SNP page: a host page fault with
    bit 31 (RMP) set in its error code (AMD APM vol. 2, 15.36.10).  No released
    Xen runs SNP guests, so no HVMTRANS value exists for it."""


class Stored(enum.Enum):
    """Effect on memory of a write that was reported as done."""

    NOTHING = "nothing"
    DATA = "data"
    DISCARDED = "discarded"
    """The frame is read-only: Xen drops the write and reports success."""
    DAMAGED = "damaged"
    """The page is private (SEV): the guest now decrypts garbage there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceOutcome:
    """One access of at most one 4 KiB page.  A failure is a value, not an exception.

    Attributes:
        gpa: first byte.
        size: bytes.
        result: how it ended.
        reason: why, in words; empty when nothing is worth saying.
        lookup: the P2M lookup made, or None (address inside MMIO that Xen emulates itself).
        data: bytes read (ciphertext, if the page is private) or None.
        stored: what a write did to memory.
        ciphertext: whether ``data`` is ciphertext.
    """

    gpa: Gpa
    size: int
    result: CopyResult
    reason: str = ""
    lookup: P2mLookup | None = None
    data: bytes | None = None
    stored: Stored = Stored.NOTHING
    ciphertext: bool = False

    @property
    def ok(self) -> bool:
        """Whether Xen treats the access as done."""
        return self.result is CopyResult.OKAY
