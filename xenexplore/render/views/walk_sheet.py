"""Display of one walk at the prompt: its levels with their bits, the P2M, rights, why it failed."""

from __future__ import annotations

from xenexplore.paging.permissions import walk_permissions
from xenexplore.paging.state import Manner
from xenexplore.paging.walk_record import Level, Walk
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.sheet import Sheet, SheetTable
from xenexplore.steps import P2mLookup, Purpose

__all__ = ["end_lookup", "lookup_words", "walk_sheet"]

_WALKERS = {Manner.XEN: "Xen's software walk", Manner.CPU: "the guest's CPU"}


def walk_sheet(one: Walk) -> Sheet:
    """A walk: what was asked, each level, and how it ended."""
    facts = [("access", f"{one.access}, by {_WALKERS[one.manner]}")]
    rights = walk_permissions(one)
    if one.gpa is not None and one.page_size is not None:
        facts.append(("guest-physical", spell.physical(one.gpa.value)))
    if rights is not None:
        size = one.page_size or 1 << one.state.plan.page_shifts[len(one.entries) - 1]
        facts.append(("page", f"{spell.size(size)}, {rights}: {_in_words(rights)}"))
    lookup = end_lookup(one)
    if lookup is not None:
        facts.append(("P2M", lookup_words(lookup)))
    fault = one.fault
    if fault is not None:
        at = f" at level {fault.level}" if fault.level else ""
        facts.append(("failed", f"{fault.what}{at}: {fault.reason}"))
        if fault.error_code is not None:
            facts.append(("error code", f"{fault.error_code:#x}"))
    title = f"Walk of {spell.linear(one.va)}"
    return Sheet(title=title, facts=tuple(facts), tables=_tables(one))


def _in_words(rights: str) -> str:
    """``rw--`` as ``read, write; supervisor only``."""
    allowed = [word for letter, word in zip("rwx", ("read", "write", "execute"), strict=True)
               if letter in rights]  # fmt: skip
    return ", ".join(allowed) + ("; user too" if "u" in rights else "; supervisor only")


def _tables(one: Walk) -> tuple[SheetTable, ...]:
    levels = one.levels
    if not levels:
        return ()
    through = any(level.lookup is not None for level in levels)
    head = ("level", "table", *(("its mfn",) if through else ()), "index", "entry", "bits")
    bad = [n for n, level in enumerate(levels) if level.number == one.failed_level]
    rows = tuple(_row(level, through=through) for level in levels)
    align = "rkkrkl" if through else "rkrkl"
    return (SheetTable(head=head, rows=rows, align=align, bad=frozenset(bad)),)


def _row(level: Level, *, through: bool) -> tuple[str, ...]:
    mfn = level.lookup.mfn if level.lookup is not None else None
    found = ("-" if mfn is None else spell.frame(mfn.value),) if through else ()
    table = spell.physical(level.table.value)
    return (str(level.number), table, *found, str(level.index), spell.entry(level.entry),
            level.flags)  # fmt: skip


def end_lookup(one: Walk) -> P2mLookup | None:
    """The lookup of the frame that the walk found; None if it found none, or asked no P2M."""
    found = (step for step in one.steps() if isinstance(step, P2mLookup))
    return next((step for step in found if step.purpose is Purpose.WALK_END), None)


def lookup_words(lookup: P2mLookup) -> str:
    """``gfn 01234 is mfn 05678, p2m_ram_rw``."""
    mfn = "no machine frame" if lookup.mfn is None else f"mfn {spell.frame(lookup.mfn.value)}"
    return f"gfn {spell.frame(lookup.gfn.value)} is {mfn}, {lookup.p2m_type}"
