from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest
import render_traces as made

from xenexplore.errors import InputError, MachineError
from xenexplore.render.svg.figure_file import figure_bytes, kind_of, save_figure
from xenexplore.render.svg.views import VIEWS, drawing, svg_of
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import compare, run
from xenexplore.scenario.run.trace import Trace


@pytest.fixture(scope="module")
def trace() -> Trace:
    return run(load_builtin("wrong-vcpu"), "software-tlb")


def size_of(png: bytes) -> tuple[int, int]:
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    wide, high = struct.unpack(">II", png[16:24])
    return wide, high


def test_svg_is_the_views_own(trace: Trace) -> None:
    assert figure_bytes(trace, step=5, view="map").decode() == svg_of(trace, 5, "map")


@pytest.mark.parametrize("view", [view for view in VIEWS if view != "comparison"])
def test_a_png_is_the_drawing_twice_as_large(trace: Trace, view: str) -> None:
    canvas = drawing(trace, 30, view, "dark")
    png = figure_bytes(trace, "png", step=30, view=view, theme="dark")
    assert size_of(png) == (2 * canvas.width, 2 * canvas.height)


def pixels(png: bytes) -> tuple[set[bytes], bytes]:
    """The colours of an 8-bit RGBA image, and that of its first pixel."""
    import io

    from matplotlib.image import imread

    image = (imread(io.BytesIO(png)) * 255).round().astype("uint8")
    colours = {bytes(found) for found in image.reshape(-1, image.shape[2])[:, :3]}
    return colours, bytes(image[0, 0, :3])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_png_has_the_themes_colours(trace: Trace, theme: str) -> None:
    canvas = drawing(trace, 37, "stepper", theme)
    colours, corner = pixels(figure_bytes(trace, "png", step=37, theme=theme, scale=1.0))
    assert corner == bytes.fromhex(canvas.theme.paper[1:])
    for role in ("ink", "now", "good", "bad", "tint"):
        assert bytes.fromhex(canvas.theme.colour(role)[1:]) in colours, role


@pytest.mark.parametrize("kind", ["png", "pdf"])
def test_same_run_same_bytes_whatever_the_reader_has_configured(trace: Trace, kind: str) -> None:
    import matplotlib as mpl

    first = figure_bytes(trace, kind, view="registered")
    settings = {
        "font.size": 30, "text.usetex": False, "savefig.facecolor": "red", "font.family": "serif",
        "savefig.bbox": "tight", "figure.facecolor": "red", "pdf.compression": 0,
    }  # fmt: skip
    with mpl.rc_context(settings):
        assert figure_bytes(trace, kind, view="registered") == first
        assert mpl.rcParams["font.size"] == 30


def streams(pdf: bytes) -> bytes:
    """What the compressed parts of a PDF hold."""
    found = []
    for part in pdf.split(b"stream\n")[1:]:
        decoder = zlib.decompressobj()
        try:
            found.append(decoder.decompress(part))
        except zlib.error:
            continue
    return b"\n".join(found)


def test_a_pdf_carries_its_fonts_and_no_time(trace: Trace) -> None:
    pdf = figure_bytes(trace, "pdf", view="registered")
    assert pdf.startswith(b"%PDF-")
    assert b"CreationDate" not in pdf
    for font in (b"DejaVuSans", b"DejaVuSansMono", b"DejaVuSans-Bold"):
        assert b"/FontName /" in pdf
        assert font in pdf
    assert b"/FontFile2" in pdf
    assert len(streams(pdf)) > 1000


def test_characters_that_no_font_has_are_no_error() -> None:
    trace = made.path_of(made.placed().steps)
    strange = trace.about.__class__(name="strange", title="\u4e2d\u6587 \U0001f600 \u0623")
    odd = Trace(
        about=strange, option=trace.option, machine=trace.machine, steps=trace.steps,
        outcome=trace.outcome,
    )  # fmt: skip
    assert size_of(figure_bytes(odd, "png", scale=1.0))[0] == 1170
    assert figure_bytes(odd, "pdf").startswith(b"%PDF-")
    assert "\u4e2d\u6587" in svg_of(odd)


def test_a_comparison_is_a_figure_too() -> None:
    comparison = compare(load_builtin("straddle"))
    assert size_of(figure_bytes(comparison, "png", scale=1.0))[0] == drawing(comparison).width


@pytest.mark.parametrize("kind", ["svg", "png", "pdf"])
def test_a_file_is_what_its_name_says(trace: Trace, kind: str, tmp_path: Path) -> None:
    file = tmp_path / f"figure.{kind}"
    save_figure(trace, file, step=12, view="path")
    assert file.read_bytes() == figure_bytes(trace, kind, step=12, view="path")


@pytest.mark.parametrize(
    ("name", "kind"), [("a.svg", "svg"), ("b.PNG", "png"), ("/tmp/c.d.pdf", "pdf")]
)
def test_kinds_by_name(name: str, kind: str) -> None:
    assert kind_of(name) == kind


@pytest.mark.parametrize("name", ["figure", "figure.jpg", "svg", ".svg"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=r"ends in \.svg, \.png or \.pdf"):
        kind_of(name)


def test_nothing_is_written_for_a_step_that_is_not_there(trace: Trace, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match="no step 999"):
        save_figure(trace, tmp_path / "x.svg", step=999)
    assert list(tmp_path.iterdir()) == []
