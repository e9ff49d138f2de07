"""The text of a message as lines: transfer encoding, character set and flowed text undone."""

from __future__ import annotations

import base64
import binascii
import quopri
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from xenexplore.errors import ScenarioError

__all__ = ["BodyLine", "body_lines"]

_MARKS: Final = re.compile(r">*")


@dataclass(frozen=True, slots=True)
class BodyLine:
    """A line of a message's text.

    Attributes:
        text: without its end.
        number: of the line in the mail as it was received, from 1.
    """

    text: str
    number: int


def body_lines(
    payload: str,
    first: int,
    source: str,
    *,
    encoding: str,
    charset: str,
    flowed: bool = False,
    delsp: bool = False,
) -> Iterator[BodyLine]:
    """The lines of a text, each with the number of the line that it begins in.

    Args:
        payload: the text as it was sent, one character for each byte.
        first: number of its first line.
        source: its name in messages.
        encoding: ``Content-Transfer-Encoding``, in lower case.
        charset: as ``Content-Type`` names it; ``""``: UTF-8.
        flowed: ``format=flowed`` (RFC 3676): lines that end in a space go on in the next.
        delsp: ``DelSp=yes``: without that space.

    Raises:
        ScenarioError: it is not in that encoding or character set.
    """
    if encoding == "quoted-printable":
        pieces: Iterable[tuple[bytes, int]] = _unquoted(payload, first)
    elif encoding == "base64":
        pieces = _unpacked(payload, first, source)
    else:
        lines = payload.split("\n")
        pieces = ((line.encode("latin-1"), first + at) for at, line in enumerate(lines))
    decoded = (BodyLine(_decoded(raw, at, source, charset), at) for raw, at in pieces)
    return _flowed(decoded, delsp=delsp) if flowed else iter(list(decoded))


def _unquoted(payload: str, first: int) -> Iterator[tuple[bytes, int]]:
    """RFC 2045, 6.7: a = at the end of a line joins it with the next."""
    parts: list[str] = []
    start = first
    for number, line in enumerate(payload.split("\n"), first):
        if not parts:
            start = number
        bare = line.rstrip(" \t")
        soft = bare.endswith("=")
        parts.append(bare[:-1] if soft else bare)
        if not soft:
            yield quopri.decodestring("".join(parts).encode("latin-1")), start
            parts = []
    if parts:
        yield quopri.decodestring("".join(parts).encode("latin-1")), start


def _unpacked(payload: str, first: int, source: str) -> Iterator[tuple[bytes, int]]:
    try:
        raw = base64.b64decode("".join(payload.split()).encode("latin-1"), validate=True)
    except binascii.Error as error:
        raise ScenarioError(
            source, "", expected="base64", got=f"something else ({error})",
            hint="save the message again, as the mail program received it",
        ) from None  # fmt: skip
    for at, line in enumerate(raw.replace(b"\r\n", b"\n").split(b"\n")):
        yield line, first + at


def _decoded(raw: bytes, number: int, source: str, charset: str) -> str:
    # What says ASCII and is not is UTF-8 or refused.
    named = "utf-8" if charset in ("", "us-ascii", "ascii", "unknown-8bit") else charset
    try:
        return raw.decode(named)
    except LookupError:
        got = f"the character set {charset!r}"
        expected = "a character set that Python knows"
    except UnicodeDecodeError as error:
        got = f"the byte {raw[error.start]:#04x}"
        expected = f"text in {named.upper()}"
    raise ScenarioError(
        source, f"line {number}", expected=expected, got=got,
        hint="save the message again, in UTF-8",
    ) from None  # fmt: skip


def _flowed(lines: Iterable[BodyLine], *, delsp: bool) -> Iterator[BodyLine]:
    """RFC 3676, 4: paragraphs in one line again, space-stuffing undone, quote marks kept."""
    parts: list[str] = []
    depth = start = 0
    for line in lines:
        marks = _MARKS.match(line.text)
        level = marks.end() if marks else 0
        text = line.text[level:].removeprefix(" ")
        if parts and (level != depth or text == "-- "):
            yield _joined(parts, depth, start)
            parts = []
        if not parts:
            depth, start = level, line.number
        flows = text.endswith(" ") and text != "-- "
        parts.append(text[:-1] if flows and delsp else text)
        if not flows:
            yield _joined(parts, depth, start)
            parts = []
    if parts:
        yield _joined(parts, depth, start)


def _joined(parts: list[str], depth: int, number: int) -> BodyLine:
    lead = ">" * depth + " " if depth else ""
    return BodyLine(lead + "".join(parts), number)
