"""TOML line by line: the constructs that a line leaves open, and the damage done by mail programs.

This is not a parser: tomllib reads the whole afterwards.  It knows just where strings,
comments and brackets begin and end, after the TOML 1.0.0 specification.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from xenexplore.scenario.text.vocabulary import LISTS

__all__ = ["NOTHING", "START", "TABLE", "TOP_KEY", "Mangled", "State", "read_line"]

START: Final = re.compile(
    r"\s*(?:#|\[\[?\s*[A-Za-z_][\w.-]*\s*\]\]?\s*(?:#|$)"
    r"|(?:[A-Za-z0-9_-]+|\"[^\"]*\")(?:\s*\.\s*(?:[A-Za-z0-9_-]+|\"[^\"]*\"))*\s*=)"
)
"""How a statement, or a comment, begins."""
TABLE: Final = re.compile(rf"\s*\[\[?\s*(xen|guest|{'|'.join(LISTS)})\s*\]\]?\s*(?:#|$)")
"""The header of a scenario's table."""
TOP_KEY: Final = re.compile(r"\s*(name|title|question|asked|ours|text)\s*=")
"""A key of the scenario itself."""

_SPACES: Final = "\u00a0\u2007\u202f\u3000"
NOTHING: Final = "\u200b\u200c\u200d\u2060\ufeff\u00ad"
"""Invisible characters that mail programs insert."""
_CURLY: Final = "\u201c\u201d\u201e\u201f\u00ab\u00bb"
_CLOSED: Final = re.compile(rf'[{_CURLY}"]([ !#-\[\]-~]*)[{_CURLY}"]')


class Mangled(Exception):  # noqa: N818 - says what was found; where it was is the caller's
    """A mail program may have changed a character, and the original is unknown.

    Attributes:
        got: what is there.
        hint: what to do.
    """

    def __init__(self, got: str, hint: str) -> None:
        self.got = got
        self.hint = hint
        super().__init__(got)


@dataclass(frozen=True, slots=True)
class State:
    """Constructs that are open after a line.

    Attributes:
        quote: the quotes of the string that is open, or ``""``.
        brackets: those that are open, outermost first.
        waits: whether a key has its = and no value yet.
    """

    quote: str = ""
    brackets: str = ""
    waits: bool = False

    @property
    def in_prose(self) -> bool:
        """Inside a multi-line string, where any line is allowed."""
        return len(self.quote) == 3

    @property
    def breaks(self) -> bool:
        """Whether TOML allows no line end here: a mail program has inserted it."""
        return len(self.quote) == 1 or self.brackets.endswith("{") or self.waits

    @property
    def is_open(self) -> bool:
        """Whether anything is open."""
        return bool(self.quote or self.brackets or self.waits)


def read_line(line: str, state: State) -> tuple[str, State]:
    """A line as TOML, and the constructs that are open after it.

    Outside strings, the spaces of other kinds become spaces.

    Raises:
        Mangled: typographic quotes or spaces, where they may be a mail program's.
    """
    quote, brackets, waits = state.quote, state.brackets, state.waits
    out: list[str] = []
    at = 0
    while at < len(line):
        letter = line[at]
        if quote:
            if quote[0] == '"' and letter == "\\":
                out.append(line[at : at + 2])
                at += 2
            elif line.startswith(quote, at):
                end = at + len(quote)
                # Up to two quotes may stand before the three that close.
                while len(quote) == 3 and line.startswith(quote[0], end) and end - at < 5:
                    end += 1
                out.append(line[at:end])
                at, quote = end, ""
            else:
                out.append(_inside(letter))
                at += 1
            continue
        if letter == "#":
            out.append(line[at:])
            break
        if letter in "\"'":
            quote = letter * 3 if line.startswith(letter * 3, at) else letter
            out.append(quote)
            at, waits = at + len(quote), False
            continue
        if letter in _CURLY:
            text = _straight(line, at)
            out.append(f'"{text}"')
            at, waits = at + len(text) + 2, False
            continue
        if letter in "[{":
            brackets += letter
        elif letter in "]}":
            brackets = brackets[:-1]
        letter = " " if letter in _SPACES else "" if letter in NOTHING else letter
        if letter == "=" and not brackets:
            waits = True
        elif letter.strip():
            waits = False
        out.append(letter)
        at += 1
    return "".join(out), State(quote, brackets, waits)


def _inside(letter: str) -> str:
    """A letter of a string, unless a mail program may have put it there."""
    if letter in _SPACES or letter in NOTHING:
        raise Mangled(
            f"U+{ord(letter):04X} inside a string",
            "a mail program may have put it there; type a space, or the character as "
            f"\\u{ord(letter):04x}",
        )
    return letter


def _straight(line: str, at: int) -> str:
    """Text in a pair of typographic quotes, with straight ones."""
    found = _CLOSED.match(line, at)
    if found is None or not found[1]:
        raise Mangled(
            f"the typographic quote {line[at]}", 'a mail program has put it there; type "'
        )
    return found[1]
