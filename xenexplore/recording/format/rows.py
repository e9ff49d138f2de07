"""Decoded lines of one kind as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
from msgspec import UNSET
from numpy.typing import NDArray

from xenexplore.recording.format.columns import (
    DIRECTIONS,
    KINDS,
    NO_FRAME,
    UNHANDLED,
    Accesses,
    Calls,
    Walks,
)
from xenexplore.recording.format.counts import (
    ACCESS_FIELDS,
    CALL_FIELDS,
    WALK_FIELDS,
    AccessCounts,
    CallCounts,
    WalkCounts,
)
from xenexplore.recording.format.record_lines import ADDRESS_LIMIT, RecordLine

__all__ = ["access_columns", "access_counts", "call_columns", "call_counts", "walk_columns",
           "walk_counts"]  # fmt: skip

_CODE = {name: code for code, name in enumerate(DIRECTIONS)}
_NO_ARGS = (0, 0, 0, 0, 0, 0)
_COUNT_LIMIT = 1 << 62


def _numbers(
    rows: Sequence[RecordLine],
    name: str,
    missing: int | None,
    dtype: type,
    limit: int = ADDRESS_LIMIT,
    low: int = 0,
) -> NDArray[Any]:
    """One integer field of every row; ``missing`` stands for absent ones, None allows none."""
    values = list(map(attrgetter(name), rows))
    if missing is not None and UNSET in values:
        if values.count(UNSET) == len(values):
            return np.full(len(values), missing, dtype)
        there = [value for value in values if value is not UNSET]
        values = [missing if value is UNSET else value for value in values]
    else:
        there = values
    if there and (min(there) < low or max(there) >= limit):
        raise OverflowError(name)
    return np.array(values, dtype)


def _of_2(
    rows: Sequence[RecordLine],
    version: int,
    name: str,
    missing: int | None,
    dtype: type,
    limit: int,
) -> NDArray[Any]:
    """One field that version 1 does not have; all missing there."""
    if version == 1:
        absent = -1 if missing is None else missing
        return np.full(len(rows), absent, dtype)
    return _numbers(rows, name, missing, dtype, limit)


def call_columns(rows: Sequence[RecordLine], version: int) -> Calls:
    """Hypercalls; their domains are not known yet."""
    args = [row.a if row.a is not UNSET else () for row in rows]
    counts = np.fromiter((len(regs) for regs in args), np.uint8, len(args))
    if len(rows) and counts.max() > 6:
        raise OverflowError("a")
    if (counts != 6).any():
        args = [(*regs, *_NO_ARGS[len(regs) :]) for regs in args]
    flat = list(chain.from_iterable(args))
    if flat and (min(flat) < 0 or max(flat) >= ADDRESS_LIMIT):
        raise OverflowError("a")
    needed = None if version == 2 else -1
    _numbers(rows, "d", needed, np.int32, 1 << 15)
    kinds = [KINDS.index(row.k) for row in rows]
    if version == 1 and KINDS.index("hvm32") in kinds:
        raise OverflowError("k")
    return Calls(
        seq=_numbers(rows, "s", None, np.int64, 1 << 62),
        time=np.array([row.t for row in rows], np.float64),
        kind=np.array(kinds, np.uint8),
        number=_numbers(rows, "n", UNHANDLED, np.int64, 1 << 32),
        args=np.array(flat, np.uint64).reshape(-1, 6),
        arg_count=counts,
        domain=np.full(len(rows), -1, np.int32),
        vcpu=_numbers(rows, "v", needed, np.int32, 1 << 31),
        vcpu_at=_numbers(rows, "vp", 0, np.uint64),
        rip=_numbers(rows, "rip", 0, np.uint64),
        rsp=_numbers(rows, "rsp", 0, np.uint64),
        flags=_numbers(rows, "fl", 0, np.uint64),
        cr3=_numbers(rows, "cr3", 0, np.uint64),
        guest_cr3=_numbers(rows, "gcr3", 0, np.uint64),
        cs=_numbers(rows, "cs", 0, np.uint32, 1 << 16),
        pcpu=_of_2(rows, version, "p", None, np.int32, 1 << 31),
        order=_of_2(rows, version, "o", None, np.int64, 1 << 62),
    )


def access_columns(
    rows: Sequence[RecordLine], version: int, call_at: NDArray[np.int64], inside: NDArray[np.bool_]
) -> Accesses:
    """Accesses; the domains of those outside are not known yet."""
    vcpu = np.full(len(rows), -1, np.int32)
    if version == 2:
        outside = [row for row in rows if row.x is not UNSET]
        _numbers(outside, "d", None, np.int32, 1 << 15)
        vcpu[~inside] = _numbers(outside, "v", None, np.int32, 1 << 31)
    return Accesses(
        direction=np.array([_CODE[row.c] for row in rows], np.uint8),  # type: ignore[index]
        address=_numbers(rows, "va", None, np.uint64),
        size=_numbers(rows, "l", None, np.uint32, 1 << 32),
        call=call_at,
        inside=inside,
        domain=np.full(len(rows), -1, np.int32),
        vcpu=vcpu,
        pcpu=_of_2(rows, version, "p", None, np.int32, 1 << 31),
    )


def walk_columns(
    rows: Sequence[RecordLine],
    version: int,
    call_at: NDArray[np.int64],
    access_at: NDArray[np.int64],
) -> Walks:
    """Walks; their domains are not known yet."""
    needed = None if version == 2 else -1
    _numbers(rows, "d", needed, np.int32, 1 << 15)
    return Walks(
        address=_numbers(rows, "w", None, np.uint64),
        gfn=_numbers(rows, "gfn", NO_FRAME if version == 2 else None, np.uint64, 1 << 52),
        call=call_at,
        access=access_at,
        domain=np.full(len(rows), -1, np.int32),
        vcpu_at=_numbers(rows, "vp", 0, np.uint64),
        vcpu=_numbers(rows, "v", needed, np.int32, 1 << 31),
        pcpu=_of_2(rows, version, "p", None, np.int32, 1 << 31),
        level=(
            np.zeros(len(rows), np.uint8)
            if version == 1
            else _numbers(rows, "ps", 0, np.uint8, 4, 1)
        ),
        guest_cr3=_of_2(rows, version, "gcr3", 0, np.uint64, ADDRESS_LIMIT),
    )


def _counts(rows: Sequence[RecordLine], fields: Mapping[str, str]) -> list[NDArray[np.int64]]:
    return [_numbers(rows, name, -1, np.int64, _COUNT_LIMIT) for name in fields.values()]


def call_counts(rows: Sequence[RecordLine]) -> CallCounts:
    """Counts of hypercalls (version 2)."""
    return CallCounts(*_counts(rows, CALL_FIELDS))


def access_counts(rows: Sequence[RecordLine]) -> AccessCounts:
    """Counts of accesses (version 2)."""
    return AccessCounts(*_counts(rows, ACCESS_FIELDS))


def walk_counts(rows: Sequence[RecordLine]) -> WalkCounts:
    """Counts of walks (version 2)."""
    return WalkCounts(*_counts(rows, WALK_FIELDS))
