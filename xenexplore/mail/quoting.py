"""Quote marks of mails, and lines that programs add: attributions, signatures, footers."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["depth_of", "is_attribution", "is_cut", "is_end", "unquoted"]

# Xen's lists see "> > ", ">> ", "| " and mixtures of them.
_MARK: Final = re.compile(r" ?[>|]")
_ENDS: Final = (
    re.compile(r"-- ?$"),  # a signature (RFC 3676, 4.3); some programs strip the space
    re.compile(r"_{10,}\s*$"),  # a list's footer; Outlook's rule above what it answers
    re.compile(r"-{5,}"),  # -----Original Message-----, PGP armour
    re.compile(r"\*{5,}"),
)
_ATTRIBUTION: Final = re.compile(
    r"(?:On|Am|Le|El|Il|Op)\b.*\d[./:-]\d.*:\s*$"
    r"|.*\b(?:wrote|writes|schrieb|a \u00e9crit)\s*:\s*$"
)
_CUT: Final = re.compile(
    r"\s*(?:[\[<(]\s*(?:\.\.\.|\u2026|snip|cut|trim|skip|deleted|omitted)[^\]>)]*[\]>)]"
    r"|\.\.\.+|\u2026|-+\s*(?:8<|>8|snip|cut here).*|8<-+.*)\s*$",
    re.IGNORECASE,
)


def _marks(line: str) -> list[int]:
    """End of each quote mark at the beginning of a line."""
    ends: list[int] = []
    at = 0
    while (found := _MARK.match(line, at)) is not None:
        at = found.end()
        ends.append(at)
    return ends


def depth_of(line: str) -> int:
    """Depth at which a line is quoted.

    >>> depth_of("> > text"), depth_of(">>text"), depth_of("text > 3"), depth_of("|> x")
    (2, 2, 0, 2)
    """
    return len(_marks(line))


def unquoted(line: str, depth: int, *, spaced: bool = True) -> str:
    """A line without its outer quote marks.

    Args:
        line: quoted at least ``depth`` times.
        depth: how many marks are taken off.
        spaced: whether the program that quoted puts a space behind its mark.

    >>> unquoted("> > text", 1), unquoted(">> text", 2), unquoted(">  text", 1, spaced=False)
    ('> text', 'text', '  text')
    """
    if not depth:
        return line
    rest = line[_marks(line)[depth - 1] :]
    return rest.removeprefix(" ") if spaced else rest


def is_end(text: str) -> bool:
    """Whether a line that is not TOML ends the text before it."""
    return any(end.match(text) for end in _ENDS) or is_attribution(text)


def is_attribution(text: str) -> bool:
    """Whether a line attributes the quoted text below it.

    >>> is_attribution("On 28.09.2022 10:05, Jan Beulich wrote:"), is_attribution("use = 1")
    (True, False)
    """
    return _ATTRIBUTION.match(text.strip()) is not None


def is_cut(text: str) -> bool:
    """Whether a line marks omitted lines.

    >>> is_cut("[...]"), is_cut("[snip]"), is_cut("[[option]]")
    (True, True, False)
    """
    return _CUT.match(text) is not None
