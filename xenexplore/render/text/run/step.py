"""One step of a trace, with what led to it."""

from __future__ import annotations

from xenexplore.render.text.box import Ink
from xenexplore.render.text.run.trace import option_line, option_name
from xenexplore.render.text.table import WIDTH
from xenexplore.render.views.moment import Moment, counted, moment_at
from xenexplore.render.views.rows import StepRow
from xenexplore.scenario.run.trace import Trace

__all__ = ["step_text"]

_BEFORE = 16
_AFTER = 5


def step_text(trace: Trace, index: int, *, unicode: bool = False) -> str:
    """One step: what led to it, what it says and why, what has been done so far.

    Args:
        trace: what happened.
        index: the step's number as JSON and every view show it, from 0.
        unicode: box characters and arrows instead of ASCII.

    Raises:
        MachineError: the trace has no such step.
    """
    ink = Ink(unicode=unicode)
    moment = moment_at(trace, index)
    lines = ink.ends(moment.call, trace.about.name)
    lines += _second_line(ink, trace, f"step {moment.number}/{moment.last}")
    lines += [ink.rule()]
    lines += _rows(ink, moment)
    lines += [ink.rule()]
    lines += ink.paragraph(moment.sentence)
    if moment.cite:
        lines += ink.paragraph(f"[{moment.cite}]", "", " ")
    lines += ["", *_so_far(ink, moment)]
    for note in moment.notes:
        lines += ink.paragraph(note, "note: ")
    return ink.page(lines)


def _second_line(ink: Ink, trace: Trace, place: str) -> list[str]:
    """The option with its parameters or title where there is room, else its name."""
    whole = option_line(trace.option)
    if len(whole) + 2 + len(place) > WIDTH:
        whole = option_name(trace.option)
    return ink.ends(whole, place)


def _rows(ink: Ink, moment: Moment) -> list[str]:
    rows, at = moment.rows, moment.current
    start = max(0, at - _BEFORE)
    start = 0 if start <= 2 else start
    end = min(len(rows), at + 1 + _AFTER)
    # One row that is left out would cost as much as it saves.
    end = len(rows) if len(rows) - end == 1 else end
    lines: list[str] = []
    if start:
        lines += _row(ink, rows[0], now=at == 0)
    if start > 1:
        lines += ink.paragraph(f"... {start - 1} rows before", " " * 12)
    for place, row in enumerate(rows[start:end], start):
        lines += _row(ink, row, now=place == at)
    if end < len(rows):
        lines += ink.paragraph(f"... {len(rows) - end} more to come", " " * 12)
    return lines


def _row(ink: Ink, row: StepRow, *, now: bool) -> list[str]:
    words = row.words
    mark = ink.mark(now=now, bad=words.tone == "bad")
    return ink.row(
        f"{mark} {'  ' * row.depth}",
        words.label,
        words.main,
        side=words.side,
        aside=words.aside,
        more=words.more,
    )


def _so_far(ink: Ink, moment: Moment) -> list[str]:
    lines = []
    once = [text for text in counted(moment.once) if not text.startswith("0 ")]
    if once:
        lines += ink.paragraph(", ".join(once), "set up: ")
    return lines + ink.paragraph(", ".join(counted(moment.counts)), "so far: ")
