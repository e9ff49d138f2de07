"""Width of text and its line breaks: measured in DejaVu, the widest of the fonts named.

A system font that is narrower leaves more white; nothing runs into its neighbour.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

__all__ = ["MONO_SCALE", "Span", "fitted", "plain", "spans_of", "width_of", "wrapped"]

# Advance widths of the characters 32 to 126, in thousandths of the size.
# Source: the hmtx tables of DejaVu Sans 2.37, DejaVu Sans Bold 2.37.
_REGULAR = (
    318, 401, 460, 838, 636, 950, 780, 275, 390, 390, 500, 838, 318, 361, 318, 337, 636,
    636, 636, 636, 636, 636, 636, 636, 636, 636, 337, 337, 838, 838, 838, 531, 1000, 684,
    686, 698, 770, 632, 575, 775, 752, 295, 295, 656, 557, 863, 748, 787, 603, 787, 695,
    635, 611, 732, 684, 989, 685, 611, 685, 390, 337, 390, 838, 500, 500, 613, 635, 550,
    635, 615, 352, 635, 634, 278, 278, 579, 278, 974, 634, 612, 635, 635, 411, 521, 392,
    634, 592, 818, 592, 592, 525, 636, 337, 636, 838,
)  # fmt: skip
_BOLD = (
    348, 456, 521, 838, 696, 1002, 872, 306, 457, 457, 523, 838, 380, 415, 380, 365, 696,
    696, 696, 696, 696, 696, 696, 696, 696, 696, 400, 400, 838, 838, 838, 580, 1000, 774,
    762, 734, 830, 683, 683, 821, 837, 372, 372, 775, 637, 995, 837, 850, 733, 850, 770,
    720, 682, 812, 774, 1103, 771, 724, 725, 457, 365, 457, 838, 500, 500, 675, 716, 593,
    716, 678, 435, 716, 712, 343, 343, 665, 343, 1042, 712, 687, 716, 716, 493, 595, 478,
    712, 652, 924, 645, 652, 582, 712, 365, 712, 838,
)  # fmt: skip
_MONO = 602
_OTHERS = {
    "\u00b7": 318,  # middle dot
    "\u00d7": 838,  # multiplication sign
    "\u2013": 500,  # en dash
    "\u2190": 838, "\u2192": 838,  # arrows
    "\u2019": 318,  # apostrophe
    "\u2026": 1000,  # ellipsis
    "\u25b8": 502,  # small triangle
    "\u2713": 838, "\u2715": 838,  # check mark, cross
}  # fmt: skip
_UNKNOWN = 1000  # no character of the fonts named is much wider
#: Between groups of digits: set apart by space that is not copied with them.
_GAP = 0.25
# A number of at least five hexadecimal digits, in groups or not; an 0x number.
# Not a part of a Message-ID, and not a count of bytes.
_NUMBER = re.compile(
    r"(?<![-<@\w])(?:0x[0-9a-f]+|(?=[a-f']*[0-9])[0-9a-f]{5,}(?:'[0-9a-f]+)*"
    r"|[0-9a-f]{1,8}(?:'[0-9a-f]{4,8})+)(?![-@\w]| bytes?\b)"
)
_DRAWN = (("->", "\u2192"), ("<-", "\u2190"), ("...", "\u2026"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Text in one face.

    Attributes:
        text: the characters; no control characters.
        mono: in the monospaced face.
        bold: in the bold face.
        role: the theme's colour, or ``""`` for that of the whole text.
        gap: space before it, in sizes.
    """

    text: str
    mono: bool = False
    bold: bool = False
    role: str = ""
    gap: float = 0.0


def plain(text: str) -> str:
    """Text on one line without control characters, with real arrows."""
    flat = "".join(c if c.isprintable() else " " for c in text)
    for typed, drawn in _DRAWN:
        flat = flat.replace(typed, drawn)
    return flat


def spans_of(text: str, *, bold: bool = False, role: str = "") -> tuple[Span, ...]:
    """Text with its addresses in the monospaced face and their digits in groups."""
    flat, found, at = plain(text), list[Span](), 0
    for match in _NUMBER.finditer(flat):
        if match.start() > at:
            found.append(Span(text=flat[at : match.start()], bold=bold, role=role))
        for place, group in enumerate(match[0].split("'")):
            gap = _GAP if place else 0.0
            found.append(Span(text=group, mono=True, bold=bold, role=role, gap=gap))
        at = match.end()
    if at < len(flat):
        found.append(Span(text=flat[at:], bold=bold, role=role))
    return tuple(found)


def width_of(spans: Sequence[Span] | str, size: float) -> float:
    """Width in pixels."""
    if isinstance(spans, str):
        spans = spans_of(spans)
    return size * sum(span.gap + _width(span) for span in spans)


def _width(span: Span) -> float:
    if span.mono:
        # Monospaced text is set a little smaller than the text around it.
        return len(span.text) * _MONO / 1000 * MONO_SCALE
    table = _BOLD if span.bold else _REGULAR
    return sum(_advance(c, table) for c in span.text) / 1000


def _advance(character: str, table: Sequence[int]) -> int:
    at = ord(character) - 32
    return table[at] if 0 <= at < len(table) else _OTHERS.get(character, _UNKNOWN)


#: The monospaced face beside the other one.
MONO_SCALE = 0.93


def wrapped(
    text: str, size: float, width: float, *, most: int = 0, bold: bool = False, role: str = ""
) -> tuple[tuple[Span, ...], ...]:
    """Text in lines of at most ``width`` pixels; a word that no line holds is broken.

    Args:
        text: what to break.
        size: of the text, in pixels.
        width: of a line.
        most: lines at most, the last one ended by an ellipsis; 0 for any number.
        bold: in the bold face.
        role: the theme's colour.
    """
    lines: list[str] = []
    line = ""
    for word in _pieces(plain(text), size, width, bold=bold):
        tried = f"{line} {word}" if line else word
        if line and width_of(spans_of(tried, bold=bold), size) > width:
            lines.append(line)
            line = word
        else:
            line = tried
    if line:
        lines.append(line)
    if most and len(lines) > most:
        lines = [*lines[: most - 1], _cut(" ".join(lines[most - 1 :]), size, width, bold=bold)]
    return tuple(spans_of(line, bold=bold, role=role) for line in lines)


def fitted(text: str, size: float, width: float, *, bold: bool = False) -> str:
    """Text as far as it fits, ended by an ellipsis where it does not."""
    flat = plain(text)
    if width_of(spans_of(flat, bold=bold), size) <= width:
        return flat
    return _cut(flat, size, width, bold=bold)


def _cut(text: str, size: float, width: float, *, bold: bool) -> str:
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if width_of(spans_of(f"{text[:middle]}\u2026", bold=bold), size) <= width:
            low = middle
        else:
            high = middle - 1
    return f"{text[:low].rstrip()}\u2026"


def _pieces(text: str, size: float, width: float, *, bold: bool) -> Iterator[str]:
    for word in text.split():
        rest = word
        while width_of(spans_of(rest, bold=bold), size) > width and len(rest) > 1:
            low, high = 1, len(rest) - 1
            while low < high:
                middle = (low + high + 1) // 2
                if width_of(spans_of(rest[:middle], bold=bold), size) <= width:
                    low = middle
                else:
                    high = middle - 1
            yield rest[:low]
            rest = rest[low:]
        yield rest
