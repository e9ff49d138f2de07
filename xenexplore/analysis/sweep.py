"""Sweeps: a grid of parameters over a workload, with the caller's executor.

Every point is a pure function of the grid and the recording, so that threads,
processes and a cluster give the same rows; a finished row is never computed
again when a sweep is resumed from its table.
"""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, as_completed
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

from xenexplore.analysis.measures.locality import pieces_of
from xenexplore.analysis.measures.miss_curve import miss_curve
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.workload.find_workload import find_workload
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import Workload
from xenexplore.display import Shown
from xenexplore.errors import InputError, MachineError
from xenexplore.files import read_text
from xenexplore.options.registry import REGISTERED, variant

__all__ = [
    "Grid",
    "Point",
    "SweepRow",
    "SweepTable",
    "read_rows",
    "sweep",
    "table_text",
    "write_parquet",
]


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """One combination.

    Attributes:
        recording: a path or a built-in's name.
        domain: index.
        register: what is registered beforehand, words joined by ``+``; ``""``
            with ``on-miss``: nothing, each miss registers its page.
        entries: slots; 0: as many as are registered (beforehand only).
        policy: the policies of a full table.
        scope: ``vcpu`` or ``domain``.
        p2m_order: log2 of the frames of one P2M entry.
    """

    recording: str
    domain: int
    register: str
    entries: int
    policy: str
    scope: str
    p2m_order: int


@dataclass(frozen=True, slots=True)
class SweepRow:
    """Result at one point: counts over all of the domain's recorded hypercalls."""

    recording: str
    domain: int
    register: str
    entries: int
    policy: str
    scope: str
    p2m_order: int
    pieces: int
    misses: int
    registered: int
    compares: int
    pte_reads: int
    p2m_entry_reads: int

    @property
    def point(self) -> Point:
        """The point of this result."""
        return Point(*(getattr(self, item.name) for item in fields(Point)))


@dataclass(frozen=True, slots=True)
class Grid:
    """Every combination of these.

    Attributes:
        register: combinations of words, and ``"on-miss"``.
        entries, policies, scopes, p2m_orders: values.
        domains: indices; empty: all that the recording has.
    """

    register: tuple[str, ...] = ("directmap+kernel-image+stack", "on-miss")
    entries: tuple[int, ...] = (1, 2, 4, 8, 16, 32)
    policies: tuple[str, ...] = ("lru", "fifo", "refuse")
    scopes: tuple[str, ...] = ("vcpu", "domain")
    p2m_orders: tuple[int, ...] = (0, 9, 18)
    domains: tuple[int, ...] = ()

    def points(self, recordings: Sequence[str], limit: int | None = None) -> Iterator[Point]:
        """The combinations, in a fixed order; ``limit`` is as for :func:`measure`."""
        for recording in recordings:
            workload = _workload(recording, limit)
            chosen = self.domains or tuple(
                d.index for d in workload.paged if len(workload.inside(d.index))
            )
            yield from itertools.starmap(
                Point,
                itertools.product(
                    (recording,), chosen, self.register, self.entries, self.policies,
                    self.scopes, self.p2m_orders,
                ),
            )  # fmt: skip


@lru_cache(maxsize=2)
def _workload(recording: str, limit: int | None) -> Workload:
    """Read once per process."""
    return find_workload(recording, limit=limit)


def measure(point: Point, limit: int | None = None) -> SweepRow:
    """One point.  A PV domain has no walks to save: its rows count misses only.

    ``limit`` is the most bytes of a recording's text to read, as for :func:`read_workload`.

    Raises:
        RecordingError: the domain made its hypercalls without paging.
    """
    workload = _workload(point.recording, limit)
    workload.need_paging(point.domain)
    shape = PageSizes(p2m_order=point.p2m_order)
    if point.register == "on-miss":
        return _on_miss(workload, point, shape)
    values: dict[str, object] = {
        "register": tuple(word for word in point.register.split("+") if word),
        "entries": point.entries, "policy": point.policy, "scope": point.scope,
    }  # fmt: skip
    got = replay(workload, variant(REGISTERED, values, label="sweep"), point.domain, shape)
    counts = got.counts
    pages = workload.accesses.pages()[workload.inside(point.domain)]
    return SweepRow(
        **asdict(point), pieces=int(pages.sum()), misses=counts.walks, registered=got.entries,
        compares=counts.tlb_compares, pte_reads=counts.pte_reads,
        p2m_entry_reads=counts.p2m_entry_reads,
    )  # fmt: skip


