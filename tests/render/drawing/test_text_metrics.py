from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xenexplore.render.drawing.text_metrics import (
    MONO_SCALE,
    Span,
    fitted,
    plain,
    spans_of,
    width_of,
    wrapped,
)

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=80)
sizes = st.sampled_from([10.0, 12.5, 18.0])


@pytest.mark.parametrize(
    ("file", "given", "size"),
    [
        ("DejaVuSans.ttf", {}, 1.0),
        ("DejaVuSans-Bold.ttf", {"bold": True}, 1.0),
        ("DejaVuSansMono.ttf", {"mono": True}, MONO_SCALE),
    ],
)
def test_widths_are_those_of_the_font(file: str, given: dict[str, bool], size: float) -> None:
    import matplotlib as mpl
    from matplotlib.ft2font import FT2Font

    font = FT2Font(str(Path(mpl.get_data_path()) / "fonts" / "ttf" / file))
    font.set_size(1000, 72)
    # Monospaced: what is not ASCII is as wide as the rest, too.
    known = [*range(32, 127), *map(ord, "\u00b7\u00d7\u2190\u2192\u2026\u25b8\u2713\u2715")]
    for code in known if "bold" not in given else range(32, 127):
        advance = font.load_char(code).linearHoriAdvance / 65536 / 1000 * size
        measured = width_of((Span(text=chr(code), **given),), 1.0)
        assert measured == pytest.approx(advance, abs=0.0011), chr(code)


@pytest.mark.parametrize(
    ("text", "mono"),
    [
        ("ffffc900'00613b2c  4 bytes", ["ffffc900", "00613b2c"]),
        ("gfn 06bf7 -> mfn 10b6bc", ["06bf7", "10b6bc"]),
        ("index 3 of the table at 0x111000.", ["0x111000"]),
        ("0000'0000'0011'0007", ["0000", "0000", "0011", "0007"]),
        ("1'06bf7b2c", ["1", "06bf7b2c"]),
        ("the facade of a decade, added", []),
        ("<94aab958-c141-4c43-a249-a55d8e5be735@suse.com>", []),
        ("the arguments need 2097288 bytes", []),
    ],
)
def test_addresses_are_monospaced_and_nothing_else(text: str, mono: list[str]) -> None:
    found = [span.text for span in spans_of(text) if span.mono]
    assert found == mono


def test_groups_are_set_apart_by_space_that_is_not_text() -> None:
    spans = spans_of("ffffc900'00613b2c")
    assert [span.gap > 0 for span in spans] == [False, True]
    assert "".join(span.text for span in spans) == "ffffc90000613b2c"


@given(texts, sizes, st.integers(20, 300), st.booleans())
def test_lines_are_no_wider_than_they_may_be(
    text: str, size: float, width: int, bold: bool
) -> None:
    lines = wrapped(text, size, width, bold=bold)
    for line in lines:
        assert width_of(line, size) <= width or len("".join(s.text for s in line)) == 1
    kept = "".join(span.text for line in lines for span in line).replace(" ", "")
    # Every character is there, but for the apostrophes between groups of digits.
    wanted = "".join(plain(text).split())
    assert kept.replace("'", "") == wanted.replace("'", "")


@given(texts, sizes, st.integers(20, 200))
def test_what_is_fitted_fits(text: str, size: float, width: int) -> None:
    found = fitted(text, size, width)
    assert width_of(spans_of(found), size) <= width
    assert found == plain(text) or found.endswith("\u2026")


@given(texts, st.integers(60, 300), st.integers(1, 4))
def test_no_more_lines_than_asked_for(text: str, width: int, most: int) -> None:
    lines = wrapped(text, 12, width, most=most)
    assert len(lines) <= most
    assert all(width_of(line, 12) <= width for line in lines)
