"""The record of one walk: raw ints while walking, typed steps on demand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from xenexplore.addr import PAGE_SIZE, Gpa, Gva
from xenexplore.display import mimebundle_of, pretty, svg_of, text_of
from xenexplore.memory.p2m import as_lookup
from xenexplore.memory.p2m_types import P2mEntry
from xenexplore.paging.access import Access, WalkEnd
from xenexplore.paging.entries import entry_flags
from xenexplore.paging.plan import Mode
from xenexplore.paging.state import CR4_PSE, Manner, PagingState
from xenexplore.steps import (
    Cite,
    Fault,
    FaultKind,
    P2mLookup,
    PteRead,
    PteUpdate,
    Purpose,
    Recorder,
    Step,
    xen,
)

__all__ = ["Level", "Walk"]

_WALK = xen("xen/arch/x86/mm/guest_walk.c", "guest_walk_tables")
_AD = xen("xen/arch/x86/mm/guest_walk.c", "set_ad_bits")
_SDM = Cite("Intel SDM vol. 3", "4.8 Accessed and Dirty Flags")
_CANONICAL = Cite("Intel SDM vol. 1", "3.3.7.1 Canonical Addressing")

_A = 0x20
_D = 0x40
_PS = 0x80


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One level of a walk: the table, the entry, and its value.

    Attributes:
        number: 5 to 1.
        table: guest-physical address of the table.
        index: which entry.
        entry_at: guest-physical address of the entry.
        entry: the raw entry as read, before any A or D update.
        flags: its bits by name.
        lookup: the P2M lookup that finding the table cost; None without a P2M.
    """

    number: int
    table: Gpa
    index: int
    entry_at: Gpa
    entry: int
    flags: str
    lookup: P2mLookup | None


