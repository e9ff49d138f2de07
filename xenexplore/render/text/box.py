"""Lines of 72 columns: characters for ASCII and for box drawing, rows with a side, rules."""

from __future__ import annotations

import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

from xenexplore.render.text.table import WIDTH

__all__ = ["Ink", "in_boxes"]

LABEL = 9

_PLAIN = str.maketrans({
    "\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-",
    "\u2026": "...", "\u00d7": "x", "\u2192": "->", "\u2190": "<-", "\u2264": "<=", "\u2265": ">=",
    "\u00b5": "u", "\u00a0": " ", "\t": " ",
})  # fmt: skip
_RULE = re.compile(r"^-{3,}$", re.MULTILINE)
_DRAWN = (("->", "\u2192"), ("<-", "\u2190"), ("...", "\u2026"))


def in_boxes(text: str) -> str:
    """A finished ASCII text with its rules in box characters."""
    return _RULE.sub(lambda rule: "\u2500" * len(rule[0]), text)


class Ink:
    """Style of lines.

    Args:
        unicode: box characters and arrows; otherwise ASCII only, as mail wants it.
        width: columns of the page.
    """

    def __init__(self, *, unicode: bool = False, width: int = WIDTH) -> None:
        self.unicode = unicode
        self.width = width

    def text(self, text: str) -> str:
        """Text in this ink's characters, on one line; control characters become spaces."""
        flat = "".join(c if c.isprintable() else " " for c in text)
        if self.unicode:
            for plain, drawn in _DRAWN:
                flat = flat.replace(plain, drawn)
            return flat
        decomposed = unicodedata.normalize("NFKD", flat.translate(_PLAIN))
        kept = "".join(c for c in decomposed if not unicodedata.combining(c))
        return kept.encode("ascii", "replace").decode()

    def rule(self, width: int | None = None) -> str:
        """A line across the page."""
        return ("\u2500" if self.unicode else "-") * (width or self.width)

    def mark(self, *, now: bool, bad: bool) -> str:
        """The gutter: the step that is shown, or one that went wrong."""
        if now:
            return "\u25b6" if self.unicode else ">"
        return "!" if bad else " "

    def guides(self, depths: Sequence[int]) -> list[str]:
        """Guides before each row of a tree, two columns for each level of depth."""
        if not self.unicode:
            return ["  " * depth for depth in depths]
        found: list[str] = []
        goes_on: list[bool] = []  # by level: does another row follow there, below this one?
        for depth in reversed(depths):
            goes_on += [False] * (depth + 1 - len(goes_on))
            upper = "".join("\u2502 " if goes_on[level] else "  " for level in range(1, depth))
            own = ("\u251c\u2574" if goes_on[depth] else "\u2514\u2574") if depth else ""
            found.append(upper + own)
            goes_on = [*goes_on[:depth], True]
        return found[::-1]

    def ends(self, left: str, right: str) -> list[str]:
        """Two texts at the two margins; on two lines where they do not fit on one."""
        left, right = self.text(left), self.text(right)
        room = self.width - len(left) - len(right)
        if room >= 2:
            return [f"{left}{' ' * room}{right}".rstrip()]
        return [
            *self._wrapped(left),
            *(line.rjust(self.width) for line in self._wrapped(right)),
        ]

    def paragraph(self, text: str, lead: str = "", hanging: str | None = None) -> list[str]:
        """Wrapped text behind a lead; later lines are indented as far, or by ``hanging``."""
        lead = self.text(lead)
        return self._wrapped(self.text(text), lead, " " * len(lead) if hanging is None else hanging)

    def row(
        self,
        lead: str,
        label: str,
        main: str,
        *,
        side: str = "",
        aside: str = "",
        more: Sequence[str] = (),
    ) -> list[str]:
        """A label, what it is about, and at the right margin how it went.

        ``aside`` is left out where there is no room for it; everything else wraps.
        """
        label, main = self.text(label), self.text(main)
        side, aside = self.text(side), self.text(aside)
        lead = f"{lead}{label.ljust(LABEL)} "
        # A tree's lines go on beside what is wrapped.
        blank = "".join("\u2502" if c in "\u2502\u251c" else " " for c in lead)
        right = f"{side}  {aside}" if side and aside else side or aside
        if len(lead) + len(main) + 2 + len(right) > self.width:
            right = side
        lines = self._wrapped(main, lead, blank)
        if right and len(lines[-1]) + 2 + len(right) <= self.width:
            lines[-1] += right.rjust(self.width - len(lines[-1]))
        elif right:
            lines += self._wrapped(right, blank, blank + "  ")
        for line in more:
            lines += self._wrapped(self.text(line), blank, blank + "  ")
        return lines

    def _wrapped(self, text: str, lead: str = "", hanging: str = "") -> list[str]:
        return wrapped(text, lead, hanging, self.width)

    def page(self, lines: Iterable[str]) -> str:
        """Lines as text that ends in a newline."""
        return "\n".join(line.rstrip() for line in lines) + "\n"


def wrapped(text: str, lead: str = "", hanging: str = "", width: int = WIDTH) -> list[str]:
    """Wrap behind a lead; never wider than the page, even where a word is."""
    return textwrap.wrap(
        text,
        width,
        initial_indent=lead,
        subsequent_indent=hanging,
        break_on_hyphens=False,
    ) or [lead.rstrip()]
