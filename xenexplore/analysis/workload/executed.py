"""Instructions that Xen executed for a workload's hypercalls, as far as they were counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SIZE
from xenexplore.recording.contents.limits import header_of
from xenexplore.recording.format.columns import NO_FRAME, Recording
from xenexplore.recording.format.counts import AccessCounts, CallCounts, WalkCounts
from xenexplore.recording.format.header import Artefact

__all__ = ["Executed", "executed_of"]

_WAY = np.array([0, 1, 2, 0, 1, 2], np.uint8)  # recording.columns.DIRECTIONS, H or not
_HVM = 3


@dataclass(frozen=True, slots=True)
class Executed:
    """Counts, row by row.

    Attributes:
        calls: of each hypercall, by its row in ``Workload.calls``.
        copies: of HVM guests' accesses inside hypercalls that touched one page and walked once.
        way: uint8: of each of these, 0 from the guest, 1 to it, 2 cleared.
        walked: int64: instructions of each of these's walk itself, without what is around it.
        walks: of the walks that found a frame.
        level: uint8: of each of these, the guest's page size: 1 for 4 KiB, 2 for 2 MiB.
        decoding: whether the software decoding of VMMCALL was counted, or is not there.
    """

    calls: CallCounts
    copies: AccessCounts
    way: NDArray[np.uint8]
    walked: NDArray[np.int64]
    walks: WalkCounts
    level: NDArray[np.uint8]
    decoding: bool

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The rows of at least one part, in order."""
        return cls(
            CallCounts.concatenate([part.calls for part in parts]),
            AccessCounts.concatenate([part.copies for part in parts]),
            np.concatenate([part.way for part in parts]),
            np.concatenate([part.walked for part in parts]),
            WalkCounts.concatenate([part.walks for part in parts]),
            np.concatenate([part.level for part in parts]),
            parts[0].decoding,
        )


def executed_of(chunk: Recording) -> Executed | None:
    """Counts of a chunk of a recording, or None."""
    counts = chunk.counts
    if counts is None:
        return None
    accesses, walks = chunk.accesses, chunk.walks
    served = walks.access[walks.access >= 0]
    walked = np.bincount(served, minlength=len(accesses))
    offset = (accesses.address & np.uint64(PAGE_SIZE - 1)).astype(np.int64)
    one = accesses.inside & (accesses.size > 0) & (offset + accesses.size <= PAGE_SIZE)
    rows = np.flatnonzero(one & (walked == 1) & (accesses.direction >= _HVM))
    walked_by = np.zeros(len(accesses), np.int64)
    np.add.at(walked_by, served, counts.walks.instructions[walks.access >= 0])
    found = np.flatnonzero((walks.gfn != np.uint64(NO_FRAME)) & (walks.level > 0))
    return Executed(
        calls=counts.calls,
        copies=counts.accesses.pick(rows),
        way=_WAY[accesses.direction[rows]],
        walked=walked_by[rows],
        walks=counts.walks.pick(found),
        level=walks.level[found],
        decoding=Artefact.NO_DECODE_COUNT not in header_of(chunk).artefacts,
    )
