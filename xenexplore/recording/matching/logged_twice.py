"""Accesses that the recorder logged twice although Xen made them once.

QEMU's log prints the registers when it enters a translated block.  Where an
interrupt makes it leave a block before the block's first instruction, it
enters again later and prints again.  The recorder filters such repeats of
hypercall entries, not those of accesses.  For an HVM guest the recording
itself tells them apart: every access makes Xen walk the guest's page tables,
and a repeat has no walk of its own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xenexplore.recording.format.columns import Recording

__all__ = ["logged_twice"]

_HVM = 3  # first HVM direction


def logged_twice(recording: Recording) -> NDArray[np.bool_]:
    """Bool (M,): accesses proved to be the first log entry of the next access.

    All of these must hold: it went through the HVM helpers and touched at
    least a byte; no walk followed it; the next record of an access equals it
    in every column and has a walk.  Where no walks were recorded, nothing is
    proved and nothing is marked.
    """
    accesses, walks = recording.accesses, recording.walks
    count = len(accesses)
    walked = np.zeros(count, np.bool_)
    walked[walks.access[walks.access >= 0]] = True
    twice = np.zeros(count, np.bool_)
    if count < 2:
        return twice
    hvm = (accesses.direction >= _HVM) & (accesses.size > 0)
    same = np.ones(count - 1, np.bool_)
    for name in accesses.names():
        column = getattr(accesses, name)
        same &= column[:-1] == column[1:]
    twice[:-1] = hvm[:-1] & same & ~walked[:-1] & walked[1:]
    return twice
