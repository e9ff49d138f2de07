"""Findings of a recording about the designs: one page of 72 columns, for a mail."""

from __future__ import annotations

from collections.abc import Sequence

from xenexplore.analysis.findings import DomainFindings, Findings
from xenexplore.analysis.measures.entries_needed import SHARES
from xenexplore.render.text.recorded.report_costs import cost_lines
from xenexplore.render.text.recorded.report_instructions import executed_lines
from xenexplore.render.text.table import grouped as _n
from xenexplore.render.text.table import heading, paragraph, percent, table

__all__ = ["report_text"]

_TOP_CALLS = 3
_RARE = 0.001
_POLICIES = {"lru": "LRU", "fifo": "FIFO", "refuse": "full refuses"}


def report_text(findings: Findings) -> str:
    """The report, ending in a newline."""
    kind = "Recording" if findings.recorded else "SYNTHETIC workload"
    lines = heading(f"{kind} {findings.source}: hypercall buffers and how they are found", "=")
    lines += _about(findings)
    shown = [one for one in findings.domains if one.coverage.accesses]
    lines += _places(shown)
    lines += _ranges(shown)
    lines += _entries(shown)
    lines += _repeats(shown)
    if findings.executed is not None:
        lines += executed_lines(findings.executed)
    lines += cost_lines(findings, shown)
    lines += _limits(findings)
    return "\n".join(lines) + "\n"


def kind_of(domain: DomainFindings) -> str:
    """``PV``, or what Xen calls HVM and cannot tell from PVH."""
    return "PV" if domain.coverage.kind == "pv" else "HVM or PVH"


def _about(findings: Findings) -> list[str]:
    parts = []
    for domain in findings.domains:
        ops = domain.fast.ops
        often: dict[str, int] = {}
        for op in ops:
            often[op.name] = often.get(op.name, 0) + op.calls
        top = sorted(often.items(), key=lambda item: (-item[1], item[0]))[:_TOP_CALLS]
        words = ", ".join(f"{name} {percent(count, domain.fast.calls)}" for name, count in top)
        parts += paragraph(
            f"{domain.coverage.name} ({kind_of(domain)}): {_n(domain.coverage.hypercalls)} "
            f"hypercalls ({words}), {_n(domain.coverage.accesses)} guest accesses in them",
            2,
            2,
        )
    if findings.repeats:
        parts += paragraph(f"{findings.repeats} accesses left out: logged twice, walked once", 2, 2)
    return parts


def _row(label: str, cells: Sequence[str]) -> list[str]:
    return [label, *cells]


def _places(shown: Sequence[DomainFindings]) -> list[str]:
    order: dict[str, int] = {}
    for domain in shown:
        for group in domain.coverage.groups:
            order[group.name] = order.get(group.name, 0) + group.accesses
    rows = [["share of accesses (and distinct pages)"] + [d.coverage.name for d in shown]]
    rare = [name for name in order if not any(_is_seen(domain, name) for domain in shown)]
    for name in sorted(order, key=lambda name: (-order[name], name)):
        if name in rare:
            continue
        cells = []
        for domain in shown:
            found = [group for group in domain.coverage.groups if group.name == name]
            cells.append(f"{percent(found[0].share)} ({found[0].pages})" if found else "-")
        rows.append(_row(f"  {name}", cells))
    less = paragraph(f"below 0.1%: {', '.join(rare)}", 4, 2) if rare else []
    return [
        "",
        "WHERE THE BUFFERS ARE",
        *table(rows, "l" + "r" * len(shown), indent=2),
        *less,
    ]


def _is_seen(domain: DomainFindings, name: str) -> bool:
    """Whether a group has a share that is worth a line."""
    return any(group.name == name and group.share >= _RARE for group in domain.coverage.groups)


