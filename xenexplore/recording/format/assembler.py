"""From decoded lines to columns: numbering, order checks, domains, chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from xenexplore.recording.format.columns import (
    DOMID_IDLE,
    Accesses,
    Calls,
    Damage,
    Recording,
    Walks,
)
from xenexplore.recording.format.counts import RecordCounts
from xenexplore.recording.format.domains import Domains
from xenexplore.recording.format.entry_order import EntryOrder
from xenexplore.recording.format.header import read_header
from xenexplore.recording.format.record_lines import BadLine, RecordLine, check_meta
from xenexplore.recording.format.rows import (
    access_columns,
    access_counts,
    call_columns,
    call_counts,
    walk_columns,
    walk_counts,
)

__all__ = ["Assembler"]

_CALL, _ACCESS, _WALK = 0, 1, 2


class Assembler:
    """Collects rows of lines and hands them out as chunks.

    Mutable while reading; the recordings it hands out are not.

    Args:
        source: what the recordings' ``source`` says.
        version: of the format.
    """

    def __init__(self, source: str, version: int = 1) -> None:
        self._source = source
        self._version = version
        self._order = EntryOrder(1)
        self._pcpu = -1  # of the newest record
        self._domains = Domains()
        self._meta: dict[str, Any] = {}
        self._seq: int | None = None  # of the newest hypercall
        self._time = 0.0
        self._left = False  # an access after the newest hypercall has been seen
        # Counted since the last take():
        self._call_rows = self._access_rows = 0
        nothing = np.empty(0, np.int64)
        self._calls = [call_columns([], version)]
        self._accesses = [self._access_columns([], nothing)]
        self._walks = [walk_columns([], version, nothing, nothing)]
        self._counts: list[RecordCounts] = []
        if version == 2:
            self._counts = [RecordCounts(call_counts([]), access_counts([]), walk_counts([]))]
        self.records = 0

    @property
    def complete_calls(self) -> int:
        """Hypercalls waiting whose accesses have all been seen."""
        return max(self._call_rows - 1, 0)

    def add(self, rows: Sequence[RecordLine]) -> None:
        """Take some lines, all or none.

        Raises:
            BadLine: something is wrong with one of them (which one is not said).
            OverflowError: a number does not fit its column.
        """
        meta, order, rows = self._header(rows)
        kinds = _kinds(rows)
        calls = [row for row in rows if row.k is not UNSET]
        accesses = [row for row in rows if row.c is not UNSET]
        walks = [row for row in rows if row.w is not UNSET]
        if len(accesses) != (kinds == _ACCESS).sum() or len(walks) != (kinds == _WALK).sum():
            raise BadLine("", "one kind of record", "two kinds in one")
        call_at = np.cumsum(kinds == _CALL, dtype=np.int64) - 1 + self._call_rows
        access_at = np.cumsum(kinds == _ACCESS, dtype=np.int64) - 1 + self._access_rows
        first = self._check_order(rows, kinds, calls)
        new_calls = call_columns(calls, self._version)
        new_accesses = self._access_columns(accesses, call_at[kinds == _ACCESS])
        at_walk = kinds == _WALK
        new_walks = walk_columns(walks, self._version, call_at[at_walk], access_at[at_walk])
        if self._version == 2:
            counts = RecordCounts(call_counts(calls), access_counts(accesses), walk_counts(walks))
            order = self._check_pcpus(order, kinds, new_calls, new_accesses, new_walks)
        # Nothing can fail from here on.
        owner = np.array([self._owner(row) for row in rows], np.int32)
        new_calls = replace(new_calls, domain=owner[kinds == _CALL])
        new_accesses = replace(new_accesses, domain=owner[kinds == _ACCESS])
        new_walks = replace(new_walks, domain=owner[at_walk])
        self._meta, self._order = meta, order
        if self._version == 2:
            self._counts.append(counts)
            if len(rows):
                self._pcpu = int(rows[-1].p)  # type: ignore[attr-defined]
        if len(rows):
            self._seq = first + len(calls)
        if calls:
            self._time = float(new_calls.time[-1])
            self._left = False
        if accesses and new_accesses.call[-1] == call_at[-1]:
            self._left = not new_accesses.inside[-1]
        self._calls.append(new_calls)
        self._accesses.append(new_accesses)
        self._walks.append(new_walks)
        self._call_rows += len(calls)
        self._access_rows += len(accesses)
        self.records += len(rows)

    def _header(
        self, rows: Sequence[RecordLine]
    ) -> tuple[dict[str, Any], EntryOrder, Sequence[RecordLine]]:
        """The header's content and the order of entry as they are now; the other rows."""
        headers = [row for row in rows if row.meta is not UNSET]
        if not headers:
            return self._meta, self._order, rows
        if len(headers) > 1 or headers[0] is not rows[0] or self.records or self._meta:
            raise BadLine("meta", "the header on the first line only", "another one")
        meta: dict[str, Any] = headers[0].meta  # type: ignore[assignment]
        check_meta(meta)
        return meta, EntryOrder(read_header(meta).pcpus or 1), rows[1:]

    def _owner(self, row: RecordLine) -> int:
        """Index of the domain that a record belongs to; -1: unknown, or its hypercall's."""
        if row.c is not UNSET and (self._version == 1 or row.x is UNSET or row.d == DOMID_IDLE):
            return -1
        return self._domains.index(row)

    def _check_pcpus(
        self,
        order: EntryOrder,
        kinds: NDArray[np.uint8],
        calls: Calls,
        accesses: Accesses,
        walks: Walks,
    ) -> EntryOrder:
        """Whether records of physical CPUs can follow each other so; the order of entry then."""
        pcpu = np.empty(len(kinds), np.int32)
        pcpu[kinds == _CALL], pcpu[kinds == _ACCESS] = calls.pcpu, accesses.pcpu
        pcpu[kinds == _WALK] = walks.pcpu
        limit = order.pcpus
        if len(pcpu) and pcpu.max() >= limit:
            at = int(pcpu.argmax())
            raise BadLine("p", f"0 to {limit - 1} (the header has {limit} CPUs)", str(pcpu[at]))
        starts = kinds == _CALL
        starts[kinds == _ACCESS] = ~accesses.inside
        before = np.concatenate([np.array([self._pcpu], np.int32), pcpu[:-1]])
        moved = np.flatnonzero(~starts & (pcpu != before) & (before >= 0))
        if len(moved):
            at = int(moved[0])
            expected = f"{before[at]} (CPU of the record before)"
            raise BadLine("p", expected, str(pcpu[at]), "records lost or reordered?")
        return order.then(calls.pcpu.tolist(), calls.order.tolist())

    def _check_order(
        self, rows: Sequence[RecordLine], kinds: NDArray[np.uint8], calls: Sequence[RecordLine]
    ) -> int:
        """Sequence numbers go up by one with each hypercall and everything else refers to it.

        Returns the sequence number before the first of these rows.
        """
        if not rows:
            return self._seq if self._seq is not None else -1
        said = [row.x if row.s is UNSET else row.s for row in rows]
        first = self._seq
        if first is None:
            first = int(said[0]) - int(kinds[0] == _CALL)  # type: ignore[arg-type]
        due = first + np.cumsum(kinds == _CALL, dtype=np.int64)
        wrong = np.flatnonzero(np.array(said, np.int64) != due)
        if len(wrong):
            at = int(wrong[0])
            name = "x" if rows[at].s is UNSET else "s"
            raise BadLine(
                name, f"{due[at]} (records in order)", str(said[at]), "records lost or reordered?"
            )
        times = np.array([self._time, *(row.t for row in calls)], np.float64)
        back = np.flatnonzero(np.diff(times) < 0)
        if len(back):
            at = int(back[0])
            raise BadLine("t", f"at least {times[at]} (time in order)", str(times[at + 1]))
        return first

    def _access_columns(self, rows: Sequence[RecordLine], call_at: NDArray[np.int64]) -> Accesses:
        inside = np.array([row.x is UNSET for row in rows], np.bool_)
        if any(row.x is not UNSET and row.s is not UNSET for row in rows):
            raise BadLine("s", "either s (inside a hypercall) or x (outside)", "both")
        same = np.empty(len(rows), np.bool_)  # the same hypercall as the access before
        left = np.empty(len(rows), np.bool_)  # and that was outside it
        if len(rows):
            same[0], left[0] = call_at[0] == self._call_rows - 1, self._left
            same[1:], left[1:] = call_at[1:] == call_at[:-1], ~inside[:-1]
        if (inside & ((same & left) | (call_at < 0))).any():
            raise BadLine("s", "a hypercall that has not ended", "one that has (or none began)")
        return access_columns(rows, self._version, call_at, inside)

    def take(self, calls: int | None, damage: Damage | None = None) -> Recording:
        """The first ``calls`` hypercalls and all that belongs to them (None: everything)."""
        all_calls = Calls.concatenate(self._calls)
        accesses = Accesses.concatenate(self._accesses)
        walks = Walks.concatenate(self._walks)
        cut = len(all_calls) if calls is None else calls
        a = int(np.searchsorted(accesses.call, cut))
        w = int(np.searchsorted(walks.call, cut))
        self._calls = [all_calls[cut:]]
        self._accesses = [replace(accesses[a:], call=accesses.call[a:] - cut)]
        left = walks[w:]
        self._walks = [replace(left, call=left.call - cut, access=np.maximum(left.access - a, -1))]
        self._call_rows -= cut
        self._access_rows -= a
        counts = None
        if self._version == 2:
            kept = RecordCounts.concatenate(self._counts)
            counts = RecordCounts(kept.calls[:cut], kept.accesses[:a], kept.walks[:w])
            self._counts = [RecordCounts(kept.calls[cut:], kept.accesses[a:], kept.walks[w:])]
        return Recording(
            source=self._source,
            meta=MappingProxyType(dict(self._meta)),
            domains=tuple(self._domains.found),
            calls=all_calls[:cut],
            accesses=accesses[:a],
            walks=walks[:w],
            damage=damage,
            counts=counts,
        )


def _kinds(rows: Sequence[RecordLine]) -> NDArray[np.uint8]:
    none = _WALK + 1
    kinds = np.array(
        [
            _CALL if r.k is not UNSET else _ACCESS if r.c is not UNSET
            else _WALK if r.w is not UNSET else none
            for r in rows
        ],
        np.uint8,
    )  # fmt: skip
    if (kinds == none).any():
        raise BadLine("", "a hypercall, an access or a walk", "a record of another kind")
    return kinds
