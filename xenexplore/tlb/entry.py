"""One registered buffer: a linear range and the guest-physical address it stands for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from xenexplore.addr import Gpa, Gva
from xenexplore.errors import MachineError

__all__ = ["Held", "TlbEntry"]


@dataclass(frozen=True, slots=True)
class TlbEntry:
    """Entry that a guest registers: virtual address, physical address, size.

    A ``TlbEntry`` is the guest's *request*: it may be empty or wrap, and is then rejected by
    :meth:`Rules.validate_entry`, as Xen would have to.

    Source: Gross, 28 Sep 2022, <94aab958-c141-4c43-a249-a55d8e5be735@suse.com>
    names the three; ``is_global`` and ``space`` are ours, to try the fixes.

    Attributes:
        va: first linear address of the buffer.
        pa: guest-physical address that ``va`` stands for; the buffer is
            contiguous from there. Its offset in the page need not equal that of ``va``: the
            proposal does not require it.
        size: bytes.
        is_global: the guest declares that every address space maps this range identically (Linux's
            kernel half, except for per-process parts).
        space: tag of the address space that the range belongs to (a CR3, an
            ASID); None is the proposal itself: entries carry no tag.
        label: a name for people.
    """

    va: Gva
    pa: Gpa
    size: int
    is_global: bool = False
    space: int | None = None
    label: str = ""

    def __post_init__(self) -> None:
        if self.size < 0:
            raise MachineError(f"an entry's size is an unsigned register, got {self.size}")

    @property
    def end(self) -> int:
        """First linear address past the buffer; past 2**64 if it wraps."""
        return self.va.value + self.size

    @property
    def tag(self) -> int | None:
        """The tag a lookup must match; None matches every lookup.

        A global entry ignores its tag, as the CPU's TLB does.
        Source: Intel SDM vol. 3A, paging chapter, "Global Pages".
        """
        return None if self.is_global else self.space

    def serves(self, va: int, space: int | None) -> bool:
        """Whether a lookup of ``va`` in address space ``space`` finds this entry."""
        return self.va.value <= va < self.end and (self.tag is None or self.tag == space)

    def overlaps(self, va: int, size: int) -> bool:
        """Whether it has a byte in common with ``size`` bytes from ``va``."""
        return max(self.va.value, va) < min(self.end, va + size)

    def conflicts(self, other: TlbEntry) -> bool:
        """Whether some lookup could find both: they overlap and a tag matches both."""
        tags_meet = self.tag is None or other.tag is None or self.tag == other.tag
        return tags_meet and self.overlaps(other.va.value, other.size)


class Held(NamedTuple):
    """An entry and the slot that holds it."""

    slot: int
    entry: TlbEntry
