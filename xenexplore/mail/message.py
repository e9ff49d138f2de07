"""A mail or an mbox as messages, and each message as the lines that its text has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_string
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import Message
from email.utils import parseaddr, parsedate_to_datetime
from typing import Final

from xenexplore.errors import ScenarioError
from xenexplore.mail.body import BodyLine, body_lines
from xenexplore.mail.html_text import html_lines

__all__ = ["Letter", "Part", "has_headers", "read_letters"]

_HEADER: Final = re.compile(r"([!-9;-~]+):(?:[ \t]|$)")
_KNOWN: Final = {
    "from", "to", "cc", "subject", "date", "message-id", "received", "mime-version", "sender",
    "content-type", "content-transfer-encoding", "return-path", "delivered-to", "in-reply-to",
    "references", "list-id", "reply-to", "x-mozilla-status", "arc-seal", "dkim-signature",
}  # fmt: skip
# As mbox(5) has it: the envelope's sender and a date.
_ENVELOPE: Final = re.compile(r"From \S.*\d\d:\d\d")
_ID: Final = re.compile(r"<[^<>\s]+>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One text of a message.

    Attributes:
        source: its name in messages.
        lines: its lines, decoded, with their numbers.
        attached: whether it is a file of its own, which no mail program quotes or wraps.
    """

    source: str
    lines: tuple[BodyLine, ...]
    attached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One message; a text without headers has no metadata.

    Attributes:
        sender: the name in ``From``, or else the address; ``""``: not known.
        address: the address in ``From``.
        date: the header ``Date``, as it stands.
        day: its day, ``2022-09-28``; ``""``: not known.
        subject: the header ``Subject``, decoded.
        message_id: with its angle brackets.
        references: Message-IDs of what it answers, oldest first.
        parts: its texts.
        unreadable: why it has no text, where it has none.
    """

    sender: str = ""
    address: str = ""
    date: str = ""
    day: str = ""
    subject: str = ""
    message_id: str = ""
    references: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    unreadable: str = ""


def has_headers(text: str) -> bool:
    """Whether a text begins like a message or an mbox.

    >>> has_headers("Subject: buffers" + chr(10) * 2 + "text"), has_headers('name = "x"')
    (True, False)
    """
    lines = text.lstrip("\ufeff\n\r ").split("\n", 40)
    start = 1 if _ENVELOPE.match(lines[0]) else 0
    for line in lines[start:]:
        found = _HEADER.match(line)
        if found and found[1].lower() in _KNOWN:
            return True
        if not found and not line[:1].isspace():
            return False
    return False


def read_letters(raw: bytes, source: str) -> list[Letter]:
    """Every message of a mail, an mbox, or a text without headers.

    Args:
        raw: the file.
        source: its name in messages.

    Raises:
        ScenarioError: a message's text is not in the encoding that it names.
    """
    # Each character is a byte: what Content-Transfer-Encoding and charset say comes later.
    text = raw.decode("latin-1").replace("\r\n", "\n")
    if not has_headers(text.removeprefix("\u00ef\u00bb\u00bf")):
        lines = tuple(body_lines(text, 1, source, encoding="8bit", charset=""))
        return [Letter(parts=(Part(source=source, lines=lines),))]
    text = text.removeprefix("\u00ef\u00bb\u00bf")
    return [_letter(one, first, source) for first, one in _split(text)]


def _split(text: str) -> Iterator[tuple[int, str]]:
    """The messages of an mbox with the number of their first header line; or the one message."""
    lines = text.split("\n")
    at = next((place for place, line in enumerate(lines) if line.strip()), 0)
    if not _ENVELOPE.match(lines[at]):
        yield at + 1, "\n".join(lines[at:])
        return
    starts = [
        place
        for place in range(at, len(lines) - 1)
        if _ENVELOPE.match(lines[place])
        and (place == at or not lines[place - 1].strip())
        and _HEADER.match(lines[place + 1])
    ]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        # The mboxrd format: lines of the text that would be envelopes have one more >.
        yield (
            start + 2,
            "\n".join(re.sub(r"^>(>*From )", r"\1", line) for line in lines[start + 1 : end]),
        )


def _letter(text: str, first: int, source: str) -> Letter:
    message = message_from_string(text)
    name, address = parseaddr(_header(message, "From").replace("\n", " "))
    date = _header(message, "Date")
    asked = [*_ID.findall(_header(message, "References"))]
    answered = _ID.findall(_header(message, "In-Reply-To"))
    asked += [one for one in answered[:1] if one not in asked]
    found = _ID.search(_header(message, "Message-ID"))
    parts, unreadable = _parts(message, text, first, source)
    return Letter(
        sender=name or address,
        address=address,
        date=date,
        day=_day(date),
        subject=" ".join(_header(message, "Subject").split()),
        message_id=found[0] if found else "",
        references=tuple(asked),
        parts=parts,
        unreadable=unreadable,
    )


def _header(message: Message, name: str) -> str:
    """A header, decoded as far as it can be."""
    value = message.get(name)
    if value is None:
        return ""
    try:
        return str(make_header(decode_header(str(value)))).strip()
    except (HeaderParseError, LookupError, UnicodeError, ValueError):
        return str(value).strip()


def _day(date: str) -> str:
    try:
        return parsedate_to_datetime(date).date().isoformat()
    except (TypeError, ValueError, IndexError):
        return ""


def _parts(message: Message, text: str, first: int, source: str) -> tuple[tuple[Part, ...], str]:
    """The texts of a message: attached scenarios, then what is to be read, HTML if that is all."""
    plain: list[Part] = []
    attached: list[Part] = []
    pages: list[Part] = []
    at = 0
    for part in message.walk():
        payload = part.get_payload()
        if part.is_multipart() or not isinstance(payload, str) or not payload:
            continue
        # The parser keeps a part's lines as they are, in order: so they are found again.
        found = text.find(payload, at)
        if found < 0:
            raise ScenarioError(source, "", expected="a whole message", got="a damaged one")
        at = found + len(payload)
        line = first + text.count("\n", 0, found)
        name = _filename(part)
        kind = part.get_content_type()
        if name.lower().endswith(".toml") or kind in ("application/toml", "text/toml"):
            attached.append(
                _part(part, payload, line, f"{source}, attachment {name or kind}", True)
            )
        elif kind == "text/plain" and part.get_content_disposition() != "attachment":
            plain.append(_part(part, payload, line, source, False))
        elif kind == "text/html":
            pages.append(_part(part, payload, line, f"{source}, HTML part", False))
    if not plain:
        plain = [Part(source=page.source, lines=tuple(html_lines(page.lines))) for page in pages]
    why = "" if plain or attached else "a message without text"
    return (*attached, *plain), why


def _filename(part: Message) -> str:
    try:
        return part.get_filename() or ""
    except (LookupError, UnicodeError, ValueError):
        return ""


def _part(part: Message, payload: str, line: int, source: str, attached: bool) -> Part:
    encoding = str(part.get("Content-Transfer-Encoding", "7bit")).strip().lower()
    flowed = str(part.get_param("format", "")).lower() == "flowed"
    if encoding == "base64":
        # Its lines are not those of the mail: they are counted in what a reader sees.
        source, line = f"{source}, base64 text decoded", 1
    lines = body_lines(
        payload, line, source, encoding=encoding, charset=part.get_content_charset() or "",
        flowed=flowed and not attached,
        delsp=str(part.get_param("delsp", "")).lower() == "yes",
    )  # fmt: skip
    return Part(source=source, lines=tuple(lines), attached=attached)
