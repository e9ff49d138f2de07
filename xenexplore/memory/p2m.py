"""A domain's P2M: guest frame to machine frame, with Xen's types and superpages.

Source: xen/arch/x86/mm/p2m.c (p2m_set_entry: which superpages a range gets),
xen/arch/x86/mm/p2m-pt.c (p2m_pt_get_entry: what is read, what a hole looks
like), Xen 4.17.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from xenexplore.addr import Gfn, Mfn
from xenexplore.errors import MachineError
from xenexplore.memory.p2m_types import GRANT_TYPES, P2mEntry, P2mType
from xenexplore.steps import P2mLookup, Purpose, xen

__all__ = ["ORDERS", "P2M_ORDERS", "P2M_SIZES", "P2m", "as_lookup"]

P2M_ORDERS = {"4K": 0, "2M": 9, "1G": 18}
"""Page size, as it is written, to the order of a P2M entry."""
P2M_SIZES = {order: size for size, order in P2M_ORDERS.items()}
"""The reverse mapping."""
ORDERS = tuple(P2M_SIZES)
"""Page orders of P2M entries: 4 KiB, 2 MiB, 1 GiB."""

_LOOKUP = xen("xen/arch/x86/mm/p2m.c", "p2m_get_page_from_gfn")
_READS = {0: 4, 9: 3, 18: 2}


def as_lookup(
    entry: P2mEntry, purpose: Purpose, *, level: int | None = None, root: bool = False
) -> P2mLookup:
    """A recorded lookup as the step that readers see; ``level`` and ``root``: of a table."""
    return P2mLookup(
        cite=_LOOKUP,
        gfn=Gfn(entry.gfn),
        mfn=None if entry.mfn is None else Mfn(entry.mfn),
        p2m_type=entry.type.name,
        order=entry.order,
        entry_reads=entry.entry_reads,
        purpose=purpose,
        level=level,
        root=root,
    )


class P2m:
    """Guest frames to machine frames.  Empty at first: every frame is a hole.

    A hole has type ``p2m_mmio_dm``: what is unmapped is taken for MMIO that
    the device model emulates (the comment in p2m_pt_get_entry()).
    """

    __slots__ = ("_entries", "_highest", "_slots")

    def __init__(self) -> None:
        # By order: first gfn >> order -> (first mfn, type, owned).
        self._entries: dict[int, dict[int, tuple[int | None, P2mType, bool]]] = {
            order: {} for order in ORDERS
        }
        # How many entries live under each 2 MiB, 1 GiB and 512 GiB slot: what
        # decides how deep a lookup of a hole gets.
        self._slots: dict[int, Counter[int]] = {order: Counter() for order in (9, 18, 27)}
        self._highest = -1

    def map(
        self,
        gfn: Gfn,
        mfn: Mfn | None,
        order: int = 0,
        p2m_type: P2mType = P2mType.p2m_ram_rw,
        *,
        owned: bool | None = None,
    ) -> None:
        """Map ``2**order`` frames as one entry, replacing what was there.

        Args:
            gfn: first guest frame, aligned to the order.
            mfn: first machine frame, aligned to the order; None for types that
                have no frame behind them (``p2m_ram_paged``, MMIO).
            order: 0, 9 or 18.
            p2m_type: Xen's type.
            owned: whether the domain owns the machine frames; by default it does,
                except of grant mappings and foreign mappings.

        Raises:
            MachineError: the order is none of 0, 9 and 18, or a frame is not aligned to it.
        """
        if order not in ORDERS:
            raise MachineError(f"a P2M entry of order {order}: expected 0, 9 or 18")
        for name, frame in (("gfn", gfn.value), ("mfn", 0 if mfn is None else mfn.value)):
            if frame & ((1 << order) - 1):
                raise MachineError(
                    f"{name} {frame:#x} is not aligned for a P2M entry of order {order}"
                )
        if owned is None:
            owned = p2m_type not in GRANT_TYPES and p2m_type is not P2mType.p2m_map_foreign
        self._clear(gfn.value, order)
        self._put(gfn.value, order, (None if mfn is None else mfn.value, p2m_type, owned))
        self._highest = max(self._highest, gfn.value + (1 << order) - 1)

    def map_range(
        self,
        gfn: Gfn,
        mfn: Mfn,
        frames: int,
        p2m_type: P2mType = P2mType.p2m_ram_rw,
        *,
        largest: int = 18,
    ) -> None:
        """Map a run of frames with the largest entries that alignment allows.

        Args:
            gfn: first guest frame.
            mfn: first machine frame.
            frames: how many.
            p2m_type: Xen's type.
            largest: order that entries may have at most (``hap_1gb=0`` and
                ``hap_2mb=0`` on Xen's command line: 9 and 0).

        Source: p2m_set_entry(), xen/arch/x86/mm/p2m.c.
        """
        start, machine, left = gfn.value, mfn.value, frames
        while left > 0:
            order = next(
                o
                for o in reversed(ORDERS)
                if o == 0 or (o <= largest and left >> o and not (start | machine) & ((1 << o) - 1))
            )
            self.map(Gfn(start), Mfn(machine), order, p2m_type)
            start, machine, left = start + (1 << order), machine + (1 << order), left - (1 << order)

    def unmap(self, gfn: Gfn, order: int = 0) -> None:
        """Make a hole of ``2**order`` frames; a larger entry around it is split."""
        if order not in ORDERS or gfn.value & ((1 << order) - 1):
            raise MachineError(f"gfn {gfn.hex()} is not aligned for a hole of order {order}")
        self._clear(gfn.value, order)

    def entry(self, gfn: int) -> P2mEntry:
        """Look a frame up: compact record, for walks."""
        found = self._entries[0].get(gfn)
        if found is not None:
            return P2mEntry(gfn, found[0], found[1], 0, 4, found[2])
        for order in (9, 18):
            found = self._entries[order].get(gfn >> order)
            if found is not None:
                mfn = None if found[0] is None else found[0] + (gfn & ((1 << order) - 1))
                return P2mEntry(gfn, mfn, found[1], order, _READS[order], found[2])
        return self._hole(gfn)

    def lookup(self, gfn: Gfn, purpose: Purpose = Purpose.BUFFER) -> P2mLookup:
        """Look a frame up, as a step.

        Args:
            gfn: the guest frame.
            purpose: what it is for, for the reader.
        """
        return as_lookup(self.entry(gfn.value), purpose)

    def entries(self) -> Iterator[tuple[Gfn, Mfn | None, int, P2mType]]:
        """Every entry as (first gfn, first mfn, order, type), ascending by gfn."""
        flat = [
            (index << order, order, held)
            for order, table in self._entries.items()
            for index, held in table.items()
        ]
        for gfn, order, (mfn, p2m_type, _) in sorted(flat, key=lambda item: item[0]):
            yield Gfn(gfn), None if mfn is None else Mfn(mfn), order, p2m_type

    def _hole(self, gfn: int) -> P2mEntry:
        if gfn > self._highest:
            return P2mEntry(gfn, None, P2mType.p2m_mmio_dm, 18, 0)
        for reads, order in ((1, 27), (2, 18), (3, 9)):
            if not self._slots[order][gfn >> order]:
                return P2mEntry(gfn, None, P2mType.p2m_mmio_dm, min(order, 18), reads)
        return P2mEntry(gfn, None, P2mType.p2m_mmio_dm, 0, 4)

    def _put(self, gfn: int, order: int, held: tuple[int | None, P2mType, bool]) -> None:
        self._entries[order][gfn >> order] = held
        for slot, counts in self._slots.items():
            if slot > order:
                counts[gfn >> slot] += 1

    def _drop(self, gfn: int, order: int) -> tuple[int | None, P2mType, bool]:
        held = self._entries[order].pop(gfn >> order)
        for slot, counts in self._slots.items():
            if slot > order:
                counts[gfn >> slot] -= 1
        return held

    def _clear(self, gfn: int, order: int) -> None:
        """Remove whatever overlaps ``2**order`` frames; split a larger entry around them."""
        for smaller in ORDERS:
            if smaller > order:
                if gfn >> smaller in self._entries[smaller]:
                    self._split(gfn, smaller, order)
                continue
            span = 1 << (order - smaller)
            first = gfn >> smaller
            table = self._entries[smaller]
            inside = (
                range(first, first + span)
                if span <= len(table)
                else [index for index in table if first <= index < first + span]
            )
            for index in list(inside):
                if index in table:
                    self._drop(index << smaller, smaller)

    def _split(self, gfn: int, order: int, hole_order: int) -> None:
        """Replace one superpage by smaller ones, leaving ``2**hole_order`` frames at gfn out."""
        base = gfn & ~((1 << order) - 1)
        mfn, p2m_type, owned = self._drop(base, order)
        step = 9 if order == 18 else 0
        for offset in range(0, 1 << order, 1 << step):
            piece = base + offset
            held = (None if mfn is None else mfn + offset, p2m_type, owned)
            if piece <= gfn < piece + (1 << step):
                if step > hole_order:
                    self._put(piece, step, held)
                    self._split(gfn, step, hole_order)
                continue
            self._put(piece, step, held)
