"""A drawing as a list of shapes, and that list as SVG: same calls, same bytes.

The list is what PNG and PDF are painted from, too.  Coordinates are pixels,
y downwards.  Colours are roles of a :class:`~xenexplore.render.drawing.theme.Theme`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import TypeAlias

from xenexplore.render.drawing.text_metrics import MONO_SCALE, Span, plain, spans_of
from xenexplore.render.drawing.theme import Theme

__all__ = ["Canvas", "Circle", "Command", "Line", "Rect", "Shape", "Text"]

SANS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
MONO = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace"
#: The class of text in the monospaced face: no page's own, where an SVG is inline.
MONO_CLASS = "xe-m"

#: ``("M", x, y)``, ``("L", x, y)``, ``("C", x1, y1, x2, y2, x, y)`` or ``("Z",)``.
Command: TypeAlias = tuple[str, *tuple[float, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rect:
    """A rectangle."""

    x: float
    y: float
    width: float
    height: float
    fill: str = "none"
    stroke: str = "none"
    thick: float = 1.0
    dash: tuple[float, ...] = ()
    radius: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Circle:
    """A circle."""

    x: float
    y: float
    radius: float
    fill: str = "none"
    stroke: str = "none"
    thick: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of straight and curved pieces, or an area."""

    commands: tuple[Command, ...]
    fill: str = "none"
    stroke: str = "none"
    thick: float = 1.0
    dash: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A line of text; ``anchor`` is ``"start"``, ``"middle"`` or ``"end"``."""

    x: float
    y: float
    spans: tuple[Span, ...]
    size: float
    role: str = "ink"
    anchor: str = "start"
    spaced: bool = False


Shape: TypeAlias = Rect | Circle | Line | Text


class Canvas:
    """A drawing.

    Args:
        theme: its colours.
        ident: what its ids begin with.
        title: its name, for readers who do not see it.
        width: in pixels.

    Attributes:
        height: in pixels; set it once all is drawn.
        desc: what it shows, in a sentence or two.
        shapes: what is drawn, the lowest first.
    """

    def __init__(self, theme: Theme, ident: str, title: str, *, width: float) -> None:
        self.theme = theme
        self.ident = ident
        self.title = plain(title)
        self.width = width
        self.height = 0.0
        self.desc = ""
        self.shapes: list[Shape] = []

    def rect(self, x: float, y: float, width: float, height: float, **given: object) -> None:
        """Draw a rectangle; further arguments as for :class:`Rect`."""
        if "stroke" in given and not given.get("radius"):
            # Thin outlines on whole pixels are sharp.
            x, end = math.floor(x) + 0.5, math.floor(x + width) + 0.5
            y, low = math.floor(y) + 0.5, math.floor(y + height) + 0.5
            width, height = end - x, max(low - y, 1)
        self.shapes.append(Rect(x=x, y=y, width=width, height=height, **given))  # type: ignore[arg-type]

    def circle(self, x: float, y: float, radius: float, **given: object) -> None:
        """Draw a circle; further arguments as for :class:`Circle`."""
        self.shapes.append(Circle(x=x, y=y, radius=radius, **given))  # type: ignore[arg-type]

    def line(self, *commands: Command, **given: object) -> None:
        """Draw a line; further arguments as for :class:`Line`."""
        self.shapes.append(Line(commands=commands, **given))  # type: ignore[arg-type]

    def rule(self, x: float, y: float, end: float, **given: object) -> None:
        """Draw a horizontal line from ``x`` to ``end``."""
        given.setdefault("stroke", "line")
        sharp = math.floor(y) + 0.5
        self.line(("M", x, sharp), ("L", end, sharp), **given)

    def text(
        self,
        x: float,
        y: float,
        text: str | Sequence[Span],
        *,
        size: float = 13,
        role: str = "ink",
        anchor: str = "start",
        bold: bool = False,
        spaced: bool = False,
    ) -> None:
        """Draw text; addresses in a string are set in the monospaced face."""
        spans = spans_of(text, bold=bold) if isinstance(text, str) else tuple(text)
        if any(span.text for span in spans):
            self.shapes.append(
                Text(x=x, y=y, spans=spans, size=size, role=role, anchor=anchor, spaced=spaced)
            )

    def heading(self, x: float, y: float, text: str) -> None:
        """Draw a column's heading."""
        spans = (Span(text=plain(text).upper(), bold=True),)
        self.text(x, y, spans, size=11, role="quiet", spaced=True)

    def hatch(self, x: float, y: float, width: float, height: float, role: str = "line") -> None:
        """Draw diagonal lines over a rectangle: memory that is private to the guest."""
        commands: list[Command] = []
        at = 5.0
        while at < width + height:
            low, high = max(0.0, at - height), min(at, width)
            commands += [("M", x + low, y + at - low), ("L", x + high, y + at - high)]
            at += 6
        if commands:
            self.line(*commands, stroke=role, thick=0.8)

    def svg(self) -> str:
        """The drawing as an SVG document."""
        wide, high, ident = _number(self.width), _number(self.height), escape(self.ident)
        head = (
            f'<svg xmlns="http://www.w3.org/2000/svg" id="{ident}" width="{wide}" '
            f'height="{high}" viewBox="0 0 {wide} {high}" role="img" '
            f'aria-labelledby="{ident}-title {ident}-desc" font-family="{SANS}" '
            f'fill="{self.theme.ink}">'
        )
        lines = [
            head,
            f'<title id="{ident}-title">{escape(self.title)}</title>',
            f'<desc id="{ident}-desc">{escape(plain(self.desc))}</desc>',
            # Once, not at every address: notebooks keep their pictures.
            f"<style>.{MONO_CLASS}{{font-family:{MONO}}}</style>",
            f'<rect width="{wide}" height="{high}" fill="{self.theme.paper}"/>',
            *(self._drawn(shape) for shape in self.shapes),
            "</svg>",
        ]
        return "\n".join(lines) + "\n"

    def _drawn(self, shape: Shape) -> str:
        if isinstance(shape, Text):
            return self._text(shape)
        paint = f' fill="{self.theme.colour(shape.fill)}"'
        if shape.stroke != "none":
            paint += f' stroke="{self.theme.colour(shape.stroke)}"'
            if shape.thick != 1:
                paint += f' stroke-width="{_number(shape.thick)}"'
        if isinstance(shape, Circle):
            place = f'cx="{_number(shape.x)}" cy="{_number(shape.y)}" r="{_number(shape.radius)}"'
            return f"<circle {place}{paint}/>"
        if shape.dash:
            paint += f' stroke-dasharray="{" ".join(map(_number, shape.dash))}"'
        if isinstance(shape, Line):
            return f'<path d="{_commands(shape.commands)}"{paint}/>'
        radius = f' rx="{_number(shape.radius)}"' if shape.radius else ""
        place = f'x="{_number(shape.x)}" y="{_number(shape.y)}"'
        size = f'width="{_number(shape.width)}" height="{_number(shape.height)}"'
        return f"<rect {place} {size}{radius}{paint}/>"

    def _text(self, text: Text) -> str:
        paint = f' font-size="{_number(text.size)}"'
        if text.role != "ink":  # the whole drawing's
            paint += f' fill="{self.theme.colour(text.role)}"'
        if text.anchor != "start":
            paint += f' text-anchor="{text.anchor}"'
        if text.spaced:
            paint += ' letter-spacing="0.7"'
        place = f'x="{_number(text.x)}" y="{_number(text.y)}"'
        if text.spans == (Span(text=text.spans[0].text, bold=True),):
            # Much of every table: worth a shorter form, since notebooks keep their pictures.
            return f'<text {place}{paint} font-weight="600">{_escaped(text.spans[0].text)}</text>'
        spans = "".join(self._span(span, text.size) for span in text.spans)
        return f"<text {place}{paint}>{spans}</text>"

    def _span(self, span: Span, size: float) -> str:
        given = ""
        if span.gap:
            given += f' dx="{_number(span.gap * size)}"'
        if span.mono:
            given += f' class="{MONO_CLASS}" font-size="{_number(size * MONO_SCALE)}"'
        if span.bold:
            given += ' font-weight="600"'
        if span.role:
            given += f' fill="{self.theme.colour(span.role)}"'
        words = _escaped(span.text)
        return f"<tspan{given}>{words}</tspan>" if given else words


def _escaped(text: str) -> str:
    """Text whose spaces all show: of several, browsers draw one, whatever xml:space says."""
    return escape(re.sub(" (?= )", "\N{NO-BREAK SPACE}", text))


def _number(value: float) -> str:
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


def _commands(commands: Sequence[Command]) -> str:
    return "".join(name + " ".join(map(_number, numbers)) for name, *numbers in commands)
