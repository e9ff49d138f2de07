"""Shapes of steps: one per kind, so that colour is never alone."""

from __future__ import annotations

from collections.abc import Callable

from xenexplore.render.drawing.canvas import Canvas, Command

__all__ = ["SHAPES", "draw_glyph"]

# Outlines in a box of 14 by 14: points of a polygon, "open" where it is none.
_POLYGONS: dict[str, tuple[tuple[float, float], ...]] = {
    "square": ((2.5, 2.5), (11.5, 2.5), (11.5, 11.5), (2.5, 11.5)),
    "small": ((4, 4), (10, 4), (10, 10), (4, 10)),
    "diamond": ((7, 1.4), (12.6, 7), (7, 12.6), (1.4, 7)),
    "down": ((1.6, 3), (12.4, 3), (7, 12)),
    "up": ((7, 1.6), (13, 12), (1, 12)),
    "house": ((2.5, 12), (2.5, 6), (7, 2), (11.5, 6), (11.5, 12)),
}
_OPEN: dict[str, tuple[tuple[tuple[float, float], ...], ...]] = {
    "bar": (((4.5, 2), (4.5, 12)), ((9.5, 2), (9.5, 12))),
    "cross": (((3, 3), (11, 11)), ((11, 3), (3, 11))),
    "arrow": (((1.5, 7), (11.5, 7)), ((8, 3.5), (11.5, 7), (8, 10.5))),
}


def draw_glyph(
    canvas: Canvas, shape: str, x: float, y: float, role: str, *, filled: bool = False
) -> None:
    """Draw one of :data:`SHAPES` around a point."""
    fill = role if filled else "paper"
    if shape in _POLYGONS:
        points = _POLYGONS[shape]
        canvas.line(*_line(points, x, y), ("Z",), fill=fill, stroke=role, thick=1.4)
    elif shape in _OPEN:
        thick = 2.4 if filled else 1.4
        commands = [c for points in _OPEN[shape] for c in _line(points, x, y)]
        canvas.line(*commands, stroke=role, thick=thick)
    else:
        _ROUND[shape](canvas, x, y, role, fill)


def _line(points: tuple[tuple[float, float], ...], x: float, y: float) -> list[Command]:
    return [
        ("L" if place else "M", x + across - 7, y + down - 7)
        for place, (across, down) in enumerate(points)
    ]


def _circle(canvas: Canvas, x: float, y: float, role: str, fill: str) -> None:
    canvas.circle(x, y, 4.6, fill=fill, stroke=role, thick=1.4)


def _dot(canvas: Canvas, x: float, y: float, role: str, fill: str) -> None:
    canvas.circle(x, y, 2.4, fill=fill, stroke=role, thick=1.4)


def _pill(canvas: Canvas, x: float, y: float, role: str, fill: str) -> None:
    canvas.rect(x - 6, y - 3.2, 12, 6.4, fill=fill, stroke=role, thick=1.4, radius=3.2)


def _half(canvas: Canvas, x: float, y: float, role: str, fill: str) -> None:
    canvas.circle(x, y, 4.6, fill=fill, stroke=role, thick=1.4)
    right: tuple[Command, ...] = (
        ("M", x, y - 4.6), ("C", x + 6.1, y - 4.6, x + 6.1, y + 4.6, x, y + 4.6), ("Z",),
    )  # fmt: skip
    canvas.line(*right, fill=role)


_ROUND: dict[str, Callable[[Canvas, float, float, str, str], None]] = {
    "circle": _circle,
    "dot": _dot,
    "half": _half,
    "pill": _pill,
}

SHAPES = frozenset({*_POLYGONS, *_OPEN, *_ROUND})
"""Every shape; the browser's stepper draws the same."""
