"""A whole address space as runs: stretches of equal pages with equal rights.

Built from the bottom up: the runs of a table are computed once, however often
it is mapped (Linux's espfix area maps one table thousands of times), then
shifted into each table above it and joined where they meet.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from xenexplore.addr import PAGE_SHIFT
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
Words: TypeAlias = npt.NDArray[np.uint64]

_MAX_RUNS = 1 << 24
_SIZE_SHIFT: Final = np.uint64(16)
_RIGHTS_OF_KIND: Final = np.uint64(0xFFFF)


class Join(enum.Enum):
    """Criterion for joining neighbours: always equal page sizes, rights and protection keys."""

    RIGHTS = "rights"
    """Regardless of where their pages are in memory; ``gpa`` is that of the first page."""
    PHYSICAL = "physical"
    """Only if their pages are also physically contiguous."""
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
    def user_keys(self) -> frozenset[int]:
        """The protection keys of user pages."""
        rights = self.table["rights"]
        keys = (rights[(rights & np.uint16(U_BIT)) != 0] & np.uint16(KEY_MASK)) >> KEY_SHIFT
        return frozenset(np.unique(keys).tolist())

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
    half = 0
    which: npt.NDArray[np.int64] = np.empty(0, np.int64)
    for position, first_node, cooked in reversed(list(tables.by_level())):
        next_node = first_node + len(cooked)
        cooked, same = _distinct(cooked, _in_order(tables) if position == 1 else ())
        raw = _gather(cooked, plan.page_shifts[position], below, next_node, which, max_runs)
        which = same
        # The two canonical halves meet in the top table, but not in the address space.
        half = 1 << (bits - 1) if position == 0 and bits > 32 else 0
        below = raw if join is Join.NEVER else _joined(raw, join, half)
    if bits > 32:
        upper = below.start >= np.uint64(half)
        below.start[upper] |= np.uint64((1 << 64) - (1 << bits))
    return PageRuns(below.table())


class _Level(NamedTuple):
    """Runs of every node of one level, column by column; ``offsets[n]`` is where node n's begin.

    Columns, and not yet rows: arithmetic on rows of 30 bytes costs several times as much.
    ``kind`` holds the page size above bit 16 and the cooked rights below.
    """

    start: Words
    size: Words
    gpa: Words
    kind: Words
    offsets: npt.NDArray[np.int64]

    @classmethod
    def empty(cls) -> _Level:
        none = np.empty(0, np.uint64)
        return cls(none, none, none, none, np.zeros(1, np.int64))

    def table(self) -> Table:
        """The runs as rows."""
        rows = np.empty(len(self.start), RUN_DTYPE)
        rows["start"], rows["size"], rows["gpa"] = self.start, self.size, self.gpa
        rows["page_size"] = self.kind >> _SIZE_SHIFT
        rows["rights"] = self.kind & _RIGHTS_OF_KIND
        return rows


def _in_order(tables: TableArrays) -> list[int]:
    """The root's tables, from 0 on, in its order: what they map is then in its place already."""
    root = tables.cooked[0]
    links = root[root & np.uint64(KIND_MASK) == TABLE] & np.uint64(FRAME_MASK)
    return ((links >> np.uint64(PAGE_SHIFT)) - np.uint64(1)).tolist()  # type: ignore[no-any-return]


def _distinct(cooked: Words, order: Iterable[int] = ()) -> tuple[Words, npt.NDArray[np.int64]]:
    """The nodes that differ, those of ``order`` first, and which of them each node is like."""
    known: dict[bytes, int] = {}
    pages = [row.tobytes() for row in cooked]
    for number in order:
        known.setdefault(pages[number], len(known))
    same = [known.setdefault(page, len(known)) for page in pages]
    rows = np.frombuffer(b"".join(known), np.uint64).reshape(len(known), -1)
    return rows, np.array(same)


