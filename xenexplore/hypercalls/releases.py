"""The releases of Xen that the catalogue covers, in order, and spans of them.

A fact of the catalogue that does not hold for all of them says from which release on it
holds (``since``) and which is the last that has it (``until``), once.  What was read is the
last point release of each series; the development head is ``"unstable"``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from xenexplore.errors import InputError, ReleaseError

__all__ = ["ALWAYS", "DEFAULT", "READ", "RELEASES", "Releases", "release_of"]

#: Release to the tag or commit of Xen's repository whose headers and handlers were read.
READ = {
    "4.17": "RELEASE-4.17.7",
    "4.18": "RELEASE-4.18.6",
    "4.19": "RELEASE-4.19.6",
    "4.20": "RELEASE-4.20.4",
    "4.21": "RELEASE-4.21.2",
    "4.22": "RELEASE-4.22.0",
    "unstable": "c447b7308b13 (20 August 2026)",
}
RELEASES = tuple(READ)
DEFAULT = RELEASES[0]
# What the development head calls itself (xen/Makefile).
_HEAD = "4.23"

_POINT = re.compile(r"^(\d+\.\d+)(?:\.\d+|-\w+)*$")


def release_of(name: str) -> str:
    """The release that a version belongs to: ``"4.17"`` for ``"4.17.7"``.

    Raises:
        ReleaseError: the catalogue describes no such Xen; it lists those that it does.

    >>> release_of("4.20.4")
    '4.20'
    """
    if name in READ:
        return name
    match = _POINT.match(name.strip())
    if match and match[1] in READ:
        return match[1]
    if match and match[1] == _HEAD:
        return RELEASES[-1]
    raise ReleaseError(name, known=RELEASES)


@dataclass(frozen=True, slots=True)
class Releases:
    """The releases for which a fact holds.

    Attributes:
        since: the first of them, ``""``: 4.17 or before.
        until: the last of them, ``""``: the newest that the catalogue describes.
    """

    since: str = ""
    until: str = ""

    def holds(self, release: str) -> bool:
        """Whether it holds for a release.

        >>> Releases(since="4.18", until="4.20").holds("4.21")
        False
        """
        at = RELEASES.index(release)
        first = RELEASES.index(self.since) if self.since else 0
        last = RELEASES.index(self.until) if self.until else len(RELEASES) - 1
        return first <= at <= last

    @classmethod
    def read(cls, entry: dict[str, Any], source: str, place: str) -> Releases:
        """The ``since`` and ``until`` of a table of the catalogue's data."""
        for key in ("since", "until"):
            if entry.get(key, DEFAULT) not in READ:
                raise InputError(
                    source, f"{place}.{key}", expected=" or ".join(RELEASES), got=str(entry[key])
                )
        return cls(entry.get("since", ""), entry.get("until", ""))

    @classmethod
    def parse(cls, text: str) -> Releases:
        """The span that ``"4.18.."``, ``"..4.20"`` or ``"4.18..4.20"`` spells."""
        since, _, until = text.partition("..")
        return cls(since.removesuffix("."), until)

    def __str__(self) -> str:
        """In words: ``"since 4.18"``, ``"until 4.20"``, ``"4.18 to 4.20"``, or ``""``."""
        if self.since and self.until:
            return f"{self.since} to {self.until}"
        return f"since {self.since}" if self.since else f"until {self.until}" if self.until else ""


#: What every release has.
ALWAYS = Releases()
