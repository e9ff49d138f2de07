"""Page tables read once, into arrays that millions of walks and the runs are computed from.

A *node* is one table at one level: a page that serves at two levels (a table
that maps itself) is two nodes, since its entries mean different things.  The
entries are *cooked* into words that answer everything a walk asks: what kind
of entry it is, which rights it leaves, and which node or page comes next.

======  =====================================================================
bits    of a cooked entry
======  =====================================================================
2:0     kind: absent, table, leaf, reserved bits set, table not in memory
4 5 6   the entry permits writes, user accesses, instruction fetches
11:8    protection key of a leaf
51:12   a leaf's physical address, or the number of a table's node
======  =====================================================================
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from xenexplore.addr import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from xenexplore.errors import MachineError
from xenexplore.paging.plan import LevelPlan, Mode, Plan, unfold_pse36
from xenexplore.paging.state import PagingState
from xenexplore.paging.walk import Reader

__all__ = ["MissingTable", "TableArrays", "read_tables"]

ABSENT: Final = 0
TABLE: Final = 1
LEAF: Final = 2
RESERVED: Final = 3
MISSING: Final = 4
KIND_MASK: Final = 7
W_BIT: Final = 1 << 4
U_BIT: Final = 1 << 5
X_BIT: Final = 1 << 6
RIGHTS_MASK: Final = W_BIT | U_BIT | X_BIT
KEY_SHIFT: Final = 8
KEY_MASK: Final = 0xF << KEY_SHIFT
FRAME_MASK: Final = (1 << 52) - 1 & ~PAGE_MASK

Words: TypeAlias = npt.NDArray[np.uint64]
Flags: TypeAlias = npt.NDArray[np.bool_]


class MissingTable(NamedTuple):
    """An entry that points to a table outside memory.

    Attributes:
        level: level of the entry; for CR3 itself, one more than the top level.
        entry_at: guest-physical address of the entry; None for CR3.
        table: guest-physical address it points to.
    """

    level: int
    entry_at: int | None
    table: int


@dataclass(frozen=True, slots=True, eq=False)
class TableArrays:
    """A snapshot of all tables below one CR3, for one paging state.

    Attributes:
        state: the registers they were read with.
        cooked: cooked entries, shape ``(nodes, entries)``, uint64; node 0 is the root.
        gpas: guest-physical address of each node, shape ``(nodes,)``, uint64.
        first: number of the first node of each level, root first; then the
            number of nodes.  Nodes are numbered level by level.
        missing: entries that point outside memory: for each level and target
            the first one.
    """

    state: PagingState
    cooked: Words
    gpas: Words
    first: tuple[int, ...]
    missing: tuple[MissingTable, ...]

    def __len__(self) -> int:
        return len(self.gpas)

    @property
    def has_root(self) -> bool:
        """Whether there is memory where CR3 points."""
        return not (self.missing and self.missing[0].entry_at is None)

    @property
    def index_bits(self) -> int:
        """log2 of the entries of a node."""
        return _index_bits(self.state.plan)

    def by_level(self) -> Iterator[tuple[int, int, Words]]:
        """``(position in the plan, first node, cooked entries)`` of each level, root first."""
        for position, (start, end) in enumerate(zip(self.first, self.first[1:], strict=False)):
            yield position, start, self.cooked[start:end]


def read_tables(memory: Reader, state: PagingState, max_tables: int = 1 << 20) -> TableArrays:
    """Read every table that can be reached from CR3.

    Args:
        memory: where the tables lie, by guest-physical address.  No P2M lookups
            are made or judged: a reader behind a P2M is read as it reads.
        state: CR3, the paging mode and what is reserved in it.
        max_tables: most nodes to read: the default is twice what a TiB mapped
            in 4 KiB pages takes, and would cost 4 GiB.

    Raises:
        MachineError: paging is off, or there are more nodes than ``max_tables``.
    """
    plan = state.plan
    if plan.mode is Mode.NONE:
        raise MachineError("paging is off: there are no page tables to read")
    root = state.cr3 & plan.top_mask
    page = _read_root(memory, root, plan)
    if page is None:
        missing = (MissingTable(plan.mode.levels + 1, None, root),)
        nothing = np.full((1, 1 << _index_bits(plan)), MISSING, np.uint64)
        return TableArrays(state, nothing, np.array([root], np.uint64), (0, 1), missing)
    return _read_below(memory, state, root, page, max_tables)


def _read_below(
    memory: Reader, state: PagingState, root: int, page: bytes, max_tables: int
) -> TableArrays:
    """Level by level: cook the entries, then find the distinct tables they point to."""
    plan = state.plan
    cooked: list[Words] = []
    gpas = [np.array([root], np.uint64)]
    first = [0, 1]
    missing: list[MissingTable] = []
    pages = [page]
    for position, level in enumerate(plan.levels):
        raw, first_of, same = _distinct(pages, plan)
        words, is_table = _cook(raw, plan, position, level)
        targets = raw[is_table] & np.uint64(plan.address_mask)
        wanted, which = np.unique(targets, return_inverse=True)
        if first[-1] + len(wanted) > max_tables:
            raise MachineError(
                f"more than {max_tables} page tables under CR3 {state.cr3:#x}:"
                " too many to read at once"
            )
        found = [memory.read(gpa, PAGE_SIZE) for gpa in wanted.tolist()]
        there = np.array([one is not None for one in found], np.bool_)
        number = (np.cumsum(there) - 1 + first[-1]).astype(np.uint64) << np.uint64(PAGE_SHIFT)
        links = np.where(there, number | np.uint64(TABLE), np.uint64(MISSING))
        words[is_table] |= links[which]
        cooked.append(words[same])
        at = gpas[-1][first_of]
        missing += _first_to_miss(plan, position, at, raw, is_table, wanted[~there])
        pages = [one for one in found if one is not None]
        if not pages:
            break
        gpas.append(wanted[there])
        first.append(first[-1] + len(pages))
    return TableArrays(
        state, np.concatenate(cooked), np.concatenate(gpas), tuple(first), tuple(missing)
    )


def _index_bits(plan: Plan) -> int:
    return 9 if plan.entry_size == 8 else 10


def _read_root(memory: Reader, root: int, plan: Plan) -> bytes | None:
    """The root as a whole table: PAE's four entries, then absent ones."""
    if plan.mode is not Mode.PAE:
        return memory.read(root, PAGE_SIZE)
    entries = memory.read(root, 32)
    return None if entries is None else entries.ljust(PAGE_SIZE, b"\0")


