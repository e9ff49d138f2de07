"""The report's table of designs: what each costs per hypercall that it carries."""

from __future__ import annotations

from collections.abc import Sequence

from xenexplore.analysis.findings import DomainFindings, Findings
from xenexplore.analysis.replay.replayed import Replayed
from xenexplore.render.text.table import WIDTH, grouped, paragraph, table

__all__ = ["cost_lines"]

_ORDERS = {0: "4 KiB", 9: "2 MiB", 18: "1 GiB"}
_SIDE_BY_SIDE = 2


def cost_lines(findings: Findings, shown: Sequence[DomainFindings]) -> list[str]:
    """Reads, compares and nanoseconds of each design, domains side by side."""
    lines = ["", "WHAT EACH DESIGN COSTS, per hypercall that it carries"]
    able = [domain for domain in shown if domain.coverage.kind != "pv"]
    pv = [domain.coverage.name for domain in shown if domain.coverage.kind == "pv"]
    for start in range(0, len(able), _SIDE_BY_SIDE):
        lines += _table(findings, able[start : start + _SIDE_BY_SIDE])
    if pv:
        lines += paragraph(
            f"{', '.join(pv)} is PV: Xen dereferences the address and the CPU walks; "
            "every other option refuses PV.", 2,
        )  # fmt: skip
    if not able:
        return lines
    shape = findings.shape
    lines += paragraph(
        f"reads: page-table and P2M entries and list elements that Xen reads to find the "
        f"bytes (P2M of {_ORDERS[shape.p2m_order]} pages; guest: 2 MiB leaves in directmap and "
        "image, else 4 KiB: assumed, not recorded). cmp: entries compared, scanning slots in "
        "order of registration. In brackets: entries; software-tlb and gfn-lists have directmap, "
        "image and, in hindsight, each stack page used. phys-twins changes only accesses "
        "outside hypercalls. The guest's own work: --json.",
        2,
    )
    table_ = findings.costs
    if table_.guesses:
        lines += paragraph(
            f"ns: counts times {table_.origin}; {table_.guesses} of its {len(table_.costs)} "
            f"numbers are GUESSES (an exit: {table_.of('exits'):.0f}). Compare the "
            "counts; change the guesses with --costs.", 2,
        )  # fmt: skip
    else:
        lines += paragraph(f"ns: counts times {table_.origin}.", 2)
    even = findings.break_even[0]
    lines += paragraph(
        f"Break-even: a hit saves {even.reads} reads with 4 KiB over 4 KiB, "
        f"{findings.break_even[1].reads} with 2 MiB over 2 MiB, {findings.break_even[2].reads} "
        f"with 1 GiB over 1 GiB; by these ns a scan may compare about {even.compares}, "
        f"{findings.break_even[1].compares} or {findings.break_even[2].compares} entries before "
        "it costs as much as the walk.",
        2,
    )
    return lines


def _table(findings: Findings, domains: Sequence[DomainFindings]) -> list[str]:
    over, head = [""], ["design (entries)"]
    for domain in domains:
        over += [domain.coverage.name, "", "", ""]
        head += ["refused", "reads", "cmp", "ns"]
    rows = [over, head]
    never = []
    for index, first in enumerate(domains[0].replays):
        if all(domain.replays[index].refused == domain.coverage.hypercalls for domain in domains):
            never.append(first.design.label)
            continue
        cells = [_label(first, domains, index)]
        for domain in domains:
            cells += _cells(findings, domain.replays[index])
        rows.append(cells)
    lines = table(rows, "l" + "rrrr" * len(domains), indent=2, gap=1)
    assert all(len(line) <= WIDTH for line in lines)
    if never:
        lines += paragraph(f"{', '.join(never)}: refuse every call (not specified).", 2)
    return lines


def _label(first: Replayed, domains: Sequence[DomainFindings], index: int) -> str:
    entries = [str(domain.replays[index].entries) for domain in domains]
    if not any(int(number) for number in entries):
        return first.design.label
    return f"{first.design.label} ({'/'.join(dict.fromkeys(entries))})"


def _cells(findings: Findings, one: Replayed) -> list[str]:
    carried = one.hypercalls - one.refused
    if not carried:
        return ["all", "", "", ""]
    counts = one.counts
    refused = grouped(one.refused) if one.refused else "-"
    ns = findings.costs.price(counts) / carried
    compares = f"{counts.tlb_compares / carried:.1f}" if counts.tlb_compares else "-"
    return [refused, f"{one.reads_per_call:.1f}", compares, f"{ns:.0f}"]
