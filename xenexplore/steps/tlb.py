"""Steps of the software TLB: a lookup, an insertion, a purge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from xenexplore.addr import Gpa, Gva, Range
from xenexplore.display import Pictured
from xenexplore.steps.base import Step, counted
from xenexplore.steps.errnos import errno_name
from xenexplore.steps.values import PurgeScope

__all__ = ["TlbInsert", "TlbLookup", "TlbPurge", "TlbSlot"]


@dataclass(frozen=True, slots=True)
class TlbSlot:
    """An entry and the slot it was in, as a step shows it.

    Attributes:
        slot: the slot's number, from 0.
        va: first linear address of the entry.
        pa: guest-physical address that ``va`` stands for.
        size: bytes, at least 1.
        is_global: whether the guest declared the mapping the same everywhere.
        space: tag of the address space, or None where entries carry none.
        label: what the scenario calls it, or ``""``.
    """

    slot: int
    va: Gva
    pa: Gpa
    size: int
    is_global: bool
    space: int | None
    label: str

    def __str__(self) -> str:
        name = f" ({self.label})" if self.label else ""
        return f"slot {self.slot}{name}"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TlbLookup(Step, Pictured):
    """Xen searched registered buffers for the address of an access.

    Attributes:
        asked: vCPU on whose behalf the search was made: its table was searched, or, if ``shared``,
            the domain's.
        subject: vCPU that the access is for; today's helpers do not receive it.
        shared: whether one table serves the whole domain.
        va: linear address of the access.
        size: bytes of the access, at least 1.
        space: address-space tag searched for, or None.
        compares: entries that the search structure compared ``va`` with.
        slot: slot of the entry that contains ``va``, or None if none does.
        entry: linear range of that entry, or None.
        entry_pa: guest-physical address of that entry's first byte, or None.
        label: that entry's label, or ``""``.
        gpa: guest-physical address for ``va``; None is a miss.
        covered: how many of the ``size`` bytes are in the entry that contains ``va``; 0 if no entry
            does.  Non-zero with ``gpa`` None is a
            straddle that counts as a miss.
    """

    kind: ClassVar[str] = "tlb-lookup"
    alike: ClassVar[tuple[str, ...]] = ("asked", "subject", "label")

    asked: int
    subject: int
    shared: bool
    va: Gva
    size: int
    space: int | None
    compares: int
    slot: int | None
    entry: Range[Gva] | None
    entry_pa: Gpa | None
    label: str
    gpa: Gpa | None
    covered: int

    @property
    def hit(self) -> bool:
        """Whether the search gave a guest-physical address."""
        return self.gpa is not None

    @property
    def whole(self) -> bool:
        """Whether one entry serves every byte of the access."""
        return self.hit and self.covered == self.size

    def tally(self) -> Mapping[str, int]:
        return {"tlb_lookups": 1, "tlb_hits": int(self.hit), "tlb_compares": self.compares}

    def __repr__(self) -> str:
        return f"<TlbLookup {self.va.hex()}: {self._result()} {counted(self.compares, 'compare')}>"

    def say(self) -> str:
        table = "the domain's shared table" if self.shared else f"vCPU {self.asked}'s table"
        about = (
            f", although the access is for vCPU {self.subject}"
            if self.asked != self.subject
            else ""
        )
        looks = f"Xen looks {self.va.hex()} ({counted(self.size, 'byte')}) up in {table}{about}"
        return f"{looks}: {self._result()} after {counted(self.compares, 'compare')}."

    def _result(self) -> str:
        if self.slot is None:
            return "miss"
        name = f" ({self.label})" if self.label else ""
        if self.gpa is None:
            return f"slot {self.slot}{name} covers only {self.covered} of them, which is a miss,"
        part = "" if self.covered == self.size else f" for the first {self.covered}"
        return f"hit in slot {self.slot}{name}, guest-physical {self.gpa.hex()}{part},"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TlbInsert(Step, Pictured):
    """The guest registered a buffer, or Xen rejected the registration.

    Attributes:
        vcpu: vCPU on whose behalf it was registered.
        shared: whether one table serves the whole domain.
        va: first linear address, as the guest gave it.
        pa: guest-physical address, as the guest gave it.
        size: bytes, as the guest gave it; may be 0 or wrap if it was refused.
        is_global: whether the guest declared the mapping the same everywhere.
        space: address-space tag, or None.
        label: the scenario's name for the buffer, or ``""``.
        slot: slot that was filled, or None if refused.
        replaced: entries that were evicted for it, by slot.
        result: 0, or a negative Xen errno.
        reason: the reason for the rejection, or ``""``.
    """

    kind: ClassVar[str] = "tlb-insert"
    alike: ClassVar[tuple[str, ...]] = ("vcpu", "label", "reason")

    vcpu: int
    shared: bool
    va: Gva
    pa: Gpa
    size: int
    is_global: bool
    space: int | None
    label: str
    slot: int | None
    replaced: tuple[TlbSlot, ...]
    result: int
    reason: str

    def tally(self) -> Mapping[str, int]:
        return {"tlb_inserts": 1}

    def __repr__(self) -> str:
        done = self.reason if self.result else f"slot {self.slot}"
        return f"<TlbInsert {self.va.hex()} as {self.pa.hex()}, {self.size:#x} bytes: {done}>"

    def say(self) -> str:
        name = f" ({self.label})" if self.label else ""
        what = f"{counted(self.size, 'byte')} at {self.va.hex()}{name} as {self.pa.hex()}"
        table = _table(self.vcpu, self.shared)
        if self.result:
            error = f"-{errno_name(self.result)}"
            return f"Xen rejects the registration of {what} in {table} ({error}): {self.reason}."
        gone = f", replacing {_slots(self.replaced)}" if self.replaced else ""
        return f"Xen registers {what} in slot {self.slot} of {table}{gone}."


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TlbPurge(Step, Pictured):
    """Entries were removed: on the guest's request, or by a rule of the option.

    Attributes:
        vcpu: vCPU on whose behalf it happened.
        shared: whether one table serves the whole domain.
        scope: a range, the non-global entries (as a switch of address spaces
            would), or all.
        va: start of the purged range as given, or None unless a range.
        size: its bytes as given, or None unless a range.
        space: address-space tag it was limited to, or None.
        removed: entries that were removed, by slot.
        result: 0, or a negative Xen errno.
        reason: the reason for the rejection, or ``""``.
    """

    kind: ClassVar[str] = "tlb-purge"
    alike: ClassVar[tuple[str, ...]] = ("vcpu", "scope")

    vcpu: int
    shared: bool
    scope: PurgeScope
    va: Gva | None
    size: int | None
    space: int | None
    removed: tuple[TlbSlot, ...]
    result: int
    reason: str

    def tally(self) -> Mapping[str, int]:
        return {"tlb_purges": 1}

    def __repr__(self) -> str:
        done = self.reason if self.result else f"{len(self.removed)} removed"
        return f"<TlbPurge of vCPU {self.vcpu}: {done}>"

    def say(self) -> str:
        table = _table(self.vcpu, self.shared)
        if self.va is not None and self.size is not None:
            what = f"{counted(self.size, 'byte')} at {self.va.hex()}"
        else:
            what = "all entries" if self.scope is PurgeScope.ALL else "the non-global entries"
        tag = f" of address space {self.space:#x}" if self.space is not None else ""
        if self.result:
            error = f"-{errno_name(self.result)}"
            return f"Xen rejects the purge of {what}{tag} from {table} ({error}): {self.reason}."
        gone = _slots(self.removed) if self.removed else "nothing"
        return f"Xen purges {what}{tag} from {table}: {gone} removed."


def _table(vcpu: int, shared: bool) -> str:
    return "the domain's shared table" if shared else f"vCPU {vcpu}'s table"


def _slots(slots: tuple[TlbSlot, ...]) -> str:
    return ", ".join(str(slot) for slot in slots)
