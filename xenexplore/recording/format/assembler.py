"""From decoded lines to columns: numbering, order checks, domains, chunks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from operator import attrgetter
from types import MappingProxyType
from typing import Any

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from xenexplore.recording.format.columns import (
    DIRECTIONS,
    UNHANDLED,
    Accesses,
    Calls,
    Damage,
    Recording,
    Walks,
)
from xenexplore.recording.format.domains import Domains
from xenexplore.recording.format.record_lines import ADDRESS_LIMIT, BadLine, RecordLine, check_meta

__all__ = ["Assembler"]

_CALL, _ACCESS, _WALK = 0, 1, 2
_CODE = {name: code for code, name in enumerate(DIRECTIONS)}
_NO_ARGS = (0, 0, 0, 0, 0, 0)


def _numbers(
    rows: Sequence[RecordLine],
    name: str,
    missing: int | None,
    dtype: type,
    limit: int = ADDRESS_LIMIT,
) -> NDArray[Any]:
    """One integer field of every row; ``missing`` stands for absent ones, None allows none."""
    values = list(map(attrgetter(name), rows))
    low = 0
    if missing is not None and UNSET in values:
        if values.count(UNSET) == len(values):
            return np.full(len(values), missing, dtype)
        low = missing
        values = [missing if value is UNSET else value for value in values]
    if values and (min(values) < low or max(values) >= limit):
        raise OverflowError(name)
    return np.array(values, dtype)


class Assembler:
    """Collects rows of lines and hands them out as chunks.

    Mutable while reading; the recordings it hands out are not.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._domains = Domains()
        self._meta: dict[str, Any] = {}
        self._seq: int | None = None  # of the newest hypercall
        self._time = 0.0
        self._left = False  # an access after the newest hypercall has been seen
        # Counted since the last take():
        self._call_rows = self._access_rows = 0
        nothing = np.empty(0, np.int64)
        self._calls = [_call_columns([])]
        self._accesses = [self._access_columns([], nothing)]
        self._walks = [_walk_columns([], nothing, nothing)]
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
        rows = self._header(rows)
        kinds = _kinds(rows)
        calls = [row for row in rows if row.k is not UNSET]
        accesses = [row for row in rows if row.c is not UNSET]
        walks = [row for row in rows if row.w is not UNSET]
        if len(accesses) != (kinds == _ACCESS).sum() or len(walks) != (kinds == _WALK).sum():
            raise BadLine("", "one kind of record", "two kinds in one")
        call_at = np.cumsum(kinds == _CALL, dtype=np.int64) - 1 + self._call_rows
        access_at = np.cumsum(kinds == _ACCESS, dtype=np.int64) - 1 + self._access_rows
        first = self._check_order(rows, kinds, calls)
        new_calls = _call_columns(calls)
        new_accesses = self._access_columns(accesses, call_at[kinds == _ACCESS])
        at_walk = kinds == _WALK
        new_walks = _walk_columns(walks, call_at[at_walk], access_at[at_walk])
        # Nothing can fail from here on.
        owner = np.array([self._domains.index(r) for r in rows if r.c is UNSET], np.int32)
        at_walk = kinds[kinds != _ACCESS] == _WALK
        new_calls = replace(new_calls, domain=owner[~at_walk])
        new_walks = replace(new_walks, domain=owner[at_walk])
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

    def _header(self, rows: Sequence[RecordLine]) -> Sequence[RecordLine]:
        headers = [row for row in rows if row.meta is not UNSET]
        if not headers:
            return rows
        if len(headers) > 1 or headers[0] is not rows[0] or self.records or self._meta:
            raise BadLine("meta", "the header on the first line only", "another one")
        meta = headers[0].meta
        check_meta(meta)  # type: ignore[arg-type]
        self._meta = meta  # type: ignore[assignment]
        return rows[1:]

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
        outside = [row for row in rows if row.x is not UNSET]
        if outside and set(map(attrgetter("s"), outside)) != {UNSET}:
            raise BadLine("s", "either s (inside a hypercall) or x (outside)", "both")
        same = np.empty(len(rows), np.bool_)  # the same hypercall as the access before
        left = np.empty(len(rows), np.bool_)  # and that was outside it
        if len(rows):
            same[0], left[0] = call_at[0] == self._call_rows - 1, self._left
            same[1:], left[1:] = call_at[1:] == call_at[:-1], ~inside[:-1]
        if (inside & ((same & left) | (call_at < 0))).any():
            raise BadLine("s", "a hypercall that has not ended", "one that has (or none began)")
        return Accesses(
            direction=np.array([_CODE[row.c] for row in rows], np.uint8),  # type: ignore[index]
            address=_numbers(rows, "va", None, np.uint64),
            size=_numbers(rows, "l", None, np.uint32, 1 << 32),
            call=call_at,
            inside=inside,
        )

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
        return Recording(
            source=self._source,
            meta=MappingProxyType(dict(self._meta)),
            domains=tuple(self._domains.found),
            calls=all_calls[:cut],
            accesses=accesses[:a],
            walks=walks[:w],
            damage=damage,
        )


def _call_columns(rows: Sequence[RecordLine]) -> Calls:
    args = [row.a if row.a is not UNSET else () for row in rows]
    counts = np.fromiter((len(regs) for regs in args), np.uint8, len(args))
    if len(rows) and counts.max() > 6:
        raise OverflowError("a")
    if (counts != 6).any():
        args = [(*regs, *_NO_ARGS[len(regs) :]) for regs in args]
    flat = list(chain.from_iterable(args))
    if flat and (min(flat) < 0 or max(flat) >= ADDRESS_LIMIT):
        raise OverflowError("a")
    return Calls(
        seq=_numbers(rows, "s", None, np.int64),
        time=np.array([row.t for row in rows], np.float64),
        kind=np.array([row.k == "hvm" for row in rows], np.uint8),
        number=_numbers(rows, "n", UNHANDLED, np.int64, 1 << 32),
        args=np.array(flat, np.uint64).reshape(-1, 6),
        arg_count=counts,
        domain=np.full(len(rows), -1, np.int32),
        vcpu=_numbers(rows, "v", -1, np.int32, 1 << 31),
        vcpu_at=_numbers(rows, "vp", 0, np.uint64),
        rip=_numbers(rows, "rip", 0, np.uint64),
        rsp=_numbers(rows, "rsp", 0, np.uint64),
        flags=_numbers(rows, "fl", 0, np.uint64),
        cr3=_numbers(rows, "cr3", 0, np.uint64),
        guest_cr3=_numbers(rows, "gcr3", 0, np.uint64),
        cs=_numbers(rows, "cs", 0, np.uint32, 1 << 16),
    )


def _walk_columns(
    rows: Sequence[RecordLine], call_at: NDArray[np.int64], access_at: NDArray[np.int64]
) -> Walks:
    return Walks(
        address=_numbers(rows, "w", None, np.uint64),
        gfn=_numbers(rows, "gfn", None, np.uint64, 1 << 52),
        call=call_at,
        access=access_at,
        domain=np.full(len(rows), -1, np.int32),
        vcpu_at=_numbers(rows, "vp", 0, np.uint64),
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
