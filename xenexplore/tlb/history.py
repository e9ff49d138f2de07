"""Registered buffers as they were after a step: replayed from the recorded steps alone.

What views and objects at the prompt show of an entry's use is counted here, once.
"""

from __future__ import annotations

import enum
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xenexplore.addr import Gpa, Gva
from xenexplore.steps import Node, TlbInsert, TlbLookup, TlbPurge, TlbSlot

__all__ = [
    "Gone",
    "Registered",
    "RegisteredHistory",
    "Removal",
    "ShownEntry",
    "ShownSearch",
    "ShownTable",
    "registered_at",
    "standing",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownEntry:
    """A registered range.

    Attributes:
        slot: its slot.
        va: first linear address.
        pa: guest-physical address that ``va`` stands for.
        size: bytes.
        is_global: whether the guest declared it the same in every address space.
        space: tag of its address space, or None.
        label: what the scenario calls it, or ``""``.
        since: step that registered it.
        hits: lookups that it has served.
        age: lookups of its table since it was registered.
        idle: lookups of its table since it was registered or last hit.
    """

    slot: int
    va: Gva
    pa: Gpa
    size: int
    is_global: bool
    space: int | None
    label: str
    since: int
    hits: int = 0
    age: int = 0
    idle: int = 0

    def looked_up(self, hit: bool) -> ShownEntry:
        """The entry after one more lookup of its table, which it answered or not."""
        idle = 0 if hit else self.idle + 1
        return replace(self, hits=self.hits + hit, age=self.age + 1, idle=idle)

    def covers(self, va: Gva) -> bool:
        """Whether a linear address is in the range."""
        return self.va.value <= va.value < self.va.value + self.size

    def to_physical(self, va: Gva) -> Gpa:
        """Physical address that the entry gives an address that it covers."""
        return self.pa + (va.value - self.va.value)

    def alias_of(self, gpa: Gpa) -> Gva | None:
        """The linear address by which the entry covers a guest-physical one, or None."""
        if not self.pa.value <= gpa.value < self.pa.value + self.size:
            return None
        return self.va + (gpa.value - self.pa.value)


class Removal(enum.StrEnum):
    """Reason why an entry is no longer there."""

    PURGED = "purged"
    REPLACED = "replaced"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """An entry that is no longer there.

    Attributes:
        entry: as it was.
        step: step that removed it.
        how: whether a purge or another registration removed it.
    """

    entry: ShownEntry
    step: int
    how: Removal


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownTable:
    """One table.

    Attributes:
        vcpu: whose it is; None for the domain's shared one.
        entries: what is registered, by slot.
        gone: what was, in the order in which it went.
        lookups: searches so far.
        hits: searches that gave an address.
        compares: entries compared so far.
        refused: steps at which a registration or purge was refused.
    """

    vcpu: int | None
    entries: tuple[ShownEntry, ...] = ()
    gone: tuple[Gone, ...] = ()
    lookups: int = 0
    hits: int = 0
    compares: int = 0
    refused: tuple[int, ...] = ()

    @property
    def misses(self) -> int:
        """Searches that gave no address."""
        return self.lookups - self.hits

    def find(self, va: Gva) -> ShownEntry | None:
        """The first entry, by slot, that covers an address; tags are not looked at."""
        return next((entry for entry in self.entries if entry.covers(va)), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownSearch:
    """The latest lookup.

    Attributes:
        index: its step.
        step: the lookup.
        other: what the subject's own table would have answered, where another
            vCPU's was asked; None if it has no such entry, or was asked itself.
    """

    index: int
    step: TlbLookup
    other: ShownEntry | None

    @property
    def wrong_vcpu(self) -> bool:
        """Whether another vCPU's table was asked than that of the vCPU the access is about."""
        return not self.step.shared and self.step.asked != self.step.subject


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """All tables after a step.

    Attributes:
        tables: by vCPU; one for the domain where it is shared.
        purges: steps that purged, so far.
        search: the latest lookup, or None.
        used: whether any step of the whole trace has to do with registered buffers.
    """

    tables: tuple[ShownTable, ...]
    purges: tuple[tuple[int, TlbPurge], ...]
    search: ShownSearch | None
    used: bool

    def table(self, vcpu: int) -> ShownTable:
        """The table that serves a vCPU; an empty one if nothing was ever registered there."""
        for table in self.tables:
            if table.vcpu in (vcpu, None):
                return table
        return ShownTable(vcpu=vcpu)


class RegisteredHistory:
    """The tables after every step, from one pass over the recorded steps.

    Args:
        steps: the nodes of a trace, in preorder.
        before: registrations that stood before the first of them; they are "since" step -1.
    """

    def __init__(self, steps: Sequence[Node], before: Sequence[TlbInsert] = ()) -> None:
        self._at: list[int] = []
        self._states: list[dict[int | None, ShownTable]] = []
        self._purges: list[tuple[int, TlbPurge]] = []
        self._lookups: list[tuple[int, TlbLookup]] = []
        tables: dict[int | None, ShownTable] = {}
        for stood in before:
            tables |= self._changed(tables, stood, -1)
        self._states.append(tables)
        for node in steps:
            step = node.step
            if isinstance(step, TlbInsert | TlbPurge | TlbLookup):
                tables = {**tables, **self._changed(tables, step, node.index)}
                self._at.append(node.index)
                self._states.append(tables)

    def _changed(
        self, tables: dict[int | None, ShownTable], step: TlbInsert | TlbPurge | TlbLookup, at: int
    ) -> dict[int | None, ShownTable]:
        owner = step.asked if isinstance(step, TlbLookup) else step.vcpu
        key = None if step.shared else owner
        table = tables.get(key, ShownTable(vcpu=key))
        if isinstance(step, TlbInsert):
            return {key: _insert(table, step, at)}
        if isinstance(step, TlbPurge):
            self._purges.append((at, step))
            return {key: _purge(table, step, at)}
        self._lookups.append((at, step))
        return {key: _look_up(table, step)}

    def at(self, index: int) -> Registered:
        """The tables after a step."""
        place = bisect_right(self._at, index)
        tables = self._states[place]
        ordered = sorted(tables.items(), key=lambda item: -1 if item[0] is None else item[0])
        latest = bisect_right(self._lookups, index, key=lambda item: item[0])
        search = None
        if latest:
            found, step = self._lookups[latest - 1]
            elsewhere = not step.shared and step.asked != step.subject
            own = tables.get(step.subject) if elsewhere else None
            search = ShownSearch(index=found, step=step, other=own.find(step.va) if own else None)
        purges = bisect_right(self._purges, index, key=lambda item: item[0])
        return Registered(
            tables=tuple(table for _, table in ordered),
            purges=tuple(self._purges[:purges]),
            search=search,
            used=bool(self._at or self._states[0]),
        )


def registered_at(
    steps: Sequence[Node], index: int | None = None, before: Sequence[TlbInsert] = ()
) -> Registered:
    """The tables after step ``index`` (default: the last); ``before`` as for the history."""
    return RegisteredHistory(steps, before).at(len(steps) - 1 if index is None else index)


def standing(steps: Sequence[Node]) -> tuple[TlbInsert, ...]:
    """The registrations whose entries are still there after the last step, in order."""
    # Lookups change no entry, and a long session has many.
    kinds = {TlbInsert, TlbPurge}
    changes = [node for node in steps if type(node.step) in kinds]
    if not changes:
        return ()
    tables = registered_at(changes, changes[-1].index).tables
    kept = {entry.since for table in tables for entry in table.entries}
    inserts = (node.step for node in changes if node.index in kept)
    return tuple(step for step in inserts if isinstance(step, TlbInsert))


def _insert(table: ShownTable, step: TlbInsert, index: int) -> ShownTable:
    if step.slot is None or step.result:
        return replace(table, refused=(*table.refused, index))
    table = _drop(table, step.replaced, index, Removal.REPLACED)
    entry = ShownEntry(
        slot=step.slot,
        va=step.va,
        pa=step.pa,
        size=step.size,
        is_global=step.is_global,
        space=step.space,
        label=step.label,
        since=index,
    )
    return replace(table, entries=tuple(sorted((*table.entries, entry), key=lambda e: e.slot)))


def _purge(table: ShownTable, step: TlbPurge, index: int) -> ShownTable:
    if step.result:
        return replace(table, refused=(*table.refused, index))
    return _drop(table, step.removed, index, Removal.PURGED)


def _drop(table: ShownTable, slots: tuple[TlbSlot, ...], index: int, how: Removal) -> ShownTable:
    doomed = {slot.slot for slot in slots}
    gone = [Gone(entry=e, step=index, how=how) for e in table.entries if e.slot in doomed]
    kept = tuple(entry for entry in table.entries if entry.slot not in doomed)
    return replace(table, entries=kept, gone=(*table.gone, *gone))


def _look_up(table: ShownTable, step: TlbLookup) -> ShownTable:
    entries = tuple(
        entry.looked_up(step.hit and entry.slot == step.slot) for entry in table.entries
    )
    return replace(
        table,
        entries=entries,
        lookups=table.lookups + 1,
        hits=table.hits + int(step.hit),
        compares=table.compares + step.compares,
    )
