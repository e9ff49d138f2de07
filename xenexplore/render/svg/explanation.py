"""View of a step's meaning: its sentence, the rule behind it, counts so far, notes."""

from __future__ import annotations

from xenexplore.hypervisor.outcome import Counts
from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.text_metrics import Span, wrapped
from xenexplore.render.views.moment import Moment

__all__ = ["COUNTED", "capitalised", "draw_explanation"]

#: Fields of Counts, and what a table calls them.
COUNTED = (
    ("exits", "exits"),
    ("copies", "copies"),
    ("walks", "walks"),
    ("pte_reads", "page-table reads"),
    ("p2m_lookups", "P2M lookups"),
    ("p2m_entry_reads", "P2M entry reads"),
    ("tlb_lookups", "TLB lookups"),
    ("tlb_hits", "TLB hits"),
    ("tlb_compares", "TLB compares"),
    ("tlb_inserts", "registrations"),
    ("tlb_purges", "purges"),
    ("list_reads", "list reads"),
    ("bytes_from_guest", "bytes from guest"),
    ("bytes_to_guest", "bytes to guest"),
    ("register_bytes", "bytes in registers"),
    ("guest_translations", "guest translations"),
    ("guest_bytes_copied", "guest bytes copied"),
    ("guest_bytes_written", "guest bytes written"),
    ("flips", "encryption flips"),
    ("unchecked", "unchecked accesses"),
)
_COLUMN = 46.0


def draw_explanation(
    canvas: Canvas, moment: Moment, before: Moment | None, box: tuple[float, float, float]
) -> float:
    """Draw the words and numbers of a moment.

    Args:
        canvas: drawn on.
        moment: the moment.
        before: the one before it, to tell which counts the step changes; or None.
        box: x, y and width.

    Returns:
        y of the lower end.
    """
    x, y, width = box
    for line in wrapped(moment.sentence, 16, width):
        y += 22
        canvas.text(x, y, line, size=16)
    y += 6
    for line in wrapped(moment.cite, 11.5, width) if moment.cite else ():
        y += 16
        canvas.text(x, y, line, size=11.5, role="quiet")
    y = _counts(canvas, moment, before, (x, y + 34, width))
    if moment.notes:
        y += 34
        canvas.heading(x, y, "Worth noticing")
        y += 8
        for note in moment.notes:
            for line in wrapped(capitalised(note), 12.5, width):
                y += 18
                canvas.text(x, y, line, size=12.5)
            y += 6
    return y


def capitalised(sentence: str) -> str:
    """A sentence with a capital at its beginning, unless that is a name such as vCPU."""
    first = sentence.split(" ", 1)[0]
    return sentence[:1].upper() + sentence[1:] if first.islower() else sentence


def _counts(
    canvas: Canvas, moment: Moment, before: Moment | None, box: tuple[float, float, float]
) -> float:
    x, y, width = box
    rows = [
        (name, what, getattr(moment.once, name), getattr(moment.counts, name))
        for name, what in COUNTED
        if getattr(moment.once, name) or getattr(moment.counts, name)
    ]
    canvas.heading(x, y, "So far")
    once = any(row[2] for row in rows)
    right, left = x + width, x + width - _COLUMN
    if once:
        canvas.text(left, y, "once", size=11.5, role="quiet", anchor="end")
        canvas.text(right, y, "calls", size=11.5, role="quiet", anchor="end")
    if not rows:
        canvas.text(x, y + 24, "nothing yet", size=12.5, role="quiet")
        return y + 30
    y += 10
    for name, what, set_up, calls in rows:
        canvas.rule(x, y, x + width, stroke="faint")
        y += 24
        changed = before is not None and (
            _at(before.once, name) != set_up or _at(before.counts, name) != calls
        )
        role = "now" if changed else "ink"
        canvas.text(x, y - 7.5, (Span(text=what, bold=changed),), size=12.5, role=role)
        numbers = ((left, set_up), (right, calls)) if once else ((right, calls),)
        for at, value in numbers:
            number = Span(text=f"{value:,}", bold=changed)
            canvas.text(at, y - 7.5, (number,), size=12.5, role=role, anchor="end")
    return y


def _at(counts: Counts, name: str) -> int:
    return int(getattr(counts, name))
