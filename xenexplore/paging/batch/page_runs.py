"""A whole address space as runs: stretches of equal pages with equal rights.

Built from the bottom up: the runs of a table are computed once, however often
it is mapped (Linux's espfix area maps one table thousands of times), then
shifted into each table above it and joined where they meet.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from xenexplore.errors import MachineError
from xenexplore.paging.batch.table_arrays import (
    FRAME_MASK,
    KEY_MASK,
    KEY_SHIFT,
    KIND_MASK,
    LEAF,
    RIGHTS_MASK,
    TABLE,
    U_BIT,
    W_BIT,
    X_BIT,
    TableArrays,
)
from xenexplore.paging.permissions import permissions

__all__ = ["RUN_DTYPE", "Join", "PageRun", "PageRuns", "find_page_runs"]

RUN_DTYPE: Final = np.dtype(
    [("start", "<u8"), ("size", "<u8"), ("gpa", "<u8"), ("page_size", "<u4"), ("rights", "<u2")]
)
"""``size`` is in bytes: the end of the last run does not fit in 64 bits.  ``rights``
holds the cooked bits (writable, user, executable, protection key)."""

Table: TypeAlias = npt.NDArray[np.void]

_MAX_RUNS = 1 << 24


class Join(enum.Enum):
    """Which neighbours become one run: always equal page sizes, rights and protection keys."""

    RIGHTS = "rights"
    """Wherever their pages lie in memory; ``gpa`` is that of the first page."""
    PHYSICAL = "physical"
    """Only if their pages also follow each other in memory."""
    NEVER = "never"
    """Every leaf entry is a run of its own."""


class PageRun(NamedTuple):
    """One run as Python values.

    Attributes:
        start: first linear address.
        end: first linear address past it, at most 2**64.
        gpa: guest-physical address of its first page.
        page_size: bytes of each of its pages.
        writable, user, executable: what all levels together permit (before
            CR0.WP, SMEP and SMAP have their say).
        key: protection key.
    """

    start: int
    end: int
    gpa: int
    page_size: int
    writable: bool
    user: bool
    executable: bool
    key: int

    @property
    def permissions(self) -> str:
        """E.g. ``"rw--"``, ``"r-xu"``: write, execute, user; ``-`` where not permitted."""
        return permissions(self.writable, self.executable, self.user)


@dataclass(frozen=True, slots=True, eq=False)
class PageRuns:
    """The runs of one address space, ascending.

    Attributes:
        table: a structured array of :data:`RUN_DTYPE`.
    """

    table: Table

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[PageRun]:
        for row in self.table:
            yield _run(*row.tolist())

    def __getitem__(self, index: int) -> PageRun:
        return _run(*self.table[index].tolist())

    @property
    def mapped_bytes(self) -> int:
        """Bytes of linear address space that are mapped."""
        return int(self.table["size"].sum())


def _run(start: int, size: int, gpa: int, page_size: int, rights: int) -> PageRun:
    return PageRun(
        start,
        start + size,
        gpa,
        page_size,
        bool(rights & W_BIT),
        bool(rights & U_BIT),
        bool(rights & X_BIT),
        (rights & KEY_MASK) >> KEY_SHIFT,
    )


def find_page_runs(
    tables: TableArrays, join: Join = Join.RIGHTS, max_runs: int = _MAX_RUNS
) -> PageRuns:
    """Enumerate everything that the tables map.

    What counts as mapped is what a walk translates when rights are left aside:
    every entry on the way present, with no reserved bit set.

    Args:
        tables: the snapshot.
        join: which neighbours to make one.
        max_runs: most runs at any level of the work.

    Raises:
        MachineError: there are more runs than ``max_runs``: page tables that
            map themselves can have 2**36.
    """
    plan = tables.state.plan
    bits = plan.mode.linear_bits
    below = _Level.empty()
    for position, first_node, cooked in reversed(list(tables.by_level())):
        raw = _gather(cooked, plan.page_shifts[position], below, first_node, max_runs)
        # The two canonical halves meet in the top table, but not in the address space.
        half = 1 << (bits - 1) if position == 0 and bits > 32 else 0
        below = raw if join is Join.NEVER else _joined(raw, join, half)
    table = below.runs
    if bits > 32:
        upper = table["start"] >= np.uint64(half)
        table["start"][upper] |= np.uint64((1 << 64) - (1 << bits))
    return PageRuns(table)


class _Level(NamedTuple):
    """Runs of every node of one level, in one array; ``offsets[n]`` is where node n's begin."""

    runs: Table
    offsets: npt.NDArray[np.int64]

    @classmethod
    def empty(cls) -> _Level:
        return cls(np.empty(0, RUN_DTYPE), np.zeros(1, np.int64))


