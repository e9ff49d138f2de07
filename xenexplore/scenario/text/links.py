"""Links to a view: run, step, or the scenario's whole text.

A link is a page's address with a fragment, which no server is sent::

    #s=wrong-vcpu&o=software-tlb&step=5
    #z=eJx...&o=software-tlb

``s`` names a scenario of the site, ``z`` carries one: its text in UTF-8, as a zlib stream (RFC
1950, whose checksum tells a damaged one) in base64url without padding (RFC 4648, section 5).
``o`` is an option's label; without it all options are shown side by side, and ``c`` is the column
that is looked at.  ``step`` counts from 0, ``end`` is the end.  ``assets/links.js`` of the site
is the other half.
"""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from xenexplore.errors import InputError
from xenexplore.files.bounded import TEXT_LIMIT

__all__ = ["END", "Link", "decode_link", "encode_link"]

#: The step that stands for the end of a run.
END: Final = -1
_KEYS = ("s", "z", "o", "c", "step")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
_STEP = re.compile(r"[0-9]{1,9}|end", re.ASCII)
# What encodeURIComponent leaves as it is (ECMA-262, 19.2.6.4).
_UNRESERVED = "-_.!~*'()"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """Target of a link.

    Attributes:
        scenario: name of a scenario that the site has, or ``""``.
        text: a scenario's whole text, or ``""``; one of the two is given.
        option: an option's label; ``""``: all of them, side by side.
        column: of those, the label of the one that is looked at, or ``""``.
        step: from 0; :data:`END`; None: where the view opens by itself.
    """

    scenario: str = ""
    text: str = ""
    option: str = ""
    column: str = ""
    step: int | None = None


def encode_link(link: Link) -> str:
    """The fragment of a link, with its ``#``.

    >>> encode_link(Link(scenario="wrong-vcpu", option="tlb, subject", step=5))
    '#s=wrong-vcpu&o=tlb%2C%20subject&step=5'
    """
    packed = zlib.compress(link.text.encode(), 9) if link.text else b""
    step = "" if link.step is None else "end" if link.step == END else str(link.step)
    parts = {
        "s": quote(link.scenario, safe=_UNRESERVED),
        "z": base64.urlsafe_b64encode(packed).decode().rstrip("="),
        "o": quote(link.option, safe=_UNRESERVED),
        "c": quote(link.column, safe=_UNRESERVED),
        "step": step,
    }
    return "#" + "&".join(f"{key}={value}" for key, value in parts.items() if value)


def decode_link(link: str) -> Link:
    """Decode a link: a whole address, or the part of it from the ``#`` on.

    Raises:
        InputError: it names no scenario, or is damaged.

    >>> decode_link("https://host/site/view.html#s=straddle&step=end").step == END
    True
    """
    given: dict[str, str] = {}
    for part in link.rpartition("#")[2].split("&"):
        key, _, value = part.partition("=")
        if key in given:
            raise _damaged(key, "each key once", "two of them")
        if key in _KEYS:
            given[key] = value
    if ("s" in given) == ("z" in given):
        got = "both" if "s" in given else "neither"
        raise _damaged("", "s=NAME or z=TEXT after the #", got)
    step = given.get("step")
    if step is not None and not _STEP.fullmatch(step):
        raise _damaged("step", "a number from 0, or end", repr(step))
    return Link(
        scenario=_words(given, "s"),
        text=_unpacked(given["z"]) if "z" in given else "",
        option=_words(given, "o"),
        column=_words(given, "c"),
        step=None if step is None else END if step == "end" else int(step),
    )


def _words(given: dict[str, str], key: str) -> str:
    try:
        found = unquote(given.get(key, ""), errors="strict")
    except UnicodeDecodeError:
        raise _damaged(key, "UTF-8, percent-encoded", "other bytes") from None
    if key in given and not found:
        raise _damaged(key, "a name", "nothing")
    return found


def _unpacked(packed: str) -> str:
    expected = "a scenario, packed"
    if not _BASE64URL.fullmatch(packed):
        raise _damaged(
            "z", expected, "characters that do not belong there" if packed else "nothing"
        )
    try:
        data = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        machine = zlib.decompressobj()
        text = machine.decompress(data, TEXT_LIMIT + 1)
    except (binascii.Error, zlib.error):
        raise _damaged("z", expected, "a part of one, or a changed one") from None
    if len(text) > TEXT_LIMIT:
        raise _damaged("z", f"at most {TEXT_LIMIT >> 20} MiB of text", "more")
    if not machine.eof or machine.unused_data:
        raise _damaged("z", expected, "a part of one, or a changed one")
    try:
        found = text.decode()
    except UnicodeDecodeError:
        raise _damaged("z", "text in UTF-8", "other bytes") from None
    if not found:
        raise _damaged("z", expected, "nothing")
    return found


def _damaged(place: str, expected: str, got: str) -> InputError:
    hint = "a mail reader may have truncated it: copy the whole link again"
    return InputError("link", place, expected=expected, got=got, hint=hint)
