"""The few records of a recording that reveal its guests' layouts, gathered by chunk."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from xenexplore.addr import PAGE_SHIFT
from xenexplore.guest.layout.linux_layout import KERNEL_STACK
from xenexplore.recording.format.columns import Accesses, Calls, RecordedDomain, Recording, Walks

__all__ = ["Evidence"]

# What Xen writes to a registered runstate area (recording.layouts looks for it).
_RUNSTATE_BYTES = 48
_STACK_SHIFT = KERNEL_STACK.bit_length() - 1


class Evidence:
    """Keeps one of each: a walk of a page to a frame, a runstate write, a caller's RIP and stack.

    :func:`xenexplore.recording.contents.guest_layouts.guest_space` asks which values occur;
    so a layout drawn from these records is the layout drawn from all.
    """

    def __init__(self) -> None:
        self._parts: list[Recording] = []

    def add(self, chunk: Recording) -> None:
        """Keep the records of a chunk that reveal something about a layout."""
        self._parts.append(_reduced(chunk))

    def recording(self, domains: tuple[RecordedDomain, ...]) -> Recording:
        """All that was kept, as one small recording of these domains."""
        calls, accesses, walks, rows, access_rows = [], [], [], 0, 0
        for part in self._parts:
            calls.append(part.calls)
            accesses.append(replace(part.accesses, call=_moved(part.accesses.call, rows)))
            walks.append(
                replace(
                    part.walks,
                    call=_moved(part.walks.call, rows),
                    access=_moved(part.walks.access, access_rows),
                )
            )
            rows += len(part.calls)
            access_rows += len(part.accesses)
        return replace(
            self._parts[-1],
            domains=domains,
            calls=Calls.concatenate(calls),
            accesses=Accesses.concatenate(accesses),
            walks=Walks.concatenate(walks),
            counts=None,
        )


def _moved(rows: NDArray[np.int64], by: int) -> NDArray[np.int64]:
    return np.where(rows < 0, -1, rows + by)


def _first_of_each(*columns: NDArray[np.int64] | NDArray[np.uint64]) -> NDArray[np.int64]:
    """Row of the first occurrence of each combination of values."""
    if not len(columns[0]):
        return np.zeros(0, np.int64)
    keys = np.stack([column.astype(np.uint64) for column in columns])
    return np.unique(keys, axis=1, return_index=True)[1].astype(np.int64)


def _reduced(chunk: Recording) -> Recording:
    calls, accesses, walks = chunk.calls, chunk.accesses, chunk.walks
    page = walks.address >> np.uint64(PAGE_SHIFT)
    walk_rows = _first_of_each(walks.domain.astype(np.int64), page, walks.gfn)
    written = np.flatnonzero(~accesses.inside & (accesses.size == _RUNSTATE_BYTES))
    written = written[_first_of_each(chunk.outside_domain()[written].astype(np.int64),
                                     accesses.address[written])]  # fmt: skip
    # Whose an outside access is, its walk tells.
    walk_rows = np.union1d(walk_rows, np.flatnonzero(np.isin(walks.access, written)))
    access_rows = np.union1d(written, walks.access[walk_rows])
    access_rows = access_rows[access_rows >= 0]
    call_rows = _union(
        _first_of_each(calls.domain.astype(np.int64), calls.rip),
        _first_of_each(calls.domain.astype(np.int64), calls.rsp >> np.uint64(_STACK_SHIFT)),
        np.concatenate([accesses.call[access_rows], walks.call[walk_rows]]),
    )
    call_rows = call_rows[call_rows >= 0]
    return replace(
        chunk,
        calls=calls.pick(call_rows),
        accesses=replace(
            accesses.pick(access_rows), call=_rows_in(call_rows, accesses.call[access_rows])
        ),
        walks=replace(
            walks.pick(walk_rows),
            call=_rows_in(call_rows, walks.call[walk_rows]),
            access=_rows_in(access_rows, walks.access[walk_rows]),
        ),
        counts=None,
    )


def _union(*rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(np.concatenate(rows))


def _rows_in(kept: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """New row numbers after only ``kept`` (ascending) were kept; -1 stays."""
    return np.where(rows < 0, -1, np.searchsorted(kept, rows)).astype(np.int64)
