"""Summary of a recording, as text for a mail."""

from __future__ import annotations

from collections.abc import Iterable

from xenexplore.recording.contents.summary import (
    DomainSummary,
    OutsideCount,
    SizeCount,
    Summary,
    summarise,
)
from xenexplore.recording.format.columns import Recording
from xenexplore.render.text.table import grouped, heading, listed, paragraph, table

__all__ = ["recording_text", "summary_text"]

_DIRECTIONS = {
    "from": "from the guest",
    "to": "to the guest",
    "clr": "cleared",
    "Hfrom": "from the guest (HVM)",
    "Hto": "to the guest (HVM)",
    "Hclr": "cleared (HVM)",
}
_PLACES = 3
_SIZES = 10
_OUTSIDE = 8


def recording_text(recording: Recording) -> str:
    """The summary of a recording, its kernel's symbols not known."""
    return summary_text(summarise(recording))


def summary_text(summary: Summary) -> str:
    """The text view of a summary, ending in a newline."""
    lines = heading(f"Recording {summary.source}", "=")
    lines += paragraph(
        f"{grouped(summary.hypercalls)} hypercalls; {grouped(summary.accesses_inside)} guest "
        f"accesses inside them, {grouped(summary.accesses_outside)} outside; "
        f"{grouped(summary.walks)} walks recorded."
    )
    if summary.unknown_calls:
        one = summary.unknown_calls == 1
        lines += paragraph(
            f"{grouped(summary.unknown_calls)} hypercall{' has' if one else 's have'} a number "
            "or sub-op that is not in the catalogue (shown with ?) or reached no handler."
        )
    for domain in summary.domains:
        lines += ["", *_domain(domain)]
    lines += [""]
    lines += paragraph(
        "A buffer is the range covered by adjoining accesses of one hypercall in one direction. "
        "Every figure is for this recording: one workload on one machine, not every system."
    )
    return "\n".join(lines) + "\n"


def _domain(domain: DomainSummary) -> list[str]:
    kinds = {"pv": "PV", "hvm": "HVM or PVH"}
    if domain.domain is None:
        name = "domain not recorded"
    else:
        name = f"{domain.domain.name} ({kinds[domain.domain.kind]})"
    calls = "hypercall" if domain.hypercalls == 1 else "hypercalls"
    span = f"{domain.first:.1f} s to {domain.last:.1f} s"
    if domain.hypercalls == 1:
        span = f"at {domain.first:.1f} s"
    lines = heading(f"{name}: {grouped(domain.hypercalls)} {calls}, {span}")
    if domain.tables:
        lines += paragraph(f"{grouped(domain.tables)} distinct CR3", 2)
    lines += _calls(domain)
    lines += _copies(domain)
    lines += _regions(domain)
    lines += _outside(domain.outside)
    lines += _evidence(domain)
    return lines


def _calls(domain: DomainSummary) -> list[str]:
    width = max((len(call.name) for call in domain.calls), default=0)
    count = max((len(grouped(call.count)) for call in domain.calls), default=0)
    lines = []
    for call in domain.calls:
        label = f"{call.name.ljust(width)}  {grouped(call.count).rjust(count)} "
        subs = [f"{sub.name} {grouped(sub.count)}" for sub in call.sub_ops]
        lines += listed(label, subs, 2) if subs else [f"  {label.rstrip()}"]
    return lines


def _copies(domain: DomainSummary) -> list[str]:
    if not domain.copies:
        return []
    rows = [["guest accesses, as recorded", "count", "bytes", "largest"]]
    for copy in domain.copies:
        numbers = (copy.count, copy.bytes, copy.largest)
        rows += [["  " + _DIRECTIONS[copy.direction], *map(grouped, numbers)]]
    lines = ["", *table(rows, "lrrr", indent=2)]
    often = sorted(domain.sizes, key=lambda size: (-size.count, size.low))
    shown = [f"{_size(size)} B: {grouped(size.count)}" for size in often[:_SIZES]]
    if often[_SIZES:]:
        shown.append(f"others: {grouped(sum(size.count for size in often[_SIZES:]))}")
    lines += listed("  sizes", shown, 2)
    if domain.walks:
        lines += [f"    walks  {grouped(domain.walks)}"]
    return lines


def _size(size: SizeCount) -> str:
    if size.low == size.high:
        return grouped(size.low)
    return f"{grouped(size.low)}-{grouped(size.high)}"


def _regions(domain: DomainSummary) -> list[str]:
    if not domain.regions:
        return []
    stack = any(use.on_stack is not None for use in domain.regions)
    head = ["buffers by region", "buffers", "share", "pages", "crossing"]
    rows = [[*head, "on stack"] if stack else head]
    total = sum(use.buffers for use in domain.regions)
    for use in domain.regions:
        whole = use.part_of.removeprefix("kernel ")
        name = f"{use.name} ({whole})" if whole else use.name
        row = [
            f"  {name}",
            grouped(use.buffers),
            f"{100 * use.buffers / total:.1f}%",
            grouped(use.pages),
            grouped(use.crossing),
        ]
        rows.append([*row, grouped(use.on_stack or 0)] if stack else row)
    lines = ["", *table(rows, "lrrrrr"[: len(rows[0])], indent=2)]
    for use in domain.regions:
        if use.places:
            shown = [f"{name} {grouped(count)}" for name, count in use.places[:_PLACES]]
            if use.places[_PLACES:]:
                rest = sum(count for _, count in use.places[_PLACES:])
                shown.append(f"others {grouped(rest)}")
            lines += listed(f"in {use.name}:", shown, 4)
    return lines


def _outside(outside: Iterable[OutsideCount]) -> list[str]:
    found = list(outside)
    if not found:
        return []
    rows = [["Xen's own accesses, outside hypercalls", "bytes", "count"]]
    for use in found[:_OUTSIDE]:
        name = f"  {_DIRECTIONS[use.direction]}, {use.region}"
        rows.append([name, grouped(use.size), grouped(use.count)])
    if found[_OUTSIDE:]:
        rows.append(["  others", "", grouped(sum(use.count for use in found[_OUTSIDE:]))])
    return ["", *table(rows, "lrr", indent=2)]


def _evidence(domain: DomainSummary) -> list[str]:
    if domain.space is None or not domain.copies:
        return []  # no buffer was placed
    lines = ["", "  how the regions were determined"]
    for what, how in domain.space.layout.evidence:
        lines += paragraph(f"{what}: {how}", 4, 2)
    if domain.space.symbols is None:
        lines += paragraph(
            "no symbols: the image's sections and variables are not distinguished", 4
        )
    return lines
