"""The batch walker: millions of addresses through one snapshot of the page tables.

A second implementation of the walk's lookups, for speed; a property test
holds it to :func:`~xenexplore.paging.walk.walk`, fault for fault.  What rights
permit is not decided a second time: the walk's own rules are asked once for
each combination of rights and protection key.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xenexplore.errors import AddressError
from xenexplore.paging.access import READ, Access, WalkEnd
from xenexplore.paging.batch.endings import (
    END_SHIFT,
    ENDS,
    LEVEL_SHIFT,
    NOT_CANONICAL,
    PFEC_MASK,
    endings_for,
    word_of,
)
from xenexplore.paging.batch.table_arrays import TableArrays
from xenexplore.paging.plan import Mode
from xenexplore.paging.state import Manner
from xenexplore.paging.walk import walk

__all__ = ["NOWHERE", "Batch", "translate_batch"]

NOWHERE = (1 << 64) - 1
"""What :attr:`Batch.gpa` holds where there is no translation."""


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """The translations of many linear addresses, column by column; all have shape ``(n,)``.

    Attributes:
        tables: the snapshot that was walked.
        access: what was asked of every address.
        linear: the addresses, uint64.
        gpa: guest-physical addresses, uint64; :data:`NOWHERE` where a walk failed.
        results: packed results, uint32 (see :mod:`xenexplore.paging.batch.endings`).
    """

    tables: TableArrays
    access: Access
    linear: npt.NDArray[np.uint64]
    gpa: npt.NDArray[np.uint64]
    results: npt.NDArray[np.uint32]

    def __len__(self) -> int:
        return len(self.linear)

    @property
    def ok(self) -> npt.NDArray[np.bool_]:
        """Whether each address was translated."""
        return self.results < np.uint32(1 << END_SHIFT)

    @property
    def pfec(self) -> npt.NDArray[np.uint32]:
        """Xen's error-code bits; 0 where translated."""
        return self.results & np.uint32(PFEC_MASK)

    @property
    def error_code(self) -> npt.NDArray[np.int32]:
        """Page-fault error codes; -1 where there was no page fault."""
        codes = self.pfec.astype(np.int32) & np.int32(0xFFFF)
        not_faults = (WalkEnd.OK, WalkEnd.NOT_CANONICAL)
        codes[np.isin(self.ends, [ENDS.index(end) for end in not_faults])] = -1
        return codes

    @property
    def ends(self) -> npt.NDArray[np.uint8]:
        """Ending of each walk, as a position in ``tuple(WalkEnd)``."""
        return (self.results >> np.uint32(END_SHIFT)).astype(np.uint8)

    @property
    def level(self) -> npt.NDArray[np.uint8]:
        """Level of the last entry that each walk read; 0 where it read none."""
        return (self.results >> np.uint32(LEVEL_SHIFT) & np.uint32(7)).astype(np.uint8)

    @property
    def page_size(self) -> npt.NDArray[np.uint64]:
        """Bytes of the page found; 0 where a walk failed."""
        plan = self.tables.state.plan
        sizes = np.zeros(8, np.uint64)
        for number, shift in zip(plan.numbers, plan.page_shifts, strict=True):
            sizes[number] = 1 << shift
        found: npt.NDArray[np.uint64] = np.where(self.ok, sizes[self.level], np.uint64(0))
        return found

    def end(self, index: int) -> WalkEnd:
        """Ending of one walk."""
        return ENDS[int(self.ends[index])]


def translate_batch(
    tables: TableArrays,
    linear: npt.NDArray[np.uint64],
    access: Access = READ,
    manner: Manner = Manner.CPU,
) -> Batch:
    """Translate many addresses, rights checked, error codes exact.  Changes nothing.

    The first call in a process imports numba (0.5 s); the first on a machine
    also compiles the loop (about a second), which is then cached.

    Args:
        tables: from :func:`~xenexplore.paging.batch.table_arrays.read_tables`.
        linear: linear addresses, uint64.
        access: what is asked of each.
        manner: a CPU refuses addresses that are not canonical and wraps at 4 GiB
            outside 64-bit mode; Xen's walk ignores the upper bits.

    Raises:
        AddressError: Xen's manner with an address past 4 GiB in PAE paging: its
            walk would read past the four top entries, which are all a snapshot has.
    """
    addresses = np.ascontiguousarray(linear, np.uint64)
    mode = tables.state.plan.mode
    if mode is Mode.PAE and manner is Manner.XEN and np.any(addresses >> np.uint64(32)):
        first = int(addresses[np.argmax(addresses >> np.uint64(32) != 0)])
        raise AddressError(first, "linear", "32 bits in PAE paging")
    walked = addresses & np.uint64(0xFFFFFFFF) if mode.linear_bits == 32 else addresses
    gpa = np.empty(len(addresses), np.uint64)
    results = np.empty(len(addresses), np.uint32)
    batch = Batch(tables, access, addresses, gpa, results)
    checked = manner is Manner.CPU and mode.linear_bits > 32
    endings = endings_for(tables.state, access)
    if not tables.has_root:
        _without_root(batch, endings, mode.linear_bits if checked else 64)
        return batch
    from xenexplore.paging.batch.kernel import translate

    shape = (mode.levels, tables.index_bits, mode.linear_bits if checked else 64)
    translate(walked, tables.cooked.reshape(-1), endings, shape, gpa, results)
    return batch


def _without_root(batch: Batch, endings: npt.NDArray[np.uint32], bits: int) -> None:
    """No memory where CR3 points: every walk ends alike, as the walk itself says."""
    batch.gpa[:] = NOWHERE
    one = walk(_Nothing(), batch.tables.state, 0, batch.access)
    batch.results[:] = word_of(one.end, one.pfec)
    unused = np.int64(64 - bits)
    signed = batch.linear.view(np.int64)
    batch.results[(signed << unused >> unused) != signed] = endings[NOT_CANONICAL]


class _Nothing:
    """Memory of which there is none."""

    def read(self, gpa: int, size: int, /) -> None:
        """Nothing."""
