"""A guest's machine frames and its P2M.

A whole guest's P2M at 4 KiB is hundreds of thousands of entries; here an entry
is computed from the guest's layout until it is changed.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from xenexplore.addr import Gfn, Mfn
from xenexplore.guest.physical import SPECIAL, Physical
from xenexplore.guest.spec import GuestSpec
from xenexplore.memory.p2m import P2m
from xenexplore.memory.p2m_types import P2mEntry, P2mType

__all__ = ["GuestP2m", "PvFrames", "PvP2m"]

_MIX = 0x9E37_79B9_7F4A_7C15
_HOST_BASE = 0x10_0000  # the host's first 4 GiB are not given to guests here
_READS = {0: 4, 9: 3, 18: 2}


class _Permutation:
    """A one-to-one map of 0 to 2**bits - 1 onto itself: ``i * odd + shift``.

    Neighbours land ``odd`` apart, which is never 1: what is consecutive on one
    side is not on the other.
    """

    __slots__ = ("_inverse", "_odd", "_shift", "mask")

    def __init__(self, count: int, seed: int) -> None:
        bits = max(2, count.bit_length() + 1)
        self.mask = (1 << bits) - 1
        draw = (seed + 1) * _MIX
        self._odd = (draw | 1) & self.mask
        if self._odd in (1, self.mask):
            self._odd = 3
        self._inverse = pow(self._odd, -1, 1 << bits)
        self._shift = (draw >> 40) & self.mask

    def forward(self, index: int) -> int:
        return index * self._odd + self._shift & self.mask

    def forward_all(self, indices: Iterable[int], base: int) -> list[int]:
        odd, shift, mask = self._odd, self._shift, self.mask
        return [base + (index * odd + shift & mask) for index in indices]

    def backward(self, image: int) -> int:
        return (image - self._shift) * self._inverse & self.mask


class GuestP2m(P2m):
    """The P2M of an HVM or PVH guest: RAM and special pages mapped, all else a hole.

    Entries are of the spec's order where RAM is aligned for it, smaller at the
    edges; each entry's machine frames lie somewhere else in the host.

    Args:
        spec: order and seed.
        physical: where RAM is.
    """

    __slots__ = ("_changed", "_order", "_permutation", "_physical")

    def __init__(self, spec: GuestSpec, physical: Physical) -> None:
        super().__init__()
        self._physical = physical
        self._order = spec.p2m_order
        self._permutation = _Permutation((physical.top >> self._order) + 1, spec.seed)
        self._changed: set[int] = set()  # 2 MiB slots whose entries are held, not computed
        first = SPECIAL[0] >> 12
        self._changed.add(first >> 9)
        for page in range((SPECIAL[1] - SPECIAL[0]) >> 12):
            super().map(Gfn(first + page), Mfn(_HOST_BASE - 16 + page))
        self._highest = max(self._highest, physical.top - 1)

    def entry(self, gfn: int) -> P2mEntry:
        """Look a frame up: compact record, for walks."""
        order = self._computed_order(gfn)
        if order is None:
            return super().entry(gfn)
        return P2mEntry(gfn, self._mfn(gfn), P2mType.p2m_ram_rw, order, _READS[order])

    def map(
        self,
        gfn: Gfn,
        mfn: Mfn | None,
        order: int = 0,
        p2m_type: P2mType = P2mType.p2m_ram_rw,
        *,
        owned: bool | None = None,
    ) -> None:
        """Map ``2**order`` frames as one entry; see :meth:`P2m.map`."""
        self._hold(gfn.value, order)
        super().map(gfn, mfn, order, p2m_type, owned=owned)

    def unmap(self, gfn: Gfn, order: int = 0) -> None:
        """Make a hole of ``2**order`` frames; a larger entry around it is split."""
        self._hold(gfn.value, order)
        super().unmap(gfn, order)

    def entries(self) -> Iterator[tuple[Gfn, Mfn | None, int, P2mType]]:
        """Every entry as (first gfn, first mfn, order, type), ascending by gfn."""
        yield from heapq.merge(
            self._computed(), super().entries(), key=lambda entry: entry[0].value
        )

    def _computed(self) -> Iterator[tuple[Gfn, Mfn | None, int, P2mType]]:
        for start, end in self._physical.ram:
            gfn = start
            while gfn < end:
                order = self._computed_order(gfn)
                if order is not None:
                    yield Gfn(gfn), Mfn(self._mfn(gfn)), order, P2mType.p2m_ram_rw
                gfn += 1 << (order or 0)

    def _mfn(self, gfn: int) -> int:
        block = self._permutation.forward(gfn >> self._order)
        return _HOST_BASE + (block << self._order) + (gfn & (1 << self._order) - 1)

    def _computed_order(self, gfn: int) -> int | None:
        """Order of the computed entry that maps a frame; None if there is none."""
        if gfn >> 9 in self._changed:
            return None
        for start, end in self._physical.ram:
            if start <= gfn < end:
                for order in (18, 9):
                    first = gfn >> order << order
                    if order <= self._order and start <= first and first + (1 << order) <= end:
                        return order
                return 0
        return None

    def _hold(self, gfn: int, order: int) -> None:
        """Turn the computed entries of every 2 MiB slot in reach into held ones."""
        if order == 18 or self._computed_order(gfn) == 18:
            reach = range(gfn >> 18 << 9, (gfn >> 18) + 1 << 9)
        else:
            reach = range(gfn >> 9, (gfn >> 9) + 1)
        held = []
        for slot in reach:
            frame = slot << 9
            while frame < slot + 1 << 9:
                found = self._computed_order(frame)
                if found is not None and not frame & (1 << found) - 1:
                    held.append((frame, found))
                if found is None and not self._computed_in(frame, slot + 1 << 9):
                    break
                frame += 1 << min(found or 0, 9)
        self._changed.update(reach)
        for frame, size in held:
            super().map(Gfn(frame), Mfn(self._mfn(frame)), size)

    def _hole(self, gfn: int) -> P2mEntry:
        if gfn > self._highest:
            return super()._hole(gfn)
        for reads, order in ((1, 27), (2, 18), (3, 9)):
            slot = gfn >> order
            if not self._slots[order][slot] and not self._computed_in(
                slot << order, slot + 1 << order
            ):
                return P2mEntry(gfn, None, P2mType.p2m_mmio_dm, min(order, 18), reads)
        return P2mEntry(gfn, None, P2mType.p2m_mmio_dm, 0, 4)

    def _computed_in(self, first: int, end: int) -> bool:
        """Whether any frame of a range has a computed entry."""
        for start, stop in self._physical.ram:
            low, high = max(first, start), min(end, stop)
            if low < high:
                slots = range(low >> 9, (high - 1 >> 9) + 1)
                if len(slots) > len(self._changed) or not self._changed.issuperset(slots):
                    return True
        return False


class PvFrames:
    """A PV guest's pseudo-physical numbering: PFNs, and the machine frames they stand for.

    Xen keeps no P2M that would translate them: the guest holds the list, and puts
    machine frames into its page tables (gfn == mfn).
    Source: the comment on frame numbers in xen/include/xen/mm.h (Xen 4.17).

    Args:
        spec: memory and seed.
        physical: the PFNs.
    """

    __slots__ = ("_permutation", "count")

    def __init__(self, spec: GuestSpec, physical: Physical) -> None:
        self.count = physical.frames
        self._permutation = _Permutation(self.count, spec.seed)

    def to_mfn(self, pfn: int) -> int:
        """The machine frame of a PFN."""
        return _HOST_BASE + self._permutation.forward(pfn)

    def to_mfns(self, pfns: Iterable[int]) -> list[int]:
        """The machine frames of many PFNs, in their order."""
        return self._permutation.forward_all(pfns, _HOST_BASE)

    def to_pfn(self, mfn: int) -> int | None:
        """The PFN of a machine frame, or None if the guest does not own it."""
        if not _HOST_BASE <= mfn <= _HOST_BASE + self._permutation.mask:
            return None
        pfn = self._permutation.backward(mfn - _HOST_BASE)
        return pfn if pfn < self.count else None


class PvP2m(P2m):
    """Stand-in for a P2M: machine frames unchanged, no lookup, no reads."""

    __slots__ = ("_frames",)

    def __init__(self, frames: PvFrames) -> None:
        super().__init__()
        self._frames = frames

    def entry(self, gfn: int) -> P2mEntry:
        """The machine frame itself, if the guest owns it (else Xen's get_page() fails)."""
        owned = self._frames.to_pfn(gfn) is not None
        kind = P2mType.p2m_ram_rw if owned else P2mType.p2m_invalid
        return P2mEntry(gfn, gfn if owned else None, kind, 0, 0, owned)