def _gather(
    cooked: Words,
    shift: int,
    below: _Level,
    next_node: int,
    which: npt.NDArray[np.int64],
    max_runs: int,
) -> _Level:
    """The runs of a level's nodes, not joined: its own leaves, and the runs of the level below.

    ``start`` is relative to the node's own first address.  Nodes below have numbers from
    ``next_node`` on; node ``n`` has the runs of ``below``'s ``which[n]``.
    """
    entries = cooked.shape[1]
    words = cooked.reshape(-1)
    kinds = words & np.uint64(KIND_MASK)
    is_table = kinds == TABLE
    used = np.flatnonzero(is_table | (kinds == LEAF))
    if len(used) != len(words):
        words, is_table = words[used], is_table[used]
    bounds = np.searchsorted(used, np.arange(0, len(kinds) + 1, entries))
    start = (used & entries - 1).astype(np.uint64) << np.uint64(shift)
    # No entry above level 3 maps memory: what stands there comes from below.
    page = np.uint64(1 << min(shift, 30)) << _SIZE_SHIFT
    kind = words & np.uint64(RIGHTS_MASK | KEY_MASK) | page
    size = np.uint64(1 << shift)
    tables = int(np.count_nonzero(is_table))
    if not tables:
        if len(used) > max_runs:
            raise _too_many(max_runs)
        gpa = words & np.uint64(FRAME_MASK)
        return _Level(start, np.full(len(used), size), gpa, kind, bounds)
    frame = words & np.uint64(FRAME_MASK)
    child = (frame >> np.uint64(PAGE_SHIFT)).astype(np.int64) - next_node
    if tables < len(used):
        child = np.where(is_table, which[np.where(is_table, child, 0)], -1)
    else:
        child = which[child]
    lengths = np.append(np.diff(below.offsets), 1)  # a leaf, child -1, is one run
    counts = lengths[child]
    ends = np.cumsum(counts)
    total = int(ends[-1])
    if total > max_runs:
        raise _too_many(max_runs)
    moved = below.offsets[child] - (ends - counts)
    start = np.repeat(start, counts)
    grants = np.repeat(kind | np.uint64(KEY_MASK) | ~_RIGHTS_OF_KIND, counts)
    offsets = np.append(0, ends)[bounds]
    if tables == len(used) and total == len(below.start) and not moved[counts > 0].any():
        # Every table below is used once, in their order.
        start += below.start
        grants &= below.kind
        return _Level(start, below.size, below.gpa, grants, offsets)
    source = np.repeat(moved, counts)
    source += np.arange(total)
    if tables == len(used):  # no leaf among them: every column comes from below
        start += below.start[source]
        grants &= below.kind[source]
        return _Level(start, below.size[source], below.gpa[source], grants, offsets)
    leaves = np.flatnonzero(~is_table)
    own = (ends - counts)[leaves]  # where the leaves' runs are
    if not len(below.start):
        return _Level(start[own], np.full(len(own), size), frame[leaves], kind[leaves], offsets)
    source[own] = 0
    inner, sizes = below.start[source], below.size[source]
    inner[own], sizes[own] = 0, size
    start += inner
    gpa = below.gpa[source]
    gpa[own] = frame[leaves]
    grants &= below.kind[source]
    grants[own] = kind[leaves]
    return _Level(start, sizes, gpa, grants, offsets)


def _too_many(max_runs: int) -> MachineError:
    return MachineError(
        f"more than {max_runs} runs: the page tables map themselves, or memory is highly fragmented"
    )


def _joined(level: _Level, join: Join, half: int) -> _Level:
    """Neighbours of the same node made one, but not across ``half`` (if not 0)."""
    start, size, gpa, kind, offsets = level
    if len(start) < 2:
        return level
    meets = start[:-1] + size[:-1] == start[1:]
    meets &= kind[:-1] == kind[1:]
    if join is Join.PHYSICAL:
        meets &= gpa[:-1] + size[:-1] == gpa[1:]
    if half:
        meets &= start[1:] != half
    edges = offsets[1:-1]
    meets[edges[(edges > 0) & (edges < len(start))] - 1] = False
    joined = np.flatnonzero(meets)
    if not len(joined):
        return level
    begins = np.ones(len(start), np.bool_)
    begins[1:] = ~meets
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(start)) - 1
    begin = start[first]
    return _Level(
        begin,
        start[last] + size[last] - begin,
        gpa[first],
        kind[first],
        np.searchsorted(first, offsets),
    )
