"""Match of a recording with the catalogue, as text for a mail."""

from __future__ import annotations

from xenexplore.recording.matching.matching import DomainMatching, Matching, Mismatch, OpMatching
from xenexplore.render.text.table import grouped, heading, listed, paragraph, table

__all__ = ["matching_text"]

_SHOWN = 12  # accesses of an example
_REASONS = 4


def matching_text(judgement: Matching) -> str:
    """The text view of a judgement, ending in a newline."""
    lines = heading(f"Recording {judgement.source}, explained by the catalogue", "=")
    lines += paragraph(
        "For each hypercall the copy plan predicts direction, linear address and length of "
        "every guest access, in order.  exact: the arguments determine them all. free: some "
        "depend on contents of guest memory that are not in the recording; each of these is a "
        "free variable, with one value throughout the call. no: the plan does not allow the "
        "recorded accesses."
    )
    for domain in judgement.domains:
        lines += ["", *_domain(domain)]
    return "\n".join(lines) + "\n"


def _domain(judged: DomainMatching) -> list[str]:
    domain = judged.domain
    kinds = {"pv": "PV", "hvm": "HVM or PVH"}
    name = f"{domain.name} ({kinds[domain.kind]})" if domain is not None else "domain not recorded"
    calls = "hypercall" if judged.hypercalls == 1 else "hypercalls"
    lines = heading(
        f"{name}: {grouped(judged.hypercalls)} {calls}, {grouped(judged.accesses)} accesses"
    )
    share = 100 * (1 - judged.unexplained / judged.hypercalls) if judged.hypercalls else 100.0
    lines += paragraph(
        f"{grouped(judged.exact)} exact, {grouped(judged.free)} up to free variables, "
        f"{grouped(judged.unexplained)} not explained ({share:.3f}% explained)."
    )
    if judged.repeats:
        lines += paragraph(
            f"Left out: {grouped(judged.repeats)} accesses that the recorder logged twice and "
            "Xen made once (no page-table walk of their own)."
        )
    rows = [["", "calls", "accesses", "exact", "free", "no"]]
    for op in judged.ops:
        numbers = (op.calls, op.accesses, op.exact, op.free, op.unexplained)
        rows += [[op.name, *(grouped(number) if number else "-" for number in numbers)]]
    lines += ["", *table(rows, "lrrrrr")]
    lines += _turns(judged.ops)
    for mismatch in judged.mismatches:
        lines += ["", *_mismatch(mismatch)]
    return lines


def _turns(ops: tuple[OpMatching, ...]) -> list[str]:
    """Points where Xen's own state, not the guest, decided what was copied."""
    lines: list[str] = []
    for op in ops:
        if op.unusual:
            shown = [f"{reason} ({grouped(count)})" for reason, count in op.unusual[:_REASONS]]
            lines += paragraph(f"{op.name}: {'; '.join(shown)}", 2, 2)
    return ["", "Branches decided by Xen's own state:", *lines] if lines else []


def _mismatch(mismatch: Mismatch) -> list[str]:
    times = "once" if mismatch.count == 1 else f"{grouped(mismatch.count)} times"
    lines = paragraph(f"{mismatch.verdict} {times}: {mismatch.name}", 0, 2)
    seen = mismatch.example
    args = [f"{value:#x}" for value in seen.call.args]
    lines += listed(f"example: hypercall {seen.row},", args or ["no arguments"], 2)
    for index, (direction, address, size) in enumerate(seen.copies[:_SHOWN]):
        mark = "ok" if index < mismatch.matched else "??"
        lines += [f"    {mark} {direction:5} {address:#x}, {grouped(size)} bytes"]
    if seen.copies[_SHOWN:]:
        lines += [f"    .. {len(seen.copies) - _SHOWN} more"]
    lines += paragraph(f"the plan expected: {mismatch.detail}", 2, 2)
    return lines
