"""A trace as an indented drawing, one line a step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from xenexplore.options.variant import variant_text
from xenexplore.render.text.box import Ink
from xenexplore.render.views import number_format as spell
from xenexplore.render.views.notes import overrun_note
from xenexplore.render.views.rows import StepRow, rows_of
from xenexplore.render.views.step_places import marks_of
from xenexplore.render.views.step_tree import StepTree
from xenexplore.scenario.run.overruns import overruns
from xenexplore.scenario.run.trace import OptionView, Trace
from xenexplore.steps import Move

__all__ = [
    "assumed_line",
    "guest_line",
    "option_line",
    "option_name",
    "trace_text",
    "verdict_lines",
]

_DEEPEST = 8
_STATUS = {
    "right": "right: every byte moved to or from the frame that the caller meant",
    "wrong": "WRONG: bytes {how}, without a fault",
    "error": "error: a copy, a call or a check failed",
    "refused": "refused: not possible under this option",
}


def trace_text(trace: Trace, *, unicode: bool = False, folded: bool = True) -> str:
    """Every step of a trace, with its number and indented under what it belongs to.

    Args:
        trace: what happened.
        unicode: box characters and arrows instead of ASCII.
        folded: shorten runs of steps that repeat each other to one line.
    """
    ink = Ink(unicode=unicode)
    lines = ink.ends(trace.about.name, guest_line(trace))
    lines += ink.paragraph(trace.about.title)
    lines += ink.paragraph(option_line(trace.option), hanging="    ")
    if trace.machine.spec.image is not None:
        lines += ink.paragraph(assumed_line(trace), hanging="    ")
    lines += [ink.rule()]
    digits = len(str(max(len(trace.steps) - 1, 0)))
    rows = rows_of(StepTree(trace.steps), folded=folded)
    guides = ink.guides([min(row.depth, _DEEPEST) for row in rows])
    for row, guide in zip(rows, guides, strict=True):
        lines += _line(ink, row, guide, digits)
    lines += [ink.rule(), *verdict_lines(ink, trace)]
    for at, text in marks_of(trace):
        lines += ink.paragraph(text or "(bookmark)", f"step {at}: ")
    return ink.page(lines)


def _line(ink: Ink, row: StepRow, guide: str, digits: int) -> list[str]:
    number = " " * digits if row.folded else str(row.first).rjust(digits)
    mark = ink.mark(now=False, bad=row.words.tone == "bad")
    lead = f"{number} {mark}{guide}"
    words = row.words
    return ink.row(
        lead, words.label, words.main, side=words.side, aside=words.aside, more=words.more
    )


def guest_line(trace: Trace) -> str:
    """The guest in a few words: ``PVH guest, Linux, 768 MiB, 2 vCPUs, SEV``."""
    spec = trace.machine.spec
    vcpus = "1 vCPU" if spec.vcpus == 1 else f"{spec.vcpus} vCPUs"
    what = spec.kernel if spec.image is None else Path(spec.image.file).name
    parts = [f"{spec.type.upper()} {what}", spell.size(spec.memory), vcpus]
    if spec.encrypted:
        parts.append(spec.encryption.upper())
    return ", ".join(parts)


def assumed_line(trace: Trace) -> str:
    """Assumptions about a guest that is a memory image."""
    spec = trace.machine.spec
    known = [one.value for one in trace.machine.assumed]
    if spec.has_p2m:
        order = {0: "4 KiB", 9: "2 MiB", 18: "1 GiB"}[spec.p2m_order]
        known.append(f"a P2M of plain RAM in {order} entries, mfn = gfn")
    return f"assumed: the call is made in kernel mode; {'; '.join(known)}"


def option_line(option: OptionView) -> str:
    """The option with the parameters that the scenario sets, or else its title."""
    given = ", ".join(f"{key}={_value(value)}" for key, value in option.given)
    return f"{option_name(option)}: {given or option.title}"


def option_name(option: OptionView) -> str:
    """The option, and what the scenario calls this use of it."""
    plain = (option.name, variant_text(option.name, option.given))
    called = "" if option.label in plain else f" ({option.label})"
    return f"{option.ident} {option.name}{called}"


def _value(value: object) -> str:
    if isinstance(value, tuple | list):
        return "+".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def verdict_lines(ink: Ink, trace: Trace) -> list[str]:
    """Lines of the verdict."""
    return [line for text, lead in _verdict(trace) for line in ink.paragraph(text, lead)]


_SPOILT = {
    "ciphertext": "read as ciphertext",
    "garbage": "written over private memory",
    "dropped": "dropped",
}


def _how(trace: Trace) -> dict[str, None]:
    """Fate of bytes that are wrong, in words, in the order in which it first happened."""
    moves = [node.step for node in trace.steps if isinstance(node.step, Move)]
    elsewhere = "moved elsewhere"
    return dict.fromkeys(
        elsewhere if move.meant != move.gpa else _SPOILT[move.spoilt]
        for move in moves
        if not move.right
    )


def _verdict(trace: Trace) -> Iterator[tuple[str, str]]:
    outcome = trace.outcome
    result = "" if outcome.result is None else f" (returns {spell.errno_name(outcome.result)})"
    status = _STATUS.get(outcome.status, outcome.status).format(how=" and ".join(_how(trace)))
    yield status + result, "outcome: "
    if outcome.wrong_bytes:
        yield f"{outcome.wrong_bytes:,} wrong, {outcome.right_bytes:,} right", "bytes:   "
    if outcome.lost_checks:
        yield f"{outcome.lost_checks} that today's walk would have failed", "checks:  "
    for found in dict.fromkeys(map(overrun_note, overruns(trace))):
        yield found, "overrun: "
    if outcome.hazards:
        yield ", ".join(dict.fromkeys(outcome.hazards)), "hazards: "
