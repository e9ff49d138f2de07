"""Rules for registration: the refusals, and their error numbers.

The thread never says what Xen returns for a range it does not like, so every
errno here is **ours**, chosen after what Xen returns elsewhere for the like:

=============================================  ==========
an empty range                                 ``-EINVAL``
a range that leaves the linear address space   ``-EINVAL``
a physical range that wraps                    ``-EINVAL``
va, pa or size not a multiple of granularity   ``-EINVAL``
a non-global range where only global may be    ``-EINVAL``
a physical range that is no RAM (see is_ram)   ``-EINVAL``
a range that overlaps a registered one         ``-EEXIST``
no free slot, and the policy is to refuse      ``-ENOSPC``
=============================================  ==========

They are checked in this order; the first that fails is the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from xenexplore.addr import Gpa, Gva, is_canonical
from xenexplore.errors import MachineError
from xenexplore.tlb.entry import TlbEntry

__all__ = ["EEXIST", "EINVAL", "ENOSPC", "InsertRefusal", "InsertRules", "IsRam"]

# Source: xen/include/public/errno.h, XEN_ERRNO(EEXIST | EINVAL | ENOSPC).
EEXIST = 17
EINVAL = 22
ENOSPC = 28

IsRam: TypeAlias = Callable[[Gpa, int], bool]

_LINEAR_BITS = (32, 48, 57, 64)


class InsertRefusal(NamedTuple):
    """Reason why a request was refused.

    Attributes:
        result: the negative errno.
        reason: why, in words, without a full stop.
    """

    result: int
    reason: str


@dataclass(frozen=True, slots=True)
class InsertRules:
    """Rules for the ranges that may be registered.

    Attributes:
        granularity: bytes that va, pa and size must be multiples of, a power
            of two; 1 is the proposal, which names no alignment.
        linear_bits: 48 or 57: ranges must be canonical throughout (x86-64 with
            4 or 5 levels), which keeps a hit from being where the walk would
            have faulted; 32: below 4 GiB; 64: anywhere.
        global_only: refuse entries that are not declared global (one of the
            cures that Beulich weighs, 29 Sep 2022,
            <6a3d38a8-bac3-fa59-e882-0d95a8d3e5d0@suse.com>).
        is_ram: whether ``size`` bytes from a guest-physical address may be
            registered as RAM: throughout, or at both ends where a range may take in
            a hole; None checks nothing.
    """

    granularity: int = 1
    linear_bits: int = 64
    global_only: bool = False
    is_ram: IsRam | None = None

    def __post_init__(self) -> None:
        if self.granularity < 1 or self.granularity & (self.granularity - 1):
            raise MachineError(f"granularity: expected a power of two, got {self.granularity}")
        if self.linear_bits not in _LINEAR_BITS:
            raise MachineError(f"linear_bits: expected 32, 48, 57 or 64, got {self.linear_bits}")

    def validate_entry(self, entry: TlbEntry) -> InsertRefusal | None:
        """The first rule that an entry breaks on its own, or None."""
        refusal = self.validate_linear(entry.va, entry.size)
        if refusal:
            return refusal
        if entry.pa.value + entry.size > 1 << Gpa.BITS:
            return InsertRefusal(-EINVAL, "the physical range wraps")
        if (entry.va.value | entry.pa.value | entry.size) & (self.granularity - 1):
            return InsertRefusal(-EINVAL, f"not aligned to {self.granularity} bytes")
        if self.global_only and not entry.is_global:
            return InsertRefusal(-EINVAL, "not declared global")
        if self.is_ram is not None and not self.is_ram(entry.pa, entry.size):
            return InsertRefusal(-EINVAL, "the physical range is not RAM")
        return None

    def validate_linear(self, va: Gva, size: int) -> InsertRefusal | None:
        """Whether ``size`` bytes from ``va`` are a range at all: not empty, inside the space."""
        if not size:
            return InsertRefusal(-EINVAL, "the range is empty")
        last = va.value + size - 1
        if last >> Gva.BITS:
            return InsertRefusal(-EINVAL, "the linear range wraps")
        if self.linear_bits == 32 and last >> 32:
            return InsertRefusal(-EINVAL, "the linear range ends past 4 GiB")
        if self.linear_bits in (48, 57) and not _all_canonical(va.value, last, self.linear_bits):
            return InsertRefusal(-EINVAL, "the linear range is not canonical throughout")
        return None


def _all_canonical(first: int, last: int, bits: int) -> bool:
    halves_agree = first >> 63 == last >> 63
    return halves_agree and is_canonical(first, bits) and is_canonical(last, bits)
