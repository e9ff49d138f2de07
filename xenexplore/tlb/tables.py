"""A domain's tables, one for each vCPU or one for all, told as steps."""

from __future__ import annotations

from typing import Literal, TypeAlias

from xenexplore.addr import Gva, Range
from xenexplore.errors import MachineError
from xenexplore.steps import Cite, PurgeScope, TlbInsert, TlbLookup, TlbPurge, TlbSlot, mail
from xenexplore.tlb.entry import Held, TlbEntry
from xenexplore.tlb.rules import InsertRules
from xenexplore.tlb.table import Policy, Purged, SearchKind, Straddle, TlbTable

__all__ = ["PROPOSAL", "VCPUOPS", "Scope", "TlbTables"]

Scope: TypeAlias = Literal["vcpu", "domain"]

PROPOSAL: Cite = mail("Gross", "28 Sep 2022", "94aab958-c141-4c43-a249-a55d8e5be735@suse.com")
"""Registered buffers, searched on each copy; per vCPU, sharing allowed."""

VCPUOPS: Cite = mail("Beulich", "29 Sep 2022", "6a3d38a8-bac3-fa59-e882-0d95a8d3e5d0@suse.com")
"""Insertion and purge as two new VCPUOPs; a lookup knows ``current`` only."""


class TlbTables:
    """The software TLB of a domain: which table an access searches, and the steps.

    Every operation names the vCPU whose table is meant.  With ``scope`` set to
    ``"domain"`` all vCPUs have one table, and a wrong vCPU cannot be asked.

    Attributes:
        vcpus: number of vCPUs, from 0.
        scope: ``"vcpu"`` or ``"domain"``.
    """

    __slots__ = ("_tables", "scope", "vcpus")

    def __init__(
        self,
        vcpus: int,
        *,
        scope: Scope = "vcpu",
        capacity: int | None = None,
        policy: Policy = "refuse",
        search: SearchKind = "scan",
        rules: InsertRules | None = None,
    ) -> None:
        if vcpus < 1:
            raise MachineError(f"vcpus: expected 1 or more, got {vcpus}")
        if scope not in ("vcpu", "domain"):
            raise MachineError(f"scope: expected vcpu or domain, got {scope!r}")
        self.vcpus = vcpus
        self.scope: Scope = scope
        count = vcpus if scope == "vcpu" else 1
        self._tables = tuple(TlbTable(capacity, policy, search, rules) for _ in range(count))

    @property
    def shared(self) -> bool:
        """Whether one table serves every vCPU."""
        return self.scope == "domain"

    def table(self, vcpu: int) -> TlbTable:
        """The table that is searched on behalf of a vCPU."""
        self._validate_vcpu(vcpu)
        return self._tables[0 if self.shared else vcpu]

    def entries(self, vcpu: int) -> tuple[TlbSlot, ...]:
        """The buffers now registered in a vCPU's table, by slot."""
        return _slots(self.table(vcpu).entries)

    def insert(self, vcpu: int, entry: TlbEntry, *, cite: Cite = VCPUOPS) -> TlbInsert:
        """Register a buffer, see :meth:`TlbTable.insert`."""
        done = self.table(vcpu).insert(entry)
        return TlbInsert(
            cite=cite,
            vcpu=vcpu,
            shared=self.shared,
            va=entry.va,
            pa=entry.pa,
            size=entry.size,
            is_global=entry.is_global,
            space=entry.space,
            label=entry.label,
            slot=done.slot,
            replaced=_slots(done.replaced),
            result=done.result,
            reason=done.reason,
        )

    def refused(self, vcpu: int, entry: TlbEntry, result: int, reason: str) -> TlbInsert:
        """An insertion that is refused for a reason outside the tables."""
        return TlbInsert(
            cite=VCPUOPS,
            vcpu=vcpu,
            shared=self.shared,
            va=entry.va,
            pa=entry.pa,
            size=entry.size,
            is_global=entry.is_global,
            space=entry.space,
            label=entry.label,
            slot=None,
            replaced=(),
            result=result,
            reason=reason,
        )

    def purge(
        self, vcpu: int, va: Gva, size: int, *, space: int | None = None, cite: Cite = VCPUOPS
    ) -> TlbPurge:
        """Remove what overlaps a range, see :meth:`TlbTable.purge`."""
        done = self.table(vcpu).purge(va, size, space)
        return self._purged(vcpu, done, PurgeScope.RANGE, cite, space, va, size)

    def purge_space(self, vcpu: int, *, space: int | None = None, cite: Cite = VCPUOPS) -> TlbPurge:
        """Remove non-global entries, see :meth:`TlbTable.purge_space`."""
        return self._purged(
            vcpu, self.table(vcpu).purge_space(space), PurgeScope.SPACE, cite, space
        )

    def purge_all(self, vcpu: int, *, cite: Cite = VCPUOPS) -> TlbPurge:
        """Remove every entry of a vCPU's table."""
        return self._purged(vcpu, self.table(vcpu).purge_all(), PurgeScope.ALL, cite)

    def lookup(
        self,
        va: Gva,
        size: int,
        *,
        asked: int,
        subject: int | None = None,
        space: int | None = None,
        straddle: Straddle = "redo",
        cite: Cite = PROPOSAL,
    ) -> TlbLookup:
        """Search one table for an access, see :meth:`TlbTable.lookup`.

        Args:
            va: first linear address of the access.
            size: its bytes, at least 1.
            asked: the vCPU whose table is searched: ``current``, or, under the
                cure that hands it to the copy helper, the subject.
            subject: the vCPU that the access is about; None means ``asked``.
            space: address space of the access, where entries carry tags.
            straddle: what happens to an access that extends past its entry.
            cite: the rule behind the search.
        """
        if subject is not None:
            self._validate_vcpu(subject)
        found = self.table(asked).lookup(va, size, space, straddle)
        entry = found.held.entry if found.held else None
        return TlbLookup(
            cite=cite,
            asked=asked,
            subject=asked if subject is None else subject,
            shared=self.shared,
            va=va,
            size=size,
            space=space,
            compares=found.compares,
            slot=found.held.slot if found.held else None,
            entry=Range(entry.va, entry.size) if entry else None,
            entry_pa=entry.pa if entry else None,
            label=entry.label if entry else "",
            gpa=found.gpa,
            covered=found.covered,
        )

    def _validate_vcpu(self, vcpu: int) -> None:
        if not 0 <= vcpu < self.vcpus:
            raise MachineError(f"vCPU: expected 0 to {self.vcpus - 1}, got {vcpu}")

    def _purged(
        self,
        vcpu: int,
        done: Purged,
        scope: PurgeScope,
        cite: Cite,
        space: int | None = None,
        va: Gva | None = None,
        size: int | None = None,
    ) -> TlbPurge:
        return TlbPurge(
            cite=cite,
            vcpu=vcpu,
            shared=self.shared,
            scope=scope,
            va=va,
            size=size,
            space=space,
            removed=_slots(done.removed),
            result=done.result,
            reason=done.reason,
        )


def _slots(entries: tuple[Held, ...]) -> tuple[TlbSlot, ...]:
    return tuple(
        TlbSlot(slot, entry.va, entry.pa, entry.size, entry.is_global, entry.space, entry.label)
        for slot, entry in entries
    )
