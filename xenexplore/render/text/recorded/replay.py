"""Designs replayed over a recording, as a table of counts."""

from __future__ import annotations

from collections.abc import Sequence

from xenexplore.analysis.replay.replayed import AccessVerdict, Replayed
from xenexplore.analysis.replay.replays import Replays
from xenexplore.analysis.replay.sampled import METHOD, Stepped
from xenexplore.analysis.sweep import SweepTable, table_text
from xenexplore.analysis.workload.tables import Workload
from xenexplore.render.text.table import grouped, heading, paragraph, table

__all__ = ["replay_text", "replays_text", "sweep_text"]

_SHOWN = (
    ("exits", "exits"),
    ("walks", "walks"),
    ("pte_reads", "guest entries read"),
    ("p2m_lookups", "P2M lookups"),
    ("p2m_entry_reads", "P2M entries read"),
    ("tlb_lookups", "searches of registered buffers or remembered walks"),
    ("tlb_hits", "  that hit"),
    ("tlb_compares", "  entries compared"),
    ("list_reads", "list elements read"),
    ("bytes_from_guest", "bytes from the guest"),
    ("bytes_to_guest", "bytes to the guest"),
    ("register_bytes", "bytes in registers"),
    ("guest_translations", "guest: translations"),
    ("guest_bytes_copied", "guest: bytes copied"),
    ("guest_bytes_written", "guest: bytes written"),
    ("unchecked", "pieces without today's checks"),
)
_REASONS = 3


def replays_text(replays: Replays) -> str:
    """Replays with the workload that they are of."""
    return replay_text(replays.workload, replays.rows)


def sweep_text(rows: SweepTable) -> str:
    """A sweep as CSV."""
    return table_text(rows)


def replay_text(workload: Workload, replays: Sequence[Replayed | Stepped]) -> str:
    """One block for each domain and design, ending in a newline."""
    lines = heading(f"{workload.source} replayed", "=")
    for one in replays:
        block = _one(workload, one) if isinstance(one, Replayed) else _stepped(workload, one)
        lines += ["", *block]
    unpaged = [workload.domains[index].name for index in sorted(workload.unpaged)]
    if unpaged:
        lines += ["", *paragraph(
            f"{', '.join(unpaged)} made its hypercalls without paging: not replayed, since Xen "
            "walked nothing for them."
        )]  # fmt: skip
    words = "; ".join(workload.limits)
    kind = "Recorded" if workload.recorded else "SYNTHETIC, not recorded"
    lines += ["", *paragraph(f"{kind}: {words}." if words else f"{kind}.")]
    lines += paragraph(
        "The guest's work is counted per buffer, and adjoining buffers of a call count as one: "
        "a lower bound."
    )
    return "\n".join(lines) + "\n"


def _stepped(workload: Workload, one: Stepped) -> list[str]:
    """Totals of the step-by-step machine: exact, or estimates with their intervals."""
    name = workload.domains[one.domain].name
    lines = heading(f"{one.design.label}, {name}: {grouped(one.hypercalls)} hypercalls")
    if one.refused:
        lines.append(f"  refused: {'' if one.exact else 'about '}{grouped(one.refused)}")
        for reason, count in one.why[:_REASONS]:
            lines += paragraph(f"{grouped(count)}: {reason}", 4, 2)
    rows = []
    for field, words in (*_SHOWN, ("failed", "copies that failed")):
        total = one.failed if field == "failed" else getattr(one.counts, field)
        low, high = one.intervals.get(field, (total, total))
        if total or high:
            between = "" if one.exact else f"{grouped(round(low))} to {grouped(round(high))}"
            rows.append([words, grouped(total), between])
    if one.exact:
        rows = [row[:2] for row in rows]
        said = "Step by step: every hypercall, in order."
    else:
        said = (
            f"Step by step: {one.sampled} hypercalls of {one.strata} strata, seed {one.seed}; "
            f"{METHOD}."
        )
    body = table(rows, "lr" if one.exact else "lrr", indent=2) if rows else []
    return [*lines, *body, *paragraph(said, 2, 2)]


def _one(workload: Workload, one: Replayed) -> list[str]:
    name = workload.domains[one.domain].name
    lines = heading(f"{one.design.label}, {name}: {grouped(one.hypercalls)} hypercalls")
    if one.refused:
        lines.append(f"  refused: {grouped(one.refused)}")
        for reason, count in one.why[:_REASONS]:
            lines += paragraph(f"{grouped(count)}: {reason}", 4, 2)
    verdicts = [int((one.verdicts.verdict == verdict).sum()) for verdict in AccessVerdict]
    rows = [
        [f"accesses: {verdict.name.lower()}", grouped(count)]
        for verdict, count in zip(AccessVerdict, verdicts, strict=True)
        if count
    ]
    if one.entries:
        rows.append(["entries registered (one exit each)", grouped(one.entries)])
    for field, words in _SHOWN:
        count = getattr(one.counts, field)
        if count:
            rows.append([words, grouped(count)])
    return [*lines, *table(rows, "lr", indent=2)]
