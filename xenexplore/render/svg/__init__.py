"""Still pictures as SVG: the static form of every view; same run, same bytes."""

from __future__ import annotations

from xenexplore.render.svg.views import VIEWS, drawing, svg_of

__all__ = ["VIEWS", "drawing", "svg_of"]
