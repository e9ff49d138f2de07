"""Scenarios in the lines of a mail: each extracted from between words, quote marks and comments.

A scenario is a run of TOML lines, quoted equally often, with a name and a title.
Lines between them that are quoted less often are comments of the answering person.
What could be read in two ways is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from xenexplore.mail.body import BodyLine
from xenexplore.mail.excerpt import Excerpt, Remark, Trouble
from xenexplore.mail.quoting import depth_of, is_cut, is_end, unquoted
from xenexplore.mail.statements import NOTHING, START, TABLE, TOP_KEY, Mangled, State, read_line

__all__ = ["excerpts_in"]

# No mail program wraps lines that are shorter than this.
_WRAPPED: Final = 56
_LONGEST: Final = 1000
_MARKED: Final = re.compile(f"([ >|]*)[{NOTHING}]+")
_NAME: Final = re.compile(r"\s*name\s*=\s*[\"\u201c\u201d\u201e']([^\"\u201c\u201d']*)")


def excerpts_in(lines: Sequence[BodyLine]) -> list[Excerpt]:
    """Every scenario in a text, in order, and each one that lacks a title.

    Args:
        lines: of one part of a message, decoded.
    """
    found: list[Excerpt] = []
    lines = list(lines)
    at = 0
    while at < len(lines):
        lines[at] = _unmarked(lines[at])
        depth = depth_of(lines[at].text)
        text = unquoted(lines[at].text, depth)
        if not TOP_KEY.match(text):
            if TABLE.match(text):
                _add_stray(found, lines[at], depth)
            at += 1
            continue
        block = _Block(lines, at, depth)
        block.read()
        excerpt = block.excerpt()
        found.append(excerpt)
        # What a fragment swallowed is looked at again, unless it is most of a long text.
        passed = excerpt.is_scenario or block.at - at > _LONGEST
        at = max(block.at, at + 1) if passed else at + 1
    return found


def _unmarked(line: BodyLine) -> BodyLine:
    """A line without what is not seen: iOS Mail puts a byte order mark before what it quotes."""
    marked = _MARKED.match(line.text)
    return replace(line, text=marked[1] + line.text[marked.end() :]) if marked else line


def _add_stray(found: list[Excerpt], line: BodyLine, depth: int) -> None:
    """A table after words: whether it belongs to the scenario above, no one says."""
    for place in range(len(found) - 1, -1, -1):
        above = found[place]
        if above.depth != depth or not above.is_scenario:
            continue
        if above.trouble is None:
            trouble = Trouble(
                line.number, f"no table after the end of {above.name!r}",
                repr(line.text.strip()),
                f"its text ends above, in line {above.last}: keep a scenario in one piece",
            )  # fmt: skip
            found[place] = replace(above, trouble=trouble)
        return


@dataclass
class _Block:
    """One run of TOML lines while it is read.

    Attributes:
        lines: of the whole part.
        at: the line that is looked at.
        depth: how many times the scenario is quoted.
        text: its lines so far.
        numbers: what they are called.
    """

    lines: Sequence[BodyLine]
    at: int
    depth: int
    text: list[str] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)
    trouble: Trouble | None = None
    state: State = field(default_factory=State)
    before: State = field(default_factory=State)  # the state before the last line
    opened: int = 0  # number of the line in which what is open was opened
    table: str = ""
    named: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        line = self.lines[self.at].text
        self.spaced = self.depth > 0 and unquoted(line, self.depth, spaced=False)[:1] == " "
        content = unquoted(line, self.depth, spaced=self.spaced)
        self.indent = len(content) - len(content.lstrip(" \u00a0"))

    def read(self) -> None:
        """Take lines until the scenario ends or cannot be read."""
        while self.at < len(self.lines) and self.trouble is None:
            line = self.lines[self.at]
            depth = depth_of(line.text)
            if depth < self.depth:
                going_on = self._shallower()
            elif depth > self.depth and not self.state.in_prose:
                going_on = False
            else:
                going_on = self._own(self._content(line.text), line.number)
            if not going_on:
                break
        if self.state.is_open and self.trouble is None:
            wanted = f"the {self.state.quote}" if self.state.quote else "the end"
            self.trouble = Trouble(
                self.opened, f"{wanted} of what begins here", "the end of the scenario",
                "keep a scenario in one piece",
            )  # fmt: skip

    def _content(self, line: str) -> str:
        text = unquoted(line, self.depth, spaced=self.spaced)
        lead = text[: self.indent]
        return text[self.indent :] if not lead.strip(" \u00a0") else text

    def _own(self, text: str, number: int) -> bool:
        """A line that is quoted as often as the scenario is; False: it ends there."""
        if self.state.breaks:
            return self._join(text, number)
        if self.state.is_open:
            return self._take(text, number)
        if not text.strip(" \t\u00a0"):
            return self._take("", number)
        if START.match(text):
            if self._begins_another(text):
                return False
            return self._take(text, number)
        if self._follows_comment():
            self.at += 1  # a comment that was wrapped
            return True
        if is_end(text) or not self.text[-1].strip():
            if is_cut(text):
                self._cut(text, number)
            return False
        self.trouble = Trouble(number, "TOML, or a blank line before other words", repr(text[:60]))
        return False

    def _begins_another(self, text: str) -> bool:
        """Whether a key belongs to the next scenario, and not to a table of this one."""
        key = TOP_KEY.match(text)
        if key is None:
            return False
        if not self.table:
            return key[1] in self.named
        keys = {"buffer": {"name", "text"}, "action": {"text"}, "note": {"text"}}
        own = keys.get(self.table, set())
        return key[1] not in own or key[1] in self.named

    def _follows_comment(self) -> bool:
        last = self.text[-1]
        long = len(self.lines[self.at - 1].text) >= _WRAPPED
        return long and last.strip() != "" and "#" in last and not self.state.is_open

    def _take(self, text: str, number: int) -> bool:
        """A line of the scenario."""
        try:
            line, state = read_line(text, self.state)
        except Mangled as found:
            self.trouble = Trouble(number, "a plain space or quote", found.got, found.hint)
            return False
        if not self.state.is_open:
            self._note(line)
            self.opened = number
        self.before, self.state = self.state, state
        self.text.append(line)
        self.numbers.append(number)
        self.at += 1
        return True

    def _note(self, line: str) -> None:
        """Note a line's table, or its key."""
        table, key = TABLE.match(line), TOP_KEY.match(line)
        if table:
            self.table, self.named = table[1], set()
        elif key:
            self.named.add(key[1])

    def _join(self, text: str, number: int) -> bool:
        """The rest of a line that a mail program has wrapped where TOML has no line end."""
        short = len(self.text[-1]) + len(text) < _WRAPPED
        if not text.strip() or (START.match(text) and short):
            wanted = f"the closing {self.state.quote}" if self.state.quote else "a value"
            self.trouble = Trouble(
                number, wanted, repr(text[:60]) if text.strip() else "a blank line",
                f"the open text begins in line {self.opened}",
            )  # fmt: skip
            return False
        start = self.text.pop()
        self.numbers.pop()
        self.state = self.before
        gap = "" if start.endswith(" ") else " "
        return self._take(f"{start}{gap}{text}", self.opened)

    def _shallower(self) -> bool:
        """Lines that are quoted less often: blank, the rest of a wrapped line, or a comment."""
        group = list(self._group())
        after = self.at + len(group)
        said = [(place, text) for place, text in group if text.strip()]
        if not said and self.state.breaks:
            return self._join("", self.lines[self.at].number)
        if not said:
            return self._blank(group, after)
        adjacent = said[0][0] == self.at
        long = len(self.lines[self.at - 1].text) >= _WRAPPED
        if adjacent and self.state.breaks:
            return self._join(said[0][1], self.lines[self.at].number)
        if adjacent and long and self.state.brackets:
            return self._take(said[0][1], self.lines[self.at].number)
        if not self._goes_on(after) or any(is_end(text) for _, text in said):
            return False
        number = self.lines[said[0][0]].number
        if adjacent and long and self.state.in_prose:
            self.trouble = Trouble(
                number, "a blank line around a comment, or the same quote marks as above",
                repr(said[0][1].strip()[:60]),
                "this may be a comment or the rest of the line above, wrapped by a mail program",
            )  # fmt: skip
            return False
        for place, text in said:
            if is_cut(text):
                self._cut(text, self.lines[place].number)
                return False
        self.remarks.append(
            Remark(number, self.numbers[-1], len(self.text), _trimmed([t for _, t in group]))
        )
        self.at = after
        return True

    def _group(self) -> Iterator[tuple[int, str]]:
        """The lines from here on that are quoted less often, with their places."""
        for place in range(self.at, len(self.lines)):
            depth = depth_of(self.lines[place].text)
            if depth >= self.depth:
                return
            yield place, unquoted(self.lines[place].text, depth)

    def _blank(self, group: Sequence[tuple[int, str]], after: int) -> bool:
        """Blank lines without quote marks: some programs leave the marks out."""
        if not self._goes_on(after):
            return False
        return all(self._take("", self.lines[place].number) for place, _ in group)

    def _goes_on(self, after: int) -> bool:
        """Whether the scenario goes on in a line, blank lines passed over."""
        for place in range(after, len(self.lines)):
            line = self.lines[place].text
            depth = depth_of(line)
            if depth < self.depth or (depth > self.depth and not self.state.in_prose):
                return False
            text = self._content(line)
            if self.state.is_open:
                return True
            if text.strip(" \t\u00a0"):
                return bool(START.match(text)) and not self._begins_another(text)
        return False

    def _cut(self, text: str, number: int) -> None:
        """Lines were left out; that matters where the scenario goes on below."""
        if self._goes_on(self._next_own(self.at + 1)):
            self.trouble = Trouble(
                number, "the whole scenario", f"{text.strip()!r}, where lines were left out",
                "ask for the complete message",
            )  # fmt: skip

    def _next_own(self, after: int) -> int:
        """The next line that is quoted as often and is not blank."""
        for place in range(after, len(self.lines)):
            line = self.lines[place].text
            if depth_of(line) >= self.depth and self._content(line).strip():
                return place
        return len(self.lines)

    def excerpt(self) -> Excerpt:
        """The text that was read."""
        while self.text and not self.text[-1].strip() and not self.state.in_prose:
            self.text.pop()
            self.numbers.pop()
        named = next((found[1] for line in self.text if (found := _NAME.match(line))), "")
        titled = any(found[1] == "title" for line in self.text if (found := TOP_KEY.match(line)))
        return Excerpt(
            name=named,
            depth=self.depth,
            text="\n".join(self.text) + "\n",
            numbers=tuple(self.numbers),
            remarks=tuple(self.remarks),
            is_scenario=bool(named) and titled,
            trouble=self.trouble,
        )


def _trimmed(lines: Sequence[str]) -> str:
    return "\n".join(line.rstrip() for line in lines).strip("\n")
