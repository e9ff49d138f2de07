"""Cost of a hypercall that does nothing but copy: the recorded loop of get_runstate_info.

Teddy Astie measured about 30% less overhead by physical addresses, in time, in an XTF loop
of VCPUOP_get_runstate_info on hardware (cover.1744981654.git.teddy.astie@vates.tech).  Here
the same call is counted in instructions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xenexplore.analysis.measures.instructions import spread_of
from xenexplore.recording.format.columns import Recording
from xenexplore.recording.format.reader import read_recording

__all__ = ["LOOP", "LoopCost", "loop_costs"]

LOOP = "runstate-loop"
"""The package's recording of the loop."""
_VCPU_OP, _GET_RUNSTATE_INFO = 24, 4  # xen/include/public/xen.h, vcpu.h


@dataclass(frozen=True, slots=True)
class LoopCost:
    """One call with its structure in one kind of page: medians, in instructions.

    Attributes:
        level: the page's size in the guest's tables: 1 for 4 KiB, 2 for 2 MiB.
        calls: counted; those with an interrupt or a switch of vCPUs are left out.
        exit_to_entry: from VM exit to VM entry, as executed.
        decode: of these, the emulator's artefact: Xen decodes VMMCALL in software.
        handler: in hvm_hypercall() and below; ``copy``: of these, in the one copy; ``walk``:
            of these, in its walk; ``p2m``: in the lookup of the frame that it found.
    """

    level: int
    calls: int
    exit_to_entry: int
    decode: int
    handler: int
    copy: int
    walk: int
    p2m: int

    @property
    def corrected(self) -> int:
        """From exit to entry, without the decoding."""
        return self.exit_to_entry - self.decode

    @property
    def walk_share(self) -> float:
        """Part of ``corrected`` that a copy by physical address leaves out."""
        return self.walk / self.corrected

    @property
    def copy_share(self) -> float:
        """The copy with its walk, of ``corrected``."""
        return self.copy / self.corrected


def loop_costs(recording: Recording | None = None) -> tuple[LoopCost, ...]:
    """The call's cost for each size of page; empty: no such call was counted.

    Args:
        recording: made by ``xenexplore record pvh --loop``; default: the package's.

    >>> [one.level for one in loop_costs()]
    [1, 2]
    """
    found = read_recording(LOOP) if recording is None else recording
    if found.counts is None:
        return ()
    calls, counts = found.calls, found.counts.calls
    mine = (calls.number == _VCPU_OP) & (calls.args[:, 0] == _GET_RUNSTATE_INFO)
    mine &= counts.undisturbed
    served = found.walks.access >= 0
    call_of_walk = found.accesses.call[found.walks.access[served]]
    level_of = np.zeros(len(calls), np.uint8)
    level_of[call_of_walk] = found.walks.level[served]
    levels = np.unique(level_of[mine]).tolist()
    return tuple(_cost(found, level, np.flatnonzero(mine & (level_of == level)))
                 for level in levels if level)  # fmt: skip


def _cost(recording: Recording, level: int, rows: NDArray[np.int64]) -> LoopCost:
    assert recording.counts is not None
    counts = recording.counts.calls.pick(rows)

    def middle(column: NDArray[np.int64]) -> int:
        return spread_of(column).median

    return LoopCost(
        level=level, calls=len(rows), exit_to_entry=middle(counts.exit_to_entry),
        decode=middle(counts.decode), handler=middle(counts.handler), copy=middle(counts.copies),
        walk=middle(counts.walks), p2m=middle(counts.p2m),
    )  # fmt: skip
