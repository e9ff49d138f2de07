"""Instructions that Xen executed for recorded hypercalls, and each design's savings."""

from __future__ import annotations

from collections.abc import Sequence

from xenexplore.analysis.findings import DomainFindings, Findings
from xenexplore.analysis.measures.instructions import DomainInstructions, Instructions, Pieces
from xenexplore.analysis.replay.replayed import Replayed
from xenexplore.render.text.table import grouped, paragraph, percent, table

__all__ = ["executed_lines", "piece_lines", "saved_lines"]

_SIZES = {1: "4 KiB", 2: "2 MiB"}


def executed_lines(found: Instructions) -> list[str]:
    """Means per hypercall, shares, and the pieces, with the emulator's artefact shown."""
    domains = found.domains
    rows = [["mean per hypercall"] + [domain.name for domain in domains]]

    def row(label: str, attribute: str) -> None:
        means = [getattr(one.total, attribute) / one.total.calls for one in domains]
        rows.append([label, *(f"{mean:,.0f}" for mean in means)])

    row("  from VM exit to VM entry", "exit_to_entry")
    if found.decoding:
        row("  - decoding VMMCALL (artefact)", "decode")
        row("  = corrected", "corrected")
    row("  in the handler", "handler")
    for what, part in (("in copies", "copies"), ("in walks", "walks")):
        rows.append([f"  {what}, {_of(found)}", *(_shares(found, one, part) for one in domains)])
    rows.append(["  counted, and left out", *(
        f"{grouped(one.total.calls)}, {grouped(one.left_out)}" for one in domains
    )])  # fmt: skip
    lines = ["", "EXECUTED BY XEN (instructions)"]
    lines += table(rows, "l" + "r" * len(domains), indent=2)
    lines += piece_lines(found.pieces)
    if found.decoding:
        words = (
            "Artefact: the emulated CPU does not save the next RIP (NRIP), so Xen decodes "
            "VMMCALL with a walk of its own; hardware does not incur this, and the shares "
            "exclude it."
        )
    else:
        words = (
            "The software decoding of VMMCALL, an artefact of the emulated CPU, was not counted "
            "separately in this recording: shares are of the handler alone."
        )
    lines += paragraph(
        f"{words} Left out: calls during which Xen handled an interrupt or switched vCPUs. "
        "Instructions are not time.", 2,
    )  # fmt: skip
    return lines


def _of(found: Instructions) -> str:
    return "of these two" if found.decoding else "of the handler"


def _shares(found: Instructions, one: DomainInstructions, part: str) -> str:
    of_handler = percent(one.total.share(part, "handler"))
    return f"{percent(one.total.share(part))}, {of_handler}" if found.decoding else of_handler


def piece_lines(pieces: Pieces) -> list[str]:
    """Least, median and most of each piece."""
    rows = [["a piece: min/median/max"]]
    for level, spread in pieces.walks.items():
        rows.append([f"  walk of a {_SIZES[level]} page: {spread}"])
    rows.append([f"  P2M lookup of the frame found: {pieces.p2m}"])
    for way, spread in pieces.copies.items():
        rows.append([f"  copy ({way}) apart from these two: {spread}"])
    if pieces.mappings is not None:
        rows.append([f"  of a whole copy, in map_domain_page(): {pieces.mappings}"])
    if pieces.entry is not None:
        rows.append([f"  exit to entry apart from handler and decoding: {pieces.entry}"])
    return table(rows, "l", indent=2)


def saved_lines(findings: Findings, able: Sequence[DomainFindings]) -> list[str]:
    """Instructions that each design saves against today's walk, per call and in total."""
    costs = findings.costs
    rows = [["", *(cell for domain in able for cell in (domain.coverage.name, ""))],
            ["design", *("per call", "total") * len(able)]]  # fmt: skip
    bounded = False
    for index, first in enumerate(able[0].replays):
        ones = [domain.replays[index] for domain in able]
        if all(one.refused == one.hypercalls for one in ones):
            continue
        cells = [cell for one in ones for cell in _saved(findings, one)]
        bounded = bounded or any(cell.startswith("<") for cell in cells)
        rows.append([first.design.label, *cells])
    lines = ["", f"SAVED BY EACH DESIGN ({costs.unit.value} of Xen, against today's walk)"]
    lines += table(rows, "l" + "rr" * len(able), indent=2)
    words = "Total: over all hypercalls; refused ones are made as today."
    if bounded:
        words += (
            " <: at most; list elements, register arguments and insertions have no posted patch "
            "to measure, and are left out."
        )
    lines += paragraph(words, 2)
    return lines


def _saved(findings: Findings, one: Replayed) -> tuple[str, str]:
    if not one.carried:
        return "-", "-"
    costs = findings.costs
    saved = costs.saved(one)
    mark = "<" if costs.least(one.counts) else ""
    return f"{mark}{saved / one.carried:,.0f}", f"{mark}{saved / 1e6:,.1f} M"
