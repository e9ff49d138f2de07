"""Options side by side: what came of each, what it took, where it first does something else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from xenexplore.hypervisor.outcome import Outcome
from xenexplore.render.drawing.canvas import Canvas
from xenexplore.render.drawing.text_metrics import Span, width_of, wrapped
from xenexplore.render.drawing.theme import Theme
from xenexplore.render.svg.explanation import COUNTED
from xenexplore.render.svg.head import MARGIN, draw_status
from xenexplore.render.text.run.trace import guest_line
from xenexplore.render.views.comparison import Side, sides_of
from xenexplore.scenario.run.comparison import Comparison
from xenexplore.steps import Status

__all__ = ["draw_comparison"]

_NAMES = 148.0
_LEAST = 1170.0
_COLUMN = 132.0
_GAP = 16.0
_ROW = 31.0


def draw_comparison(comparison: Comparison, theme: Theme) -> Canvas:
    """Draw a comparison.

    Args:
        comparison: the runs.
        theme: its colours.
    """
    sides = sides_of(comparison)
    count = max(1, len(sides))
    width = max(_LEAST, 2 * MARGIN + _NAMES + count * (_COLUMN + _GAP))
    about = comparison.about
    title = f"{about.title}: {count} option{'' if count == 1 else 's'} side by side"
    canvas = Canvas(theme, f"xe-{about.name}-comparison", title, width=width)
    canvas.desc = " ".join(f"{side.label}: {side.status}." for side in sides)
    return _Table(canvas, comparison, sides).draw()


class _Table:
    def __init__(self, canvas: Canvas, comparison: Comparison, sides: Sequence[Side]) -> None:
        self.canvas, self.comparison, self.sides = canvas, comparison, sides
        self.right = canvas.width - MARGIN
        room = canvas.width - 2 * MARGIN - _NAMES
        self.slot = min(260.0, room / max(1, len(sides)))
        self.column = self.slot - _GAP
        self.y = 0.0

    def draw(self) -> Canvas:
        """The head, then row by row."""
        self._head()
        self._options()
        self._outcomes()
        for name, value, bad in _measures(self.sides):
            self._bars(name, value, bad=bad)
        hazards = [", ".join(dict.fromkeys(s.trace.outcome.hazards)) or "none" for s in self.sides]
        if any(text != "none" for text in hazards):
            self._texts("hazards observed", hazards, ["none"], role="bad")
        self._texts("how memory is found", [_way(side) for side in self.sides], [])
        if len(self.sides) > 1:
            texts = [_difference(place, side) for place, side in enumerate(self.sides)]
            self._texts("first step that differs", texts, [texts[0], _SAME])
        failed = ["; ".join(side.failed) for side in self.sides]
        if any(failed):
            self._texts("expectations that do not hold", failed, [], role="bad")
        self.canvas.height = round(self.y + MARGIN)
        return self.canvas

    def _x(self, place: int) -> float:
        return MARGIN + _NAMES + place * self.slot

    def _head(self) -> None:
        canvas, about = self.canvas, self.comparison.about
        guest = ""
        if self.comparison.rows:
            guest = guest_line(self.comparison.rows[0].trace).replace(", ", " · ")
        canvas.text(self.right, 40, guest, size=12.5, role="quiet", anchor="end")
        room = self.right - MARGIN - width_of(guest, 12.5) - 30
        for place, line in enumerate(wrapped(about.title, 18, room, most=2, bold=True)):
            self.y = 40.0 + 24 * place
            canvas.text(MARGIN, self.y, line, size=18)
        count = len(self.sides)
        said = f"{count} option{'' if count == 1 else 's'}, one scenario: {about.name}"
        self.y += 24
        canvas.text(MARGIN, self.y, said, size=13, role="quiet")
        self.y += 16
        canvas.rule(MARGIN, self.y, self.right)

    def _options(self) -> None:
        lines = [
            wrapped(f"{side.ident} {side.label}", 13, self.column, most=3) for side in self.sides
        ]
        for place, found in enumerate(lines):
            for down, line in enumerate(found):
                # The option's number is bold, its label is not.
                ident = self.sides[place].ident
                spans: list[Span] = list(line)
                if down == 0 and spans and spans[0].text.startswith(ident):
                    rest = Span(text=spans[0].text.removeprefix(ident))
                    spans[:1] = [Span(text=ident, bold=True), rest]
                self.canvas.text(self._x(place), self.y + 26 + 17 * down, spans, size=13)
        self.y += 20 + 17 * max(len(found) for found in lines)

    def _outcomes(self) -> None:
        top = self.y
        self._name("outcome")
        lower = top + _ROW
        for place, side in enumerate(self.sides):
            x, y = self._x(place), top + 20
            wide = draw_status(self.canvas, side.status, -1000, -1000)
            self.canvas.shapes.pop()
            draw_status(self.canvas, side.status, x + wide, y)
            for line in wrapped(_detail(side), 11.5, self.column, most=7):
                y += 15
                self.canvas.text(x, y, line, size=11.5, role="quiet")
            lower = max(lower, y + 11)
        self.y = lower
        if any(side.result not in ("", "0") for side in self.sides):
            self._texts("the call returns", [side.result or _NONE for side in self.sides], [])

    def _name(self, name: str) -> None:
        self.canvas.rule(MARGIN, self.y, self.right, stroke="faint")
        for down, line in enumerate(wrapped(name, 12, _NAMES - 14, most=2)):
            self.canvas.text(MARGIN, self.y + 20 + 15 * down, line, size=12, role="quiet")

    def _bars(self, name: str, value: Callable[[Outcome], int], *, bad: bool) -> None:
        self._name(name)
        refused = [side.status is Status.REFUSED for side in self.sides]
        values = [value(side.trace.outcome) for side in self.sides]
        most = max([1, *(v for v, gone in zip(values, refused, strict=True) if not gone)])
        for place, number in enumerate(values):
            x = self._x(place)
            if refused[place]:
                self.canvas.text(x, self.y + 20, _NONE, size=12.5, role="quiet")
                continue
            differs = place > 0 and number != values[0]
            role = "bad" if bad and number else "now" if differs else "quiet"
            shown = Span(text=f"{number:,}", bold=differs or (bad and number > 0))
            ink = role if role == "bad" else "ink"
            self.canvas.text(x, self.y + 20, (shown,), size=12.5, role=ink)
            if number:
                # The difference from the first option is a thicker bar, too.
                thick = 3.0 if differs else 2.0
                length = max(1.0, math.floor((self.column - 8) * number / most))
                self.canvas.rect(x, self.y + 24, length, thick, fill=role)
        self.y += _ROW

    def _texts(
        self, name: str, texts: Sequence[str], quiet: Sequence[str], *, role: str = "ink"
    ) -> None:
        self._name(name)
        deepest = 1
        for place, text in enumerate(texts):
            lines = wrapped(text, 12, self.column, most=9)
            for down, line in enumerate(lines):
                shade = "quiet" if text in quiet else role
                self.canvas.text(self._x(place), self.y + 20 + 16 * down, line, size=12, role=shade)
            deepest = max(deepest, len(lines))
        self.y += max(_ROW, 15 + 16 * deepest)


_SAME = "none, apart from the setup"
_NONE = "\N{EN DASH}"


def _way(side: Side) -> str:
    return _NONE if side.status is Status.REFUSED else side.way


def _difference(place: int, side: Side) -> str:
    if place == 0:
        return "the others are compared with this one"
    if side.status is Status.REFUSED:
        return _NONE
    if side.differs is None:
        return _SAME
    step, says = side.differs
    return says if step is None else f"step {step}: {says}"


def _detail(side: Side) -> str:
    outcome = side.trace.outcome
    if outcome.refusals:
        return outcome.refusals[0]
    if outcome.wrong_bytes:
        return f"{outcome.wrong_bytes:,} bytes wrong, {outcome.right_bytes:,} right"
    return ""


def _measures(
    sides: Sequence[Side],
) -> list[tuple[str, Callable[[Outcome], int], bool]]:
    """The rows of numbers that are not 0 under every option: name, value, whether bad."""
    rows: list[tuple[str, Callable[[Outcome], int], bool]] = []
    for name, what in COUNTED:
        rows.append((what, lambda o, name=name: int(getattr(o.calls, name)), False))  # type: ignore[misc]
    rows += [
        ("bytes wrong", lambda o: o.wrong_bytes, True),
        ("checks lost", lambda o: o.lost_checks, True),
        ("once: exits", lambda o: o.setup.exits, False),
        ("once: flips", lambda o: o.setup.flips, False),
    ]
    return [row for row in rows if any(row[1](side.trace.outcome) for side in sides)]
