"""The head of every figure: what was run, under which option, on which guest, what came of it."""

from __future__ import annotations

from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.text_metrics import Span, fitted, plain, spans_of, width_of, wrapped
from xenexplore.render.text.run.trace import guest_line
from xenexplore.scenario.run.trace import Trace

__all__ = ["MARGIN", "STATUS", "draw_head", "draw_status", "given_of"]

MARGIN = 24.0

#: Outcome: mark, words, role.
STATUS = {
    "right": ("\N{CHECK MARK}", "right", "good"),
    "wrong": ("\N{MULTIPLICATION X}", "wrong bytes", "bad"),
    "error": ("!", "error", "bad"),
    "refused": ("\N{EN DASH}", "refused", "bad"),
}


def draw_head(canvas: Canvas, trace: Trace, corner: str) -> float:
    """Draw the head of a figure about one run.

    Args:
        canvas: drawn on, across its width.
        trace: the run.
        corner: what stands in the upper right corner, e.g. ``"step 7 / 13"``.

    Returns:
        y of the rule below.
    """
    right = canvas.width - MARGIN
    face = (Span(text=corner),)
    canvas.text(right, 40, face, size=13, role="quiet", anchor="end")
    edge = right - width_of(face, 13) - 22
    edge -= draw_status(canvas, trace.outcome.status, edge, 40)
    y = 40.0
    for place, line in enumerate(
        wrapped(trace.about.title, 18, edge - MARGIN - 20, most=2, bold=True)
    ):
        y = 40.0 + 24 * place
        canvas.text(MARGIN, y, line, size=18)
    y += 24
    option = trace.option
    name = (Span(text=plain(option.ident), bold=True), Span(text=" "), *spans_of(option.title))
    canvas.text(MARGIN, y, name, size=13)
    used = MARGIN + width_of(name, 13) + 14
    guest = guest_line(trace).replace(", ", " · ")
    wide = width_of(guest, 12.5)
    canvas.text(right, y, guest, size=12.5, role="quiet", anchor="end")
    given = fitted(given_of(trace), 12.5, right - wide - 20 - used)
    canvas.text(used, y, given, size=12.5, role="quiet")
    canvas.rule(MARGIN, y + 16, right)
    return y + 16


def draw_status(canvas: Canvas, status: str, right: float, y: float, size: float = 13) -> float:
    """Draw an outcome that ends at ``right``; returns its width."""
    mark, word, role = STATUS.get(status, ("", status, "ink"))
    spans = (Span(text=f"{mark} {word}", bold=True),)
    canvas.text(right, y, spans, size=size, role=role, anchor="end")
    return width_of(spans, size)


def given_of(trace: Trace) -> str:
    """The scenario's settings of the option: label and parameters."""
    option = trace.option
    parts = [] if option.label == option.name else [option.label]
    parts += [f"{key} = {_value(value)}" for key, value in option.given]
    return " · ".join(parts)


def _value(value: object) -> str:
    if isinstance(value, tuple | list):
        return ", ".join(map(str, value)) or "none"
    return str(value).lower() if isinstance(value, bool) else str(value)