def _on_miss(workload: Workload, point: Point, shape: PageSizes) -> SweepRow:
    """Each missed page takes a slot: an exit and an insertion for each miss, walks as well."""
    if not point.entries:
        raise MachineError("a table that registers on a miss needs a number of entries")
    page, row = pieces_of(workload, workload.inside(point.domain))
    vcpu = workload.calls.vcpu[workload.accesses.call[row]]
    curve = miss_curve(page, vcpu, policy=point.policy, scope=point.scope)  # type: ignore[arg-type]
    at = min(point.entries, int(curve.capacity[-1])) if len(page) else 1
    exact = curve.capacity.searchsorted(at)
    if curve.capacity[exact] != at:
        raise MachineError(f"this trace has too many pages to simulate FIFO at {at} slots")
    misses = int(curve.misses[exact])
    # Which accesses miss depends on the order; what a walk reads is taken as
    # the domain's mean over all pieces.
    reads = shape.pte_reads(workload.regions)[workload.accesses.region[row]]
    mean = float(reads.mean()) if len(reads) else 0.0
    pte = round(misses * mean)
    lookups = pte + misses + len(page)
    return SweepRow(
        **asdict(point), pieces=len(page), misses=misses, registered=misses, compares=-1,
        pte_reads=pte, p2m_entry_reads=lookups * shape.entry_reads,
    )  # fmt: skip


class SweepTable(tuple[SweepRow, ...], Shown):
    """Rows of a sweep, in the order of its points; as text they are CSV."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<SweepTable: {len(self)} rows>"


def sweep(
    points: Iterable[Point],
    executor: Executor,
    *,
    known: Mapping[Point, SweepRow] | None = None,
    finished: Callable[[SweepRow, int, int], None] | None = None,
    limit: int | None = None,
) -> SweepTable:
    """Measure every point that is not known yet; rows in the order of the points.

    Args:
        points: what to measure.
        executor: any :class:`concurrent.futures.Executor`: threads, processes,
            or a cluster's (``dask.distributed.Client.get_executor()``).
        known: rows of an earlier, broken-off sweep (:func:`read_rows`).
        finished: called for each new row with (row, done, of how many), in
            order of completion: what a caller writes down to be resumable.
        limit: most bytes of a recording's text to read, as for :func:`read_workload`.
    """
    wanted = list(points)
    rows: dict[Point, SweepRow] = {p: known[p] for p in wanted if known and p in known}
    missing = [point for point in dict.fromkeys(wanted) if point not in rows]
    futures = {executor.submit(measure, point, limit): point for point in missing}
    for count, future in enumerate(as_completed(futures), 1):
        row = future.result()
        rows[futures[future]] = row
        if finished is not None:
            finished(row, count, len(missing))
    return SweepTable(rows[point] for point in wanted)


# Two million rows.
_TABLE_LIMIT = 256 << 20
_HEAD = tuple(item.name for item in fields(SweepRow))
_WORDS = ("recording", "register", "policy", "scope")


def table_text(rows: Iterable[SweepRow], *, head: bool = True) -> str:
    """Rows as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    if head:
        writer.writerow(_HEAD)
    writer.writerows([getattr(row, name) for name in _HEAD] for row in rows)
    return out.getvalue()


def read_rows(path: str | Path) -> dict[Point, SweepRow]:
    """Complete rows of a table; the last one may have been truncated.

    Raises:
        InputError: it is not a table of this kind.
        OSError: it cannot be read.
    """
    what = "a table that sweep wrote"
    lines = read_text(path, _TABLE_LIMIT, what=what).splitlines(keepends=True)
    if lines and not lines[-1].endswith("\n"):
        lines.pop()
    try:
        rows = list(csv.reader(lines))
    except csv.Error as error:
        raise InputError(path, "", expected=what, got=str(error)) from None
    if rows and tuple(rows[0]) != _HEAD:
        raise InputError(path, "line 1", expected=",".join(_HEAD), got=",".join(rows[0]))
    found: dict[Point, SweepRow] = {}
    for number, cells in enumerate(rows[1:], 2):
        try:
            values: dict[str, Any] = {
                name: cell if name in _WORDS else int(cell)
                for name, cell in zip(_HEAD, cells, strict=True)
            }
        except ValueError:
            raise InputError(
                path, f"line {number}", expected=f"{len(_HEAD)} cells, numbers where numbers are",
                got=",".join(cells),
            ) from None  # fmt: skip
        row = SweepRow(**values)
        found[row.point] = row
    return found


def write_parquet(rows: Sequence[SweepRow], path: str | Path) -> None:
    """Rows as Parquet.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        pa, pq = import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError:
        raise InputError(
            path, "", expected="pyarrow to write Parquet", got="no pyarrow",
            hint="pip install 'xenexplore[parquet]', or name the table .csv",
        ) from None  # fmt: skip
    pq.write_table(pa.table({name: [getattr(r, name) for r in rows] for name in _HEAD}), path)