class Walk(NamedTuple):
    """Entries that one walk read, and its result. Everything else is computed from these.

    Attributes:
        state: registers that it ran under.
        access: the access that was requested.
        va: the linear address, as an int.
        manner: Xen's walk or a CPU's.
        entries: the entries read, from the top down.
        lookups: the P2M lookups made, in order: one per table, one for the frame found.
        end: its result.
        pfec: Xen's error-code bits (with its synthetic ones); 0 if translated.
        gpa_value: the guest-physical address as an int, or None.
    """

    state: PagingState
    access: Access
    va: int
    manner: Manner
    entries: tuple[int, ...]
    lookups: tuple[P2mEntry, ...]
    end: WalkEnd
    pfec: int
    gpa_value: int | None

    def __repr__(self) -> str:
        found = self.end.value if self.gpa_value is None else f"gpa {self.gpa_value:#x}"
        return f"<Walk of {self.va:#x} for {self.access}: {found}>"

    def text(self, *, unicode: bool = False) -> str:
        """The walk as text in 72 columns: the result, then every level."""
        return text_of(self, unicode=unicode)

    def svg(self, *, theme: str = "light") -> str:
        """The walk as an SVG document, ``"light"`` or ``"dark"``."""
        return svg_of(self, theme=theme)

    def _repr_mimebundle_(self, **_kwargs: object) -> dict[str, str]:
        return mimebundle_of(self)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        pretty(self, printer)

    @property
    def ok(self) -> bool:
        """Whether the address was translated."""
        return self.end is WalkEnd.OK

    @property
    def linear(self) -> Gva:
        """The linear address."""
        return Gva(self.va)

    @property
    def gpa(self) -> Gpa | None:
        """The guest-physical address, or None if the walk failed."""
        return None if self.gpa_value is None else Gpa(self.gpa_value)

    @property
    def page_size(self) -> int | None:
        """Bytes of the page found (4096 with paging off), or None if the walk failed."""
        if self.gpa_value is None:
            return None
        if not self.entries:
            return PAGE_SIZE
        return 1 << self.state.plan.page_shifts[len(self.entries) - 1]

    @property
    def error_code(self) -> int | None:
        """The page-fault error code, or None if this is not a page fault.

        A frame paged out or shared is Xen's own affair (bits 16 and 17 of
        ``pfec``), and a non-canonical address is a #GP: neither has one.
        """
        if self.ok or self.end in _NOT_PAGE_FAULTS:
            return None
        return self.pfec & 0xFFFF

    @property
    def failed_level(self) -> int | None:
        """Number of the level whose entry or table stopped the walk, or None.

        Rights are those of all levels together: a walk that they stopped has
        none; nor has one whose frame, once found, was paged out or shared.
        """
        if self.end in _BAD_ENTRY:
            return self.state.plan.numbers[len(self.entries) - 1]
        if self.end in _BAD_FRAME and not self.reached_leaf:
            return self.state.plan.numbers[len(self.entries)]
        return None

    @property
    def reached_leaf(self) -> bool:
        """Whether the walk found an entry that maps a page, and no reserved bit in it."""
        if not self.entries or self.end in _BAD_ENTRY:
            return False
        level = self.state.plan.levels[len(self.entries) - 1]
        return len(self.entries) == len(self.state.plan.levels) or bool(
            self.entries[-1] & level.large
        )

    @property
    def levels(self) -> tuple[Level, ...]:
        """Every level that was read, from the top down."""
        return tuple(self._levels())

    def _levels(self) -> Iterator[Level]:
        plan = self.state.plan
        for place, entry in enumerate(self.entries):
            table, offset = self._place(place)
            number = plan.numbers[place]
            yield Level(
                number=number,
                table=Gpa(table),
                index=offset // plan.entry_size,
                entry_at=Gpa(table + offset),
                entry=entry,
                flags=entry_flags(entry, number, plan.mode, self.state.c_bit),
                lookup=self._table_lookup(place) if self._looked_up(place) else None,
            )

    def _place(self, place: int) -> tuple[int, int]:
        """Address of the table read at a place of the walk, and the entry's offset in it."""
        plan = self.state.plan
        above = self.entries[place - 1] & plan.address_mask if place else None
        table = self.state.cr3 & plan.top_mask if above is None else above
        return table, self.va >> plan.levels[place].shift & plan.levels[place].mask

    def _looked_up(self, place: int) -> bool:
        """Whether the P2M was asked for a table: under shadow paging not for CR3's."""
        return bool(self.lookups) and not (self.state.shadow and place == 0)

    def _table_lookup(self, place: int) -> P2mLookup:
        number = self.state.plan.numbers[place]
        return as_lookup(self.lookups[place], Purpose.TABLE, level=number, root=place == 0)

    @property
    def updates(self) -> tuple[PteUpdate, ...]:
        """The A and D bits that the walk sets, in the order it sets them.

        Xen sets them once the walk has succeeded, the leaf first; a CPU sets A
        on its way down.  Nothing is written here:
        :func:`~xenexplore.paging.updates.apply_updates` does.
        """
        if self.manner is Manner.XEN:
            wanted = [u for u in self._updates() if not self._exchange_fails(u)]
            return tuple(reversed(wanted))
        return tuple(self._updates())

    def _updates(self) -> Iterator[PteUpdate]:
        done = self.ok or (self.end in _BAD_FRAME and self.reached_leaf)
        if self.manner is Manner.XEN and not done:
            return
        cite = _AD if self.manner is Manner.XEN else _SDM
        last = len(self.entries) - 1
        for place, entry in enumerate(self.entries):
            leaf = place == last
            number = self.state.plan.numbers[place]
            if (leaf and not done and not self._led_on) or self._unmarked(number):
                continue
            bits = _A | (_D if leaf and done and self.access.write else 0)
            if entry | bits != entry:
                yield PteUpdate(
                    cite=cite,
                    level=number,
                    entry_at=Gpa(sum(self._place(place))),
                    before=entry,
                    after=entry | bits,
                )

    @property
    def _led_on(self) -> bool:
        """Whether the last entry read led to a table (in which nothing could be read)."""
        return self.end in _BAD_FRAME and not self.reached_leaf

    def _unmarked(self, number: int) -> bool:
        """The top entries of PAE paging have no A bit."""
        return self.state.plan.mode is Mode.PAE and number == 3

    def _exchange_fails(self, update: PteUpdate) -> bool:
        """Xen clears bit 7 in its copy of a 32-bit directory entry when CR4.PSE is 0.

        Its compare-and-exchange then does not find that value in the table,
        and the A bit stays as it was.
        """
        return (
            self.state.plan.mode is Mode.LEGACY
            and update.level == 2
            and not self.state.cr4 & CR4_PSE
            and bool(update.before & _PS)
        )

    @property
    def fault(self) -> Fault | None:
        """Failure of the walk, as a step; None if it did not fail."""
        if self.ok:
            return None
        what = _NOT_PAGE_FAULTS.get(self.end, FaultKind.PAGE_FAULT)
        cite = _CANONICAL if self.end is WalkEnd.NOT_CANONICAL else _WALK
        return Fault(
            cite=cite,
            what=what,
            linear=self.linear,
            error_code=self.error_code,
            level=self.failed_level,
            reason=self.end.value,
        )

    def steps(self) -> tuple[Step, ...]:
        """Everything that happened, in order."""
        return tuple(self._steps())

    def _steps(self) -> Iterator[Step]:
        places = len(self.entries)
        for level in self._levels():
            if level.lookup is not None:
                yield level.lookup
            yield PteRead(
                cite=_WALK,
                level=level.number,
                table=level.table,
                index=level.index,
                entry_at=level.entry_at,
                entry=level.entry,
                flags=level.flags,
            )
        if len(self.lookups) > places and not self.reached_leaf:
            yield self._table_lookup(places)
        yield from self.updates
        if len(self.lookups) > places and self.reached_leaf:
            yield as_lookup(self.lookups[places], Purpose.WALK_END)
        if self.fault is not None:
            yield self.fault

    def record_on(self, recorder: Recorder) -> None:
        """Add every step to a recorder, under the step that is open there."""
        for step in self._steps():
            recorder.add(step)


_BAD_ENTRY = frozenset({WalkEnd.NOT_PRESENT, WalkEnd.RESERVED})
_BAD_FRAME = frozenset({WalkEnd.NO_TABLE, WalkEnd.PAGED, WalkEnd.SHARED})
_NOT_PAGE_FAULTS = {
    WalkEnd.NOT_CANONICAL: FaultKind.NOT_CANONICAL,
    WalkEnd.PAGED: FaultKind.P2M,
    WalkEnd.SHARED: FaultKind.P2M,
}
