"""A drawing as PNG or PDF, painted by matplotlib with the fonts that it brings along.

matplotlib is there already and carries DejaVu Sans and DejaVu Sans Mono, the
fonts that the drawing was measured in: the picture is the same on a machine
with no fonts installed, and needs no system library.
"""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xenexplore.render.drawing.canvas import Canvas, Circle, Line, Rect, Shape, Text
from xenexplore.render.drawing.text_metrics import MONO_SCALE, Span, width_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.font_manager import FontProperties

__all__ = ["painted"]

_INCH = 72.0  # pixels of the drawing
_FACES = {
    (False, False): "DejaVuSans.ttf",
    (False, True): "DejaVuSans-Bold.ttf",
    (True, False): "DejaVuSansMono.ttf",
    (True, True): "DejaVuSansMono-Bold.ttf",
}


def painted(canvas: Canvas, kind: str, *, scale: float = 2.0) -> bytes:
    """The drawing as a file's bytes; same drawing, same matplotlib, same bytes.

    Args:
        canvas: the drawing.
        kind: ``"png"`` or ``"pdf"``.
        scale: pixels of a PNG for each pixel of the drawing.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    # Nothing of the reader's own configuration changes the picture.
    settings: dict[Any, Any] = {"pdf.fonttype": 42, "path.simplify": False, "text.hinting": "none"}
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        mpl.rcParams.update(settings)
        # A character that the fonts lack is drawn as a box.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure = Figure(figsize=(canvas.width / _INCH, canvas.height / _INCH))
        painter = _Painter(canvas, figure)
        for shape in canvas.shapes:
            painter.paint(shape)
        output = io.BytesIO()
        latin = canvas.title.encode("latin-1", "replace").decode("latin-1")
        metadata = {
            "png": {"Software": None, "Title": latin},
            "pdf": {"CreationDate": None, "Creator": None, "Producer": None, "Title": latin},
        }[kind]
        figure.savefig(
            output,
            format=kind,
            dpi=_INCH * scale,
            facecolor=canvas.theme.paper,
            metadata=metadata,
        )
    return output.getvalue()


class _Painter:
    def __init__(self, canvas: Canvas, figure: Figure) -> None:
        from matplotlib.transforms import Affine2D

        self.canvas = canvas
        self.figure = figure
        down = Affine2D().scale(1 / _INCH, -1 / _INCH).translate(0, canvas.height / _INCH)
        self.place = down + figure.dpi_scale_trans
        self.order = 0
        self.fonts: dict[tuple[bool, bool, float], FontProperties] = {}

    def paint(self, shape: Shape) -> None:
        """Add a shape above the others."""
        self.order += 1
        if isinstance(shape, Text):
            self._text(shape)
            return
        from matplotlib.patches import PathPatch

        given: dict[str, Any] = {
            "facecolor": self._colour(shape.fill),
            "edgecolor": self._colour(shape.stroke),
            "linewidth": shape.thick if shape.stroke != "none" else 0,
            "capstyle": "butt",
            "joinstyle": "miter",
        }
        if not isinstance(shape, Circle) and shape.dash:
            given["linestyle"] = (0, tuple(part / shape.thick for part in shape.dash))
        patch = PathPatch(_outline(shape), transform=self.place, zorder=self.order, **given)
        self.figure.add_artist(patch)

    def _text(self, text: Text) -> None:
        wide = width_of(text.spans, text.size)
        x = text.x - {"start": 0.0, "middle": wide / 2, "end": wide}[text.anchor]
        for span in text.spans:
            x += span.gap * text.size
            if span.text.strip():
                self.figure.text(
                    x, text.y, span.text,
                    transform=self.place, zorder=self.order, parse_math=False,
                    color=self._colour(span.role or text.role),
                    fontproperties=self._font(span, text.size),
                    verticalalignment="baseline", horizontalalignment="left",
                )  # fmt: skip
            x += width_of((Span(text=span.text, mono=span.mono, bold=span.bold),), text.size)

    def _font(self, span: Span, size: float) -> FontProperties:
        from matplotlib import get_data_path
        from matplotlib.font_manager import FontProperties

        key = (span.mono, span.bold, size * (MONO_SCALE if span.mono else 1.0))
        if key not in self.fonts:
            file = Path(get_data_path()) / "fonts" / "ttf" / _FACES[span.mono, span.bold]
            self.fonts[key] = FontProperties(fname=str(file), size=key[2])
        return self.fonts[key]

    def _colour(self, role: str) -> str:
        return self.canvas.theme.colour(role)


def _outline(shape: Rect | Circle | Line) -> Any:
    """The shape's outline as a matplotlib path."""
    from matplotlib.path import Path

    if isinstance(shape, Circle):
        return Path.circle((shape.x, shape.y), shape.radius)
    if isinstance(shape, Rect):
        return _rectangle(shape)
    points: list[tuple[float, float]] = []
    codes: list[int] = []
    kinds = {"M": Path.MOVETO, "L": Path.LINETO, "C": Path.CURVE4}
    for name, *numbers in shape.commands:
        if name == "Z":
            points.append((0.0, 0.0))
            codes.append(int(Path.CLOSEPOLY))
            continue
        points += zip(numbers[::2], numbers[1::2], strict=True)
        codes += [int(kinds[name])] * (len(numbers) // 2)
    return Path(points, codes)


def _rectangle(shape: Rect) -> Any:
    from matplotlib.path import Path

    left, top, right, bottom = shape.x, shape.y, shape.x + shape.width, shape.y + shape.height
    if not shape.radius:
        corners = [(left, top), (right, top), (right, bottom), (left, bottom), (left, top)]
        return Path(corners, closed=True)
    r = min(shape.radius, shape.width / 2, shape.height / 2)
    k = r * 0.4477  # a quarter of a circle as a cubic curve
    points = [
        (left + r, top), (right - r, top), (right - k, top), (right, top + k), (right, top + r),
        (right, bottom - r), (right, bottom - k), (right - k, bottom), (right - r, bottom),
        (left + r, bottom), (left + k, bottom), (left, bottom - k), (left, bottom - r),
        (left, top + r), (left, top + k), (left + k, top), (left + r, top), (left + r, top),
    ]  # fmt: skip
    codes = [Path.MOVETO, *([Path.LINETO, *[Path.CURVE4] * 3] * 4), Path.CLOSEPOLY]
    return Path(points, codes)