def _distinct(pages: list[bytes], plan: Plan) -> tuple[Words, list[int], list[int]]:
    """Raw entries of the pages that differ, the first page of each, and which each page is.

    Kernels fill whole ranges with tables that are alike (Linux's espfix area).
    """
    known: dict[bytes, int] = {}
    same = [known.setdefault(page, len(known)) for page in pages]
    first_of = [same.index(number) for number in range(len(known))] if known else []
    raw: Words = np.frombuffer(b"".join(known), f"<u{plan.entry_size}").astype(np.uint64)
    return raw.reshape(len(known), -1), first_of, same


def _cook(raw: Words, plan: Plan, position: int, level: LevelPlan) -> tuple[Words, Flags]:
    """Cooked entries, and which of them point to tables: those still lack their node."""
    shift = plan.page_shifts[position]
    last = position == len(plan.levels) - 1
    present = (raw & np.uint64(1)) != 0
    leaf = present & (last or (raw & np.uint64(level.large)) != 0)
    reserved = present & ((raw & np.uint64(level.reserved)) != 0)
    if not last:
        reserved |= leaf & ((raw & np.uint64(level.large_reserved)) != 0)
    leaf &= ~reserved
    table = present & ~leaf & ~reserved
    # R/W and U/S are bits 1 and 2; a fetch is permitted where bit 63 is clear.
    granted = raw | np.uint64(level.grants)
    words = (granted & np.uint64(6)) << np.uint64(3) | (~granted >> np.uint64(63)) << np.uint64(6)
    words[~(leaf | table)] = ABSENT
    words[reserved] = RESERVED
    if plan.mode is Mode.LEGACY and not last:
        frame = np.zeros_like(raw)
        frame[leaf] = [unfold_pse36(entry) for entry in raw[leaf].tolist()]
    else:
        frame = raw & np.uint64(plan.address_mask & -(1 << shift))
    if plan.mode in (Mode.LEVEL4, Mode.LEVEL5):
        frame |= (raw >> np.uint64(59) & np.uint64(0xF)) << np.uint64(KEY_SHIFT)
    words[leaf] |= frame[leaf] | np.uint64(LEAF)
    return words, table


def _first_to_miss(
    plan: Plan, position: int, gpas: Words, raw: Words, is_table: Flags, targets: Words
) -> Iterator[MissingTable]:
    """For each target that is not in memory, the first entry that points there."""
    for target in targets.tolist():
        hits = is_table & ((raw & np.uint64(plan.address_mask)) == np.uint64(target))
        row, column = divmod(int(np.argmax(hits)), raw.shape[1])
        at = int(gpas[row]) + column * plan.entry_size
        yield MissingTable(plan.numbers[position], at, target)
