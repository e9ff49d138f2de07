"""The report's table of designs: what each costs per hypercall that it carries."""

from __future__ import annotations

from collections.abc import Sequence

from xenexplore.analysis.findings import DomainFindings, Findings
from xenexplore.analysis.measures.cost import CostTable, CostUnit
from xenexplore.analysis.replay.replayed import Replayed
from xenexplore.render.text.recorded.report_instructions import saved_lines
from xenexplore.render.text.table import WIDTH, grouped, paragraph, table

__all__ = ["cost_lines"]

_ORDERS = {0: "4 KiB", 9: "2 MiB", 18: "1 GiB"}
_SIDE_BY_SIDE = 2
_UNITS = {CostUnit.INSTRUCTIONS: "insns", CostUnit.NS: "ns"}


def cost_lines(findings: Findings, shown: Sequence[DomainFindings]) -> list[str]:
    """Reads, compares and instructions of each design, domains side by side."""
    lines = ["", "COST OF EACH DESIGN, per supported hypercall"]
    able = [domain for domain in shown if domain.walked]
    pv = [domain.coverage.name for domain in shown if domain.coverage.kind == "pv"]
    for start in range(0, len(able), _SIDE_BY_SIDE):
        lines += _table(findings, able[start : start + _SIDE_BY_SIDE])
    if pv:
        lines += paragraph(
            f"{', '.join(pv)} is PV: Xen dereferences the address and the CPU walks; "
            "every other option refuses PV.", 2,
        )  # fmt: skip
    unpaged = [domain.coverage.name for domain in shown if domain.unpaged]
    if unpaged:
        lines += paragraph(
            f"{', '.join(unpaged)} made its hypercalls without paging: Xen walked nothing for "
            "them, so that no design saves a walk.", 2,
        )  # fmt: skip
    if not able:
        return lines
    shape = findings.shape
    lines += paragraph(
        "reads: page-table and P2M entries and list elements that Xen reads to find the bytes "
        f"(P2M of {_ORDERS[shape.p2m_order]} pages; guest: 2 MiB leaves in directmap and image, "
        "else 4 KiB: assumed, not recorded). cmp: entries compared, scanning slots in order of "
        "registration. In brackets: entries; software-tlb and gfn-lists have directmap, image "
        "and, in hindsight, each stack page used. phys-twins changes only accesses outside "
        "hypercalls. For the guest's own work see --json.",
        2,
    )
    lines += _priced(findings)
    if findings.costs.unit is CostUnit.INSTRUCTIONS:
        for start in range(0, len(able), _SIDE_BY_SIDE):
            lines += saved_lines(findings, able[start : start + _SIDE_BY_SIDE])
    return lines


def _priced(findings: Findings) -> list[str]:
    """Lines about the last column's unit, and the cost of a scan by it."""
    costs, even = findings.costs, findings.break_even
    lines = []
    if costs.unit is CostUnit.INSTRUCTIONS:
        lines += paragraph(
            f"insns: counts times {costs.origin}: {_words(costs, 'copies', 'a copy')}, "
            f"{_words(costs, 'walks', 'a walk')} and {_words(costs, 'pte_reads', 'an entry')}, "
            f"{_words(costs, 'p2m_lookups', 'a P2M lookup')}, "
            f"{_words(costs, 'tlb_compares', 'a compare')} (ours, compiled: see "
            "xenexplore record --lookup). Instructions, not time.", 2,
        )  # fmt: skip
    elif costs.guesses:
        lines += paragraph(
            f"ns: counts times {costs.origin}; {costs.guesses} of its {len(costs.costs)} "
            f"numbers are GUESSES (an exit: {costs.of('exits'):.0f}). Compare the "
            "counts; change the guesses with --costs.", 2,
        )  # fmt: skip
    else:
        lines += paragraph(f"ns: counts times {costs.origin}.", 2)
    lines += paragraph(
        f"Break-even: a hit saves {even[0].reads} reads with 4 KiB over 4 KiB, "
        f"{even[1].reads} with 2 MiB over 2 MiB, {even[2].reads} "
        f"with 1 GiB over 1 GiB; by these {_UNITS[costs.unit]} a scan may compare about "
        f"{even[0].compares}, {even[1].compares} or {even[2].compares} entries before "
        "it costs as much as the walk.",
        2,
    )
    return lines


def _words(costs: CostTable, name: str, what: str) -> str:
    return f"{what} {costs.of(name):.0f}"


def _table(findings: Findings, domains: Sequence[DomainFindings]) -> list[str]:
    over, head = [""], ["design (entries)"]
    for domain in domains:
        over += [domain.coverage.name, "", "", ""]
        head += ["refused", "reads", "cmp", _UNITS[findings.costs.unit]]
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
    carried = one.carried
    if not carried:
        return ["all", "", "", ""]
    counts = one.counts
    refused = grouped(one.refused) if one.refused else "-"
    price = findings.costs.price(one.by_memory) / carried
    least = ">" if findings.costs.least(counts) else ""
    compares = f"{counts.tlb_compares / carried:.1f}" if counts.tlb_compares else "-"
    return [refused, f"{one.reads_per_call:.1f}", compares, f"{least}{price:.0f}"]