def _ranges(shown: Sequence[DomainFindings]) -> list[str]:
    covers = [domain.coverage for domain in shown]
    rows = [
        ["registered, cumulative"] + [cover.name for cover in covers],
        _row("  directmap, one entry", [percent(c.directmap) for c in covers]),
        _row("  + kernel image", [percent(c.with_image) for c in covers]),
        _row("  + hardirq stack, one entry", [percent(c.with_irq) for c in covers]),
        _row("  + vmalloc'ed task stacks", [percent(c.with_stacks) for c in covers]),
        _row("  whole stacks per task: entries", [_n(c.stacks.task_entries) for c in covers]),
        _row("  stacks per vCPU: changes (at least)", [_n(c.stacks.changes) for c in covers]),
        _row("    as calls to purge and register", [_n(c.stacks.vcpu_exits) for c in covers]),
    ]
    return [
        "",
        "COVERAGE OF REGISTERED RANGES (share of accesses inside them)",
        *table(rows, "l" + "r" * len(shown), indent=2),
        *paragraph(f"Without the busiest hypercall: {_without(shown)}.", 2),
    ]


def _without(shown: Sequence[DomainFindings]) -> str:
    """The same shares for all other hypercalls: how much one of them decides."""
    covers = [domain.coverage for domain in shown]
    return "; ".join(
        f"{cover.name} ({cover.busiest}) "
        + " / ".join(percent(share) for share in cover.without_busiest)
        for cover in covers
    )


def _entries(shown: Sequence[DomainFindings]) -> list[str]:
    head = "90 / 99 / 99.9 / 100%"
    rows = [[f"entries for {head}"] + [d.coverage.name for d in shown]]
    for index, needed in enumerate(shown[0].entries if shown else ()):
        cells = [
            " / ".join("-" if n is None else _n(n) for n in domain.entries[index].needed)
            for domain in shown
        ]
        rows.append(_row(f"  {needed.unit}", cells))
    for index, curve in enumerate(shown[0].curves if shown else ()):
        cells = []
        for domain in shown:
            found = domain.curves[index]
            sizes = [found.smallest(float(share)) for share in SHARES]
            cells.append(" / ".join("-" if n is None else _n(n) for n in sizes))
        rows.append(_row(f"  pages, on a miss, {_POLICIES[curve.policy]}", cells))
    lines = ["", "HOW MANY ENTRIES", *table(rows, "l" + "r" * len(shown), indent=2)]
    lines += paragraph(
        "The first three: chosen in hindsight, a lower bound for a guest that registers in "
        "advance. On a miss: first uses count as misses. -: not attainable.",
        2,
    )
    return lines


def _repeats(shown: Sequence[DomainFindings]) -> list[str]:
    rows = [["accesses as 4 KiB pieces, buffers, calls"] + [d.coverage.name for d in shown]]
    near = [percent(d.locality.saved, d.locality.pieces) for d in shown]
    rows.append(_row("  pieces served by the last walk", near))
    kept = [
        f"{percent(d.kept.served, d.kept.pieces)}, {_n(d.kept.stale) if d.kept.checked else '?'}"
        for d in shown
    ]
    rows.append(_row("  kept until a switch: served, stale", kept))
    crossing = [f"{d.sizes.crossing} of {_n(d.sizes.buffers)}" for d in shown]
    rows.append(_row("  buffers that cross a page", crossing))
    rows.append(_row("  bytes of a call: 99% / max", [
        f"{_n(d.sizes.percentiles[1])} / {_n(d.sizes.call_bytes)}" for d in shown
    ]))  # fmt: skip
    fast = [percent(d.fast.covered, d.fast.calls) for d in shown]
    rows.append(_row("  calls that fit in registers (ours)", fast))
    outside = [f"{_n(c.outside)} ({percent(c.outside_directmap)})" for c in
               (d.coverage for d in shown)]  # fmt: skip
    rows.append(_row("  outside calls (in directmap)", outside))
    return ["", "REPEATS AND SIZES", *table(rows, "l" + "r" * len(shown), indent=2)]


def _limits(findings: Findings) -> list[str]:
    what = "Recorded" if findings.recorded else "SYNTHETIC, not recorded"
    words = "; ".join(findings.limits)
    if findings.repeats:
        words += f"; {findings.repeats} accesses, logged twice, count once"
    return ["", *paragraph(f"Limits. {what}: {words}." if words else f"Limits. {what}.")]
