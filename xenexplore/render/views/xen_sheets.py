"""Sheets of Xen and its tables of registered buffers at the prompt."""

from __future__ import annotations

from xenexplore.render.views import number_format as spell
from xenexplore.render.views.sheet import Sheet, SheetTable, plural
from xenexplore.session.tlb import RegisteredEntry, TlbSteps, VcpuTlb, VcpuTlbs
from xenexplore.session.xen import Xen
from xenexplore.steps import Action, Step, TlbInsert, TlbLookup

__all__ = ["entry_sheet", "step_sheet", "steps_sheet", "tlb_sheet", "tlbs_sheet", "xen_sheet"]


def xen_sheet(xen: Xen) -> Sheet:
    """The design, the verdict so far, and the latest actions."""
    facts = [("design", xen.design), ("guest", repr(xen.guest)[1:-1].removeprefix("Guest: "))]
    if xen.refusal:
        return Sheet(title="Xen", facts=(*facts, ("refused", xen.refusal)))
    outcome = xen.outcome
    counts = outcome.calls
    told = (
        plural(counts.exits, "exit"),
        plural(counts.walks, "walk"),
        plural(counts.tlb_lookups, "lookup"),
        plural(counts.copies, "copy", "copies"),
    )
    facts += [
        ("so far", f"{plural(len(xen.actions), 'action')}, {outcome.status}"),
        ("counts", ", ".join(told)),
    ]
    if outcome.hazards:
        facts.append(("hazards", ", ".join(dict.fromkeys(outcome.hazards))))
    rows = tuple(
        (str(number), text) for number, text in list(enumerate(_done(xen), 1))[-_MOST_ACTIONS:]
    )
    tables = (SheetTable(head=("#", "action"), rows=rows, align="rl"),) if rows else ()
    return Sheet(title="Xen", facts=tuple(facts), tables=tables)


_MOST_ACTIONS = 20


def _done(xen: Xen) -> list[str]:
    """Sentence of each action's own step."""
    said = (n.step.detail for n in xen.trace.steps if isinstance(n.step, Action) and not n.depth)
    return ["The design is set up" if one.do == "setup" else next(said) for one in xen.actions]


def tlbs_sheet(tlbs: VcpuTlbs) -> Sheet:
    """Every table of registered buffers."""
    shared = tlbs[0].shared
    shown = [tlbs[0]] if shared else list(tlbs)
    tables = tuple(_tlb_table(one) for one in shown)
    return Sheet(title="Registered buffers", tables=tables)


def tlb_sheet(tlb: VcpuTlb) -> Sheet:
    """One table of registered buffers."""
    return Sheet(title="Registered buffers", tables=(_tlb_table(tlb),))


def _tlb_table(tlb: VcpuTlb) -> SheetTable:
    entries = tlb.entries
    whose = "the domain" if tlb.shared else f"vCPU {tlb.vcpu}"
    slots = "unlimited slots" if tlb.capacity is None else f"{tlb.capacity} slots"
    return SheetTable(
        caption=f"Table of {whose}: {plural(len(entries), 'entry', 'entries')}, {slots}",
        head=("slot", "linear address", "bytes", "physical", "hits", "age", "holds", ""),
        rows=tuple(
            (
                str(one.slot),
                spell.linear(one.va.value),
                spell.span(one.size),
                spell.physical(one.pa.value),
                str(one.hits),
                str(one.age),
                ", ".join(dict.fromkeys((one.label, *one.covers))) or "-",
                "STALE" if one.stale else "",
            )
            for one in entries
        ),
        align="rkrkrrlk",
        bad=frozenset(n for n, one in enumerate(entries) if one.stale),
        keys=tuple(_keys(tlb, one) for one in entries),
    )


def _keys(tlb: VcpuTlb, one: RegisteredEntry) -> str:
    """An entry and the buffers that it covers, as the stepper's views name them."""
    table = "domain" if tlb.shared else str(tlb.vcpu)
    return " ".join((f"slot:{table}:{one.slot}", *(f"buf:{name}" for name in one.covers)))


def entry_sheet(one: RegisteredEntry) -> Sheet:
    """One registered range."""
    where = "every address space" if one.is_global else "one address space"
    facts = [
        ("linear", f"{spell.linear(one.va.value)} {spell.span(one.size)}"),
        ("physical", spell.physical(one.pa.value)),
        ("declared", where + (f", tag {one.space:#x}" if one.space is not None else "")),
        ("hits", f"{one.hits} of {plural(one.age, 'lookup')} since it was registered"),
    ]
    if one.covers:
        facts.append(("covers", ", ".join(one.covers)))
    if one.overlaps:
        facts.append(("overlaps", ", ".join(one.overlaps)))
    if one.stale:
        pages = ", ".join(spell.linear(va.value) for va in one.stale[:4])
        facts.append(("stale", f"the page tables map another frame at {pages}"))
    return Sheet(title=f"Slot {one.slot} {one.label}".rstrip(), facts=tuple(facts))


def steps_sheet(steps: TlbSteps) -> Sheet:
    """Result of one operation on a table."""
    if not steps:
        return Sheet(title="Nothing happened")
    rows = tuple((str(n), spell.regroup(step.say())) for n, step in enumerate(steps))
    if len(rows) == 1:
        return step_sheet(steps[0])
    return Sheet(title=plural(len(rows), "step"), notes=tuple(text for _, text in rows))


def step_sheet(step: Step) -> Sheet:
    """One step, with its source."""
    said = (spell.regroup(step.say()), f"Source: {step.cite}")
    return Sheet(title=_title(step), notes=said)


def _title(step: Step) -> str:
    if isinstance(step, TlbLookup):
        return "Hit" if step.hit else "Miss"
    refused = getattr(step, "result", 0)
    done = "Registered" if isinstance(step, TlbInsert) else "Purged"
    return f"Refused: {spell.errno_name(refused)}" if refused else done
