"""Registered buffers, table by table."""

from __future__ import annotations

from collections.abc import Iterator

from xenexplore.render.text.box import Ink
from xenexplore.render.text.run.trace import guest_line, option_name
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.moment import step_index
from xenexplore.render.views.step_labels import step_label
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import TlbPurge
from xenexplore.tlb.history import (
    Registered,
    ShownEntry,
    ShownSearch,
    ShownTable,
    registered_at,
)

__all__ = ["registered_text"]

_MOST_GONE = 6
_MOST_PURGES = 6


def registered_text(trace: Trace, index: int | None = None, *, unicode: bool = False) -> str:
    """Every table of registered buffers: entries, hits, misses, purges, who was asked.

    Args:
        trace: what happened.
        index: the step after which the tables are shown; default: the last.
        unicode: box characters and arrows instead of ASCII.

    Raises:
        MachineError: the trace has no such step.
    """
    ink = Ink(unicode=unicode)
    at = step_index(trace, index)
    state = registered_at(trace.steps, at, trace.registered)
    lines = ink.ends(trace.about.name, guest_line(trace))
    lines += ink.ends(option_name(trace.option), f"registered after step {at}/{len(trace) - 1}")
    lines += [ink.rule()]
    if not state.used:
        lines += ink.paragraph("This option registers no buffers.")
        return ink.page(lines)
    for table in state.tables or (ShownTable(vcpu=None),):
        lines += _table(ink, table, state)
    lines += [ink.rule(), *_purges(ink, state), *_search(ink, state.search)]
    return ink.page(lines if lines[-1] != ink.rule() else lines[:-1])


def _table(ink: Ink, table: ShownTable, state: Registered) -> Iterator[str]:
    owner = "domain, one table for all vCPUs" if table.vcpu is None else f"vCPU {table.vcpu}"
    if not state.tables:
        owner = "nothing is registered yet"
    figures = ", ".join(
        (
            _count(table.lookups, "lookup"),
            _count(table.hits, "hit"),
            _count(table.misses, "miss", "misses"),
            _count(table.compares, "compare"),
        )
    )
    yield from ink.ends(owner, figures if table.lookups else "")
    if not table.entries and state.tables:
        yield "  no entry"
    for entry in table.entries:
        yield from _entry(ink, entry)
    for gone in table.gone[-_MOST_GONE:]:
        name = f"[{gone.entry.slot}] {gone.entry.label}".rstrip()
        where = f"{spell.linear(gone.entry.va.value)} {spell.span(gone.entry.size)}"
        yield from ink.paragraph(f"{name} {where}: {gone.how} at step {gone.step}", "  gone: ")
    if table.gone[_MOST_GONE:]:
        yield f"  gone before: {len(table.gone) - _MOST_GONE} more"
    if table.refused:
        steps = ", ".join(map(str, table.refused))
        yield from ink.paragraph(f"refused at step {steps}", "  ")


def _entry(ink: Ink, entry: ShownEntry) -> Iterator[str]:
    where = f"{spell.linear(entry.va.value)} {spell.span(entry.size)}"
    name = entry.label
    if not entry.is_global:
        name += " (not global)" if entry.space is None else f" (CR3 {spell.physical(entry.space)})"
    left = f"  [{entry.slot}] {where} -> {spell.physical(entry.pa.value)} {name}".rstrip()
    yield from ink.ends(left, _count(entry.hits, "hit"))


def _purges(ink: Ink, state: Registered) -> Iterator[str]:
    if state.purges[_MOST_PURGES:]:
        yield from ink.paragraph(f"{len(state.purges) - _MOST_PURGES} earlier purges not shown")
    for index, step in state.purges[-_MOST_PURGES:]:
        yield from ink.paragraph(_purge(step), f"step {index}: ")


def _purge(step: TlbPurge) -> str:
    words = step_label(step)
    more = f" ({', '.join(words.more)})" if words.more else ""
    return f"{words.label}, {words.main}: {words.side}{more}"


def _search(ink: Ink, search: ShownSearch | None) -> Iterator[str]:
    if search is None:
        return
    words = step_label(search.step)
    asked = "the domain's table" if search.step.shared else f"vCPU {search.step.asked}'s table"
    text = f"{asked} was searched for {spell.linear(search.step.va.value)}: {words.side}"
    if search.step.hit:
        text += f" {words.main}"
    yield from ink.paragraph(text, f"step {search.index}: ")
    if not search.wrong_vcpu:
        return
    subject = search.step.subject
    own = f"vCPU {subject}'s own has no entry for it"
    if search.other is not None:
        gpa = spell.physical(search.other.to_physical(search.step.va).value)
        own = f"vCPU {subject}'s own has [{search.other.slot}] {search.other.label} -> gpa {gpa}"
    yield from ink.paragraph(
        f"the access is for vCPU {subject}, whose table should have been searched; {own}.",
        "note: ",
    )


def _count(number: int, one: str, several: str = "") -> str:
    return f"{number:,} {one if number == 1 else several or one + 's'}"
