"""Size of the address space hidden by missing tables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from xenexplore.paging.batch.table_arrays import (
    FRAME_MASK,
    KIND_MASK,
    MISSING,
    TABLE,
    MissingTable,
    TableArrays,
)

__all__ = ["Hidden", "hidden_parts"]


class Hidden(NamedTuple):
    """Memory that one missing table hides.

    Attributes:
        missing: the table, and the first entry that points to it.
        first: the lowest linear address behind that entry.
        size: bytes of linear address space behind all entries of this level that
            point to missing tables, each counted as often as it is mapped; for the
            first one of a level, 0 for the others.
    """

    missing: MissingTable
    first: int
    size: int


def hidden_parts(tables: TableArrays) -> tuple[Hidden, ...]:
    """Memory that each missing table hides; empty if none is missing."""
    if not tables.missing:
        return ()
    plan = tables.state.plan
    if not tables.has_root:
        return (Hidden(tables.missing[0], 0, 1 << plan.linear_bits),)
    sizes = _sizes(tables)
    parts: list[Hidden] = []
    for missing in tables.missing:
        assert missing.entry_at is not None
        position = plan.numbers.index(missing.level)
        node = _node_of(tables, position, missing.entry_at)
        index = (missing.entry_at - int(tables.gpas[node])) // plan.entry_size
        first = _first_address(tables, position, node, index)
        parts.append(Hidden(missing, first, sizes.pop(position, 0)))
    return tuple(parts)


def _sizes(tables: TableArrays) -> dict[int, int]:
    """Bytes hidden at each level: missing entries, times how often their table is mapped."""
    plan = tables.state.plan
    sizes: dict[int, int] = {}
    mapped = [1]
    for position, first, cooked in tables.by_level():
        kinds = cooked & np.uint64(KIND_MASK)
        gone = (kinds == MISSING).sum(axis=1).tolist()
        total = sum(many * count for many, count in zip(mapped, gone, strict=True) if count)
        if total:
            sizes[position] = total << plan.page_shifts[position]
        below = first + len(cooked)
        rows, columns = np.nonzero(kinds == TABLE)
        children = (cooked[rows, columns] & np.uint64(FRAME_MASK)) >> np.uint64(12)
        paths = [0] * (_end(tables, position + 1) - below)
        for row, child in zip(rows.tolist(), children.tolist(), strict=True):
            paths[child - below] += mapped[row]
        mapped = paths
    return sizes


def _end(tables: TableArrays, position: int) -> int:
    return tables.first[min(position + 1, len(tables.first) - 1)]


def _node_of(tables: TableArrays, position: int, address: int) -> int:
    """The node of a level that contains an entry's address."""
    start, end = tables.first[position], tables.first[position + 1]
    size = np.uint64(tables.state.plan.entry_size << tables.index_bits)
    inside: npt.NDArray[np.bool_] = np.uint64(address) - tables.gpas[start:end] < size
    return start + int(np.argmax(inside))


def _first_address(tables: TableArrays, position: int, node: int, index: int) -> int:
    """The linear address behind an entry, by the first way that leads to its table."""
    plan = tables.state.plan
    linear = index << plan.page_shifts[position]
    for above in range(position - 1, -1, -1):
        start, end = tables.first[above], tables.first[above + 1]
        level = tables.cooked[start:end]
        leads = (level & np.uint64(KIND_MASK)) == TABLE
        leads &= (level & np.uint64(FRAME_MASK)) >> np.uint64(12) == np.uint64(node)
        row, column = divmod(int(np.argmax(leads)), level.shape[1])
        linear |= column << plan.page_shifts[above]
        node = start + row
    bits = plan.linear_bits
    if bits > 32 and linear >> bits - 1:
        linear |= (1 << 64) - (1 << bits)
    return linear
