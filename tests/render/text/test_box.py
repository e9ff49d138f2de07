from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from xenexplore.render.text.box import Ink


def test_two_margins_share_a_line_where_they_fit():
    ink = Ink()
    assert ink.ends("left", "right") == ["left" + " " * 63 + "right"]
    assert ink.ends("x" * 70, "right") == ["x" * 70, " " * 67 + "right"]


def test_ascii_keeps_what_can_be_kept():
    assert (
        Ink().text("Monn\u00e9: \u201ca \u2192 b\u201d \u2026 \u4e2d\n") == 'Monne: "a -> b" ... ? '
    )
    assert Ink(unicode=True).text("a -> b ...") == "a \u2192 b \u2026"


def test_a_side_that_does_not_fit_goes_below_and_an_aside_goes():
    lines = Ink().row("", "label", "m" * 40, side="s" * 30, aside="nothing to see")
    assert lines == ["label     " + "m" * 40, " " * 10 + "s" * 30]


def test_what_is_wrapped_keeps_the_lines_of_the_tree():
    lead = " 5  \u2502 \u251c\u2574"
    lines = Ink(unicode=True).row(lead, "note", "word " * 30)
    assert all(line.startswith("    \u2502 \u2502 ") for line in lines[1:])


@given(st.lists(st.integers(0, 6), max_size=30))
def test_guides_are_two_columns_a_level(depths):
    for unicode in (False, True):
        guides = Ink(unicode=unicode).guides(depths)
        assert [len(guide) for guide in guides] == [2 * depth for depth in depths]
