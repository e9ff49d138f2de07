"""The text of a message that has only HTML."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from typing import Final

from xenexplore.mail.body import BodyLine

__all__ = ["html_lines"]

# Elements that begin and end a line.
_BLOCKS: Final = {
    "address", "article", "blockquote", "center", "dd", "div", "dl", "dt", "h1", "h2", "h3", "h4",
    "h5", "h6", "hr", "li", "ol", "p", "pre", "section", "table", "td", "tr", "ul",
}  # fmt: skip
_UNSEEN: Final = {"head", "script", "style", "title"}
# White space of HTML; a no-break space is none, and says what it is.
_SPACE: Final = " \t\n\r\f"
# Runs of spaces, blank lines and indents are kept in HTML by no-break spaces; one that stands
# alone between words may be anything.
_RUN: Final = re.compile(r"^[ \u00a0]+|[ \u00a0]{2,}|\u00a0$")


class _Reader(HTMLParser):
    """Collects lines; quotations get quote marks."""

    def __init__(self, numbers: Sequence[int]) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[BodyLine] = []
        self._numbers = numbers
        self._text = ""
        self._start = self._past = 0
        self._depth = self._unseen = self._kept = 0
        self._margin = True

    def handle_starttag(self, tag: str, attributes: Sequence[tuple[str, str | None]]) -> None:
        if tag in _BLOCKS:
            self._end_line()
        if tag == "br":
            self._end_line(always=True)
        if tag == "p":
            # Outlook's paragraphs of this class have no margins: each is a line.
            self._margin = not (dict(attributes).get("class") or "").startswith("MsoNormal")
        self._depth += tag == "blockquote"
        self._unseen += tag in _UNSEEN
        self._kept += tag in ("pre", "textarea")

    def handle_endtag(self, tag: str) -> None:
        if tag in _BLOCKS:
            self._end_line()
        if tag == "p" and self._margin:
            self._end_line(always=True)
        self._depth -= tag == "blockquote" and self._depth > 0
        self._unseen -= tag in _UNSEEN and self._unseen > 0
        self._kept -= tag in ("pre", "textarea") and self._kept > 0

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if self._kept:
            first, *rest = data.split("\n")
            self._add(first)
            for line in rest:
                self._end_line(always=True)
                self._past += 1
                self._add(line)
            self._past = 0
            return
        words = " ".join(_split(data))
        if self._text and data[:1] in _SPACE and not self._text.endswith(" "):
            self._add(" ")
        self._past = data[: len(data) - len(data.lstrip(_SPACE))].count("\n")
        self._add(words)
        self._past = 0
        if words and data[-1] in _SPACE:
            self._add(" ")

    def _add(self, text: str) -> None:
        if text and not self._text:
            self._start = self._number()
        self._text += text

    def _number(self) -> int:
        """Of the line that is being read."""
        return self._numbers[min(self.getpos()[0] + self._past, len(self._numbers)) - 1]

    def _end_line(self, *, always: bool = False) -> None:
        text = _RUN.sub(lambda run: " " * len(run[0]), self._text).rstrip(_SPACE)
        if text or always:
            lead = ">" * self._depth + " " if self._depth else ""
            number = self._start if text else self._number()
            self.lines.append(BodyLine(f"{lead}{text}", number))
        self._text = ""

    def close(self) -> None:
        super().close()
        self._end_line()


def _split(data: str) -> Iterator[str]:
    """Words between HTML's white space."""
    word = ""
    for letter in data:
        if letter not in _SPACE:
            word += letter
        elif word:
            yield word
            word = ""
    if word:
        yield word


def html_lines(page: Sequence[BodyLine]) -> list[BodyLine]:
    """The lines that an HTML page shows, with their line numbers in the source.

    >>> page = [BodyLine("<p>name = &quot;x&quot;<br>", 7), BodyLine("title = 'X'</p>", 8)]
    >>> [(line.text, line.number) for line in html_lines(page) if line.text]
    [('name = "x"', 7), ("title = 'X'", 8)]
    """
    reader = _Reader([line.number for line in page] or [1])
    reader.feed("\n".join(line.text for line in page))
    reader.close()
    return reader.lines