def _gather(
    cooked: npt.NDArray[np.uint64], shift: int, below: _Level, first_node: int, max_runs: int
) -> _Level:
    """The runs of a level's nodes, not joined: its own leaves, and the runs of the level below.

    ``start`` is relative to the node's own first address.
    """
    child_first = first_node + len(cooked)
    entries = cooked.shape[1]
    words = cooked.reshape(-1)
    kinds = words & np.uint64(KIND_MASK)
    used = np.flatnonzero((kinds == LEAF) | (kinds == TABLE))
    words = words[used]
    is_table = kinds[used] == TABLE
    child = np.where(is_table, (words & np.uint64(FRAME_MASK)) >> np.uint64(12), child_first)
    child = child.astype(np.int64) - child_first
    counts = np.where(is_table, np.diff(below.offsets, append=below.offsets[-1])[child], 1)
    total = int(counts.sum())
    if total > max_runs:
        raise MachineError(
            f"more than {max_runs} runs: the page tables map themselves, or map memory in tatters"
        )
    owner = np.repeat(np.arange(len(used)), counts)
    runs = np.empty(total, RUN_DTYPE)
    start = (used % entries).astype(np.uint64) << np.uint64(shift)
    rights = words.astype(np.uint16) & np.uint16(RIGHTS_MASK | KEY_MASK)
    runs["start"], runs["rights"] = start[owner], rights[owner]
    runs["size"] = 1 << shift
    # No entry above level 3 maps memory: what stands there comes from below.
    runs["page_size"] = 1 << min(shift, 30)
    runs["gpa"] = (words & np.uint64(FRAME_MASK))[owner]
    if is_table.any():
        inner = np.flatnonzero(is_table[owner])
        ends = np.cumsum(counts)
        source = below.offsets[child[owner[inner]]] + inner - (ends - counts)[owner[inner]]
        lower = below.runs[source]
        runs["start"][inner] += lower["start"]
        runs["rights"][inner] = lower["rights"] & (rights[owner[inner]] | np.uint16(KEY_MASK))
        for name in ("size", "gpa", "page_size"):
            runs[name][inner] = lower[name]
    node = (used // entries)[owner]
    return _Level(runs, np.searchsorted(node, np.arange(len(cooked) + 1)))


def _joined(level: _Level, join: Join, half: int) -> _Level:
    """Neighbours of the same node made one, but not across ``half`` (if not 0)."""
    runs = level.runs
    if not len(runs):
        return level
    before, after = runs[:-1], runs[1:]
    same = before["start"] + before["size"] == after["start"]
    for name in ("page_size", "rights"):
        same &= before[name] == after[name]
    if join is Join.PHYSICAL:
        same &= before["gpa"] + before["size"] == after["gpa"]
    if half:
        same &= after["start"] != half
    begins = np.concatenate(([True], ~same))
    begins[level.offsets[:-1][level.offsets[:-1] < len(runs)]] = True
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(runs)) - 1
    size = runs["start"][last] + runs["size"][last] - runs["start"][first]
    runs = runs[first]
    runs["size"] = size
    return _Level(runs, np.searchsorted(first, level.offsets))
