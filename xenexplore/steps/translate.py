"""Steps of translating an address: table reads, P2M lookups, checks, faults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from xenexplore.addr import Gfn, Gpa, Gva, Mfn
from xenexplore.steps.base import Step
from xenexplore.steps.values import FaultKind, Purpose

__all__ = ["Check", "Fault", "P2mLookup", "PteRead", "PteUpdate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PteRead(Step):
    """One entry of a guest's page tables was read.

    Attributes:
        level: 5 to 1; 1 is the level that maps 4 KiB pages.
        table: guest-physical address of the table.
        index: which entry of it.
        entry_at: guest-physical address of the entry.
        entry: the raw entry, as read.
        flags: the entry's bits by name, e.g. ``"P RW US A D"``.
    """

    kind: ClassVar[str] = "pte-read"
    alike: ClassVar[tuple[str, ...]] = ("level",)
    as_hex: ClassVar[frozenset[str]] = frozenset({"entry"})

    level: int
    table: Gpa
    index: int
    entry_at: Gpa
    entry: int
    flags: str

    def tally(self) -> Mapping[str, int]:
        return {"pte_reads": 1}

    def say(self) -> str:
        return (
            f"Xen reads the level-{self.level} entry of the guest's page tables: "
            f"index {self.index} of the table at {self.table.hex()}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PteUpdate(Step):
    """The walk set Accessed or Dirty in an entry.

    Attributes:
        level: level of the entry.
        entry_at: guest-physical address of the entry.
        before: the entry as it was.
        after: the entry as it is now.
    """

    kind: ClassVar[str] = "pte-update"
    alike: ClassVar[tuple[str, ...]] = ("level",)
    as_hex: ClassVar[frozenset[str]] = frozenset({"after", "before"})

    level: int
    entry_at: Gpa
    before: int
    after: int

    def say(self) -> str:
        bits = self.before ^ self.after
        names = " and ".join(n for bit, n in ((0x20, "Accessed"), (0x40, "Dirty")) if bits & bit)
        return f"The walk sets {names} in the level-{self.level} entry."


@dataclass(frozen=True, slots=True, kw_only=True)
class P2mLookup(Step):
    """Xen looked a guest frame up in the domain's P2M.

    Attributes:
        gfn: the guest frame.
        mfn: the machine frame, or None where the P2M has none.
        p2m_type: Xen's name of the type, e.g. ``"p2m_ram_rw"``.
        order: log2 of the frames that the P2M's entry maps: 0, 9 or 18.
        entry_reads: how many P2M entries were read to find it (4, 3 or 2).
        purpose: what it is for.
        level: level of the guest's page table that it finds, or None for anything else.
        root: whether that table is the one that CR3 names.
    """

    kind: ClassVar[str] = "p2m-lookup"
    alike: ClassVar[tuple[str, ...]] = ("purpose", "root")

    gfn: Gfn
    mfn: Mfn | None
    p2m_type: str
    order: int
    entry_reads: int
    purpose: Purpose
    level: int | None = None
    root: bool = False

    @property
    def why(self) -> str:
        """Purpose, in words."""
        if self.purpose is Purpose.TABLE:
            return f"level-{self.level} table" + (" (CR3)" if self.root else "")
        return "buffer" if self.purpose is Purpose.BUFFER else "frame of the linear address"

    def tally(self) -> Mapping[str, int]:
        return {"p2m_lookups": 1, "p2m_entry_reads": self.entry_reads}

    def say(self) -> str:
        to = f"mfn {self.mfn.hex()}" if self.mfn is not None else "no machine frame"
        return f"Xen looks gfn {self.gfn.hex()} up in the P2M ({self.why}): {to}, {self.p2m_type}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Step):
    """A permission or range check that was made.

    Attributes:
        name: what was checked, e.g. ``"write to a read-only page"``.
        passed: whether the access may go on.
        detail: the bits that decided it.
    """

    kind: ClassVar[str] = "check"
    alike: ClassVar[tuple[str, ...]] = ("name", "passed")

    name: str
    passed: bool
    detail: str = ""

    def say(self) -> str:
        verdict = "passes" if self.passed else "fails"
        detail = f" ({self.detail})" if self.detail else ""
        return f"The check {verdict}: {self.name}{detail}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(Step):
    """A translation or an access failed.  An outcome, not an exception.

    Attributes:
        what: the cause of the failure.
        linear: the linear address, where there is one.
        error_code: x86 page-fault error code, or None if it is not a #PF.
        level: level of the entry that failed, or None.
        reason: the reason in words, e.g. ``"entry not present"``.
    """

    kind: ClassVar[str] = "fault"
    alike: ClassVar[tuple[str, ...]] = ("what", "reason", "level")

    what: FaultKind
    linear: Gva | None = None
    error_code: int | None = None
    level: int | None = None
    reason: str = ""

    def say(self) -> str:
        at = f" at level {self.level}" if self.level else ""
        code = f", error code {self.error_code:#x}" if self.error_code is not None else ""
        return f"{self.what[:1].upper()}{self.what[1:]}{at}: {self.reason}{code}."
