"""Nanoseconds from counts, by a stated table: every number has a source or is marked a guess."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import resources
from os import PathLike, fspath

from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import RegionName
from xenexplore.errors import InputError
from xenexplore.files import read_text
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.hypervisor.outcome import Counts

__all__ = ["BreakEven", "Cost", "CostTable", "break_even", "read_costs"]

_COUNTS = tuple(item.name for item in fields(Counts))


@dataclass(frozen=True, slots=True)
class Cost:
    """What one of a count costs.

    Attributes:
        ns: nanoseconds; ``source``: where the number is from, or ``""``: a guess.
        note: what it stands for.
    """

    ns: float
    source: str
    note: str

    @property
    def guess(self) -> bool:
        """Whether the number is a guess."""
        return not self.source


@dataclass(frozen=True, slots=True)
class CostTable:
    """Costs by the name of the count (a field of :class:`~xenexplore.hypervisor.outcome.Counts`).

    Counts that are not named cost nothing.
    """

    origin: str
    costs: Mapping[str, Cost]

    @property
    def guesses(self) -> int:
        """How many of the numbers are guesses."""
        return sum(cost.guess for cost in self.costs.values())

    def of(self, name: str) -> float:
        """Nanoseconds for one of a count."""
        cost = self.costs.get(name)
        return cost.ns if cost is not None else 0.0

    def price(self, counts: Counts) -> float:
        """Nanoseconds for all counts together."""
        return math.fsum(getattr(counts, name) * cost.ns for name, cost in self.costs.items())


def read_costs(path: str | PathLike[str] | None = None) -> CostTable:
    """Read a cost table (TOML); without a path, the one that comes with the package.

    Args:
        path: a TOML file; None: the built-in table.

    Raises:
        InputError: a count that does not exist, or a number without source
            and without ``guess = true``; more than 4 MiB of text.
        OSError: the file cannot be read.

    >>> read_costs().origin
    'the built-in table'
    """
    if path is None:
        text = (resources.files("xenexplore.analysis.measures") / "data" / "cost.toml").read_text(
            "utf-8"
        )
        origin = "the built-in table"
    else:
        text, origin = read_text(fspath(path), what="a TOML table of costs"), str(path)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(origin, "", expected="a TOML table of costs", got=str(error)) from None
    return CostTable(origin, {name: _cost(origin, name, value) for name, value in data.items()})


def _cost(origin: str, name: str, value: object) -> Cost:
    if name not in _COUNTS:
        known = ", ".join(_COUNTS)
        raise InputError(origin, f"[{name}]", expected=f"one of {known}", got=repr(name))
    if not isinstance(value, dict):
        raise InputError(origin, name, expected=f"a table [{name}]", got=repr(value))
    ns = value.get("ns")
    if isinstance(ns, bool) or not isinstance(ns, int | float) or not 0 <= ns < math.inf:
        raise InputError(origin, f"[{name}] ns", expected="nanoseconds, 0 or more", got=repr(ns))
    source, guess = value.get("source", ""), value.get("guess", False)
    if not isinstance(source, str) or bool(source) == bool(guess):
        raise InputError(
            origin, f"[{name}]", expected='either source = "..." or guess = true',
            got=f"source = {source!r}, guess = {guess!r}",
        )  # fmt: skip
    return Cost(float(ns), source, str(value.get("note", "")))


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Looking up against walking, for one page of one kind of mapping.

    Attributes:
        leaf, p2m_order: log2 of the frames that the guest's leaf and a P2M entry map.
        reads: memory reads that a hit saves: guest entries and P2M entries
            (the look-up of the final frame is made either way).
        lookups: P2M look-ups that it saves.
        walk_ns: what it saves by the cost table.
        compares: entries that may be compared before a hit costs as much as
            the walk, by the cost table.
    """

    leaf: int
    p2m_order: int
    reads: int
    lookups: int
    walk_ns: float
    compares: int


def break_even(table: CostTable, leaf: int, p2m_order: int) -> BreakEven:
    """How long a scan may get before it costs what it saves.

    Args:
        table: what each count costs.
        leaf: log2 of the frames of the guest's pages: 0, 9 or 18.
        p2m_order: likewise of the P2M's.

    >>> break_even(read_costs(), 0, 0).reads
    24
    """
    region = (RegionName("it", RegionKind.OTHER, False),)
    shape = PageSizes(p2m_order=p2m_order, leaves={RegionKind.OTHER: leaf})
    entries = int(shape.pte_reads(region)[0])
    lookups = entries + 1
    saved = Counts(
        pte_reads=entries, p2m_lookups=lookups, p2m_entry_reads=lookups * shape.entry_reads
    )
    walk = table.price(saved)
    left = walk - table.of("tlb_lookups")
    each = table.of("tlb_compares")
    compares = int(left / each) if each and left > 0 else 0
    return BreakEven(
        leaf, p2m_order, entries + lookups * shape.entry_reads, lookups, walk, compares
    )
