"""A view as a file: SVG, PNG or PDF."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xenexplore.errors import InputError
from xenexplore.render.svg.views import drawing

if TYPE_CHECKING:
    from os import PathLike

    from xenexplore.scenario.run.comparison import Comparison
    from xenexplore.scenario.run.trace import Trace

__all__ = ["KINDS", "figure_bytes", "kind_of", "save_figure"]

#: Kinds of file, by what a name ends in.
KINDS = ("svg", "png", "pdf")


def kind_of(file: str | PathLike[str]) -> str:
    """The kind of file that a name asks for.

    Raises:
        InputError: its ending is none of :data:`KINDS`.
    """
    kind = Path(file).suffix.lower().removeprefix(".")
    if kind not in KINDS:
        raise InputError(
            str(file), "", expected="a name that ends in .svg, .png or .pdf",
            got=f".{kind}" if kind else "no ending",
        )  # fmt: skip
    return kind


def figure_bytes(
    trace: Trace | Comparison,
    kind: str = "svg",
    *,
    step: int | None = None,
    view: str = "",
    theme: str = "light",
    scale: float = 2.0,
) -> bytes:
    """A view as the bytes of a file; same run, same bytes (PNG, PDF: of one matplotlib).

    Args:
        trace: a run, or a comparison of several.
        kind: one of :data:`KINDS`.
        step: from 0; default as for
            :func:`~xenexplore.render.svg.views.drawing`.
        view: one of :data:`~xenexplore.render.svg.views.VIEWS`.
        theme: ``"light"`` or ``"dark"``.
        scale: pixels of a PNG for each pixel of the SVG.

    Raises:
        MachineError: there is no such view, theme or step.
    """
    canvas = drawing(trace, step, view, theme)
    if kind == "svg":
        return canvas.svg().encode()
    from xenexplore.render.drawing.paint import painted

    return painted(canvas, kind, scale=scale)


def save_figure(
    trace: Trace | Comparison,
    file: str | PathLike[str],
    *,
    step: int | None = None,
    view: str = "",
    theme: str = "light",
) -> None:
    """Write a view to a file whose name ends in ``.svg``, ``.png`` or ``.pdf``.

    Args:
        trace: a run, or a comparison of several.
        file: the output file; its suffix determines the format.
        step: the step, from 0; default: the most informative one.
        view: default ``"stepper"``, or ``"comparison"``.
        theme: ``"light"`` or ``"dark"``.

    Raises:
        InputError: the name ends in something else.
        MachineError: there is no such view, theme or step.
        OSError: the file cannot be written.

    >>> import xenexplore as xe
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     save_figure(xe.compare(xe.load("straddle")), f"{folder}/straddle.svg")
    ...     Path(folder, 'straddle.svg').read_text()[:4]
    '<svg'
    """
    data = figure_bytes(trace, kind_of(file), step=step, view=view, theme=theme)
    Path(file).write_bytes(data)
