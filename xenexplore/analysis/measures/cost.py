"""Cost of counts, by a stated table: counted instructions, or the user's nanoseconds.

The built-in table has instructions of Xen, each counted in a recording or computed from
such counts; nothing in it is a guess, and what was not counted is named and left out.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import Enum
from importlib import resources
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING

from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import RegionName
from xenexplore.errors import InputError
from xenexplore.files import read_text
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.hypercalls.releases import DEFAULT
from xenexplore.hypervisor.outcome import Counts

if TYPE_CHECKING:
    from xenexplore.analysis.replay.replayed import Replayed

__all__ = ["GUESSED", "BreakEven", "Cost", "CostTable", "CostUnit", "break_even", "read_costs"]

_COUNTS = tuple(item.name for item in fields(Counts))
GUESSED = "guessed-ns"
"""The built-in table of guessed nanoseconds, as ``--costs`` takes it."""


class CostUnit(Enum):
    """The unit of a table's numbers."""

    INSTRUCTIONS = "instructions"
    NS = "ns"


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one of a count.

    Attributes:
        amount: in the table's unit; ``source``: where it is from, or ``""``: a guess.
        note: what it stands for.
    """

    amount: float
    source: str
    note: str

    @property
    def guess(self) -> bool:
        """Whether the number is a guess."""
        return not self.source


@dataclass(frozen=True, slots=True)
class CostTable:
    """Costs by the name of the count (a field of :class:`~xenexplore.hypervisor.outcome.Counts`).

    Attributes:
        origin: where the table is from; ``unit``: of its numbers.
        costs: by count; counts that are not named cost nothing.
        unmeasured: counts that do cost something which is not measured, and why.
    """

    origin: str
    costs: Mapping[str, Cost]
    unit: CostUnit = CostUnit.NS
    unmeasured: Mapping[str, str] = field(default_factory=dict)

    @property
    def guesses(self) -> int:
        """The number of guesses among the numbers."""
        return sum(cost.guess for cost in self.costs.values())

    def of(self, name: str) -> float:
        """The cost of one of a count."""
        cost = self.costs.get(name)
        return cost.amount if cost is not None else 0.0

    def price(self, counts: Counts) -> float:
        """Cost of all counts together, without those that are not measured; see :meth:`least`."""
        return math.fsum(getattr(counts, name) * cost.amount for name, cost in self.costs.items())

    def saved(self, one: Replayed) -> float:
        """Saving of a design's calls against today's walk; an upper bound, see :meth:`least`."""
        return self.price(one.today) - self.price(one.by_memory)

    def least(self, counts: Counts) -> bool:
        """Whether :meth:`price` is a lower bound: some of the counts are not measured."""
        return any(getattr(counts, name) for name in self.unmeasured)


def read_costs(path: str | PathLike[str] | None = None, xen: str = DEFAULT) -> CostTable:
    """Read a cost table (TOML); without a path, the package's own.

    Args:
        path: a TOML file; ``"guessed-ns"``: the built-in table of guessed nanoseconds (a file
            of that name wins); None: the built-in instructions.
        xen: the release whose instructions are wanted; 4.17's where it was not measured.

    Raises:
        InputError: a count that does not exist, a number without source and without
            ``guess = true``, two units in one table; more than 4 MiB of text.
        OSError: the file cannot be read.

    >>> read_costs().origin
    'Xen 4.17, measured'
    """
    if path is None:
        return _measured(xen)
    if fspath(path) == GUESSED and not Path(path).exists():
        return _table("guessed nanoseconds", _parsed(GUESSED, _built_in("guessed_ns.toml")))
    text, origin = read_text(fspath(path), what="a TOML table of costs"), str(path)
    return _table(origin, _parsed(origin, text))


def _built_in(name: str) -> str:
    folder = resources.files("xenexplore.analysis.measures") / "data"
    return (folder / name).read_text("utf-8")


def _parsed(origin: str, text: str) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(origin, "", expected="a TOML table of costs", got=str(error)) from None


def _measured(xen: str) -> CostTable:
    name = "instructions.toml"
    releases = tomllib.loads(_built_in(name))
    chosen = xen if xen in releases else DEFAULT
    return _table(f"Xen {chosen}, measured", releases[chosen])


def _table(origin: str, data: Mapping[str, object]) -> CostTable:
    costs: dict[str, Cost] = {}
    units: dict[CostUnit, str] = {}
    unmeasured: dict[str, str] = {}
    for name, value in data.items():
        found = _cost(origin, name, value)
        if isinstance(found, str):
            unmeasured[name] = found
            continue
        unit, costs[name] = found
        units.setdefault(unit, name)
    if len(units) > 1:
        first, second = units.items()
        raise InputError(
            origin, f"[{second[1]}] {second[0].value}", expected=f"{first[0].value}, as in "
            f"[{first[1]}]", got=second[0].value, hint="one table has one unit",
        )  # fmt: skip
    return CostTable(origin, costs, next(iter(units), CostUnit.NS), unmeasured)


def _cost(origin: str, name: str, value: object) -> tuple[CostUnit, Cost] | str:
    """Unit and cost, or why it was not measured."""
    if name not in _COUNTS:
        known = ", ".join(_COUNTS)
        raise InputError(origin, f"[{name}]", expected=f"one of {known}", got=repr(name))
    if not isinstance(value, dict):
        raise InputError(origin, name, expected=f"a table [{name}]", got=repr(value))
    if value.get("unmeasured") is True:
        return str(value.get("note", ""))
    unit = CostUnit.INSTRUCTIONS if CostUnit.INSTRUCTIONS.value in value else CostUnit.NS
    amount = value.get(unit.value)
    if (
        isinstance(amount, bool)
        or not isinstance(amount, int | float)
        or not 0 <= amount < math.inf
    ):
        what = "nanoseconds" if unit is CostUnit.NS else "instructions"
        raise InputError(
            origin, f"[{name}] {unit.value}", expected=f"{what}, 0 or more", got=repr(amount)
        )
    source, guess = value.get("source", ""), value.get("guess", False)
    if not isinstance(source, str) or bool(source) == bool(guess):
        raise InputError(
            origin, f"[{name}]", expected='either source = "..." or guess = true',
            got=f"source = {source!r}, guess = {guess!r}",
        )  # fmt: skip
    return unit, Cost(float(amount), source, str(value.get("note", "")))


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Lookup and walk compared, for one page of one kind of mapping.

    Attributes:
        leaf, p2m_order: log2 of the frames that the guest's leaf and a P2M entry map.
        reads: memory reads that a hit saves: guest entries and P2M entries
            (the lookup of the final frame is made either way).
        lookups: P2M lookups that it saves.
        walk: what it saves by the cost table, in its unit.
        compares: entries that may be compared before a hit costs as much as
            the walk, by the cost table.
    """

    leaf: int
    p2m_order: int
    reads: int
    lookups: int
    walk: float
    compares: int


def break_even(table: CostTable, leaf: int, p2m_order: int) -> BreakEven:
    """Number of entries at which a scan costs as much as it saves.

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
        walks=1, pte_reads=entries, p2m_lookups=lookups,
        p2m_entry_reads=lookups * shape.entry_reads,
    )  # fmt: skip
    walk = table.price(saved)
    left = walk - table.of("tlb_lookups")
    each = table.of("tlb_compares")
    compares = int(left / each) if each and left > 0 else 0
    return BreakEven(
        leaf, p2m_order, entries + lookups * shape.entry_reads, lookups, walk, compares
    )
