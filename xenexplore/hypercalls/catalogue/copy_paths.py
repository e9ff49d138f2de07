"""Changes between releases in the copy paths, rather than in one hypercall."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from xenexplore.hypercalls.releases import RELEASES, Releases, release_of

__all__ = ["CopyPathChange", "copy_path_changes"]


@dataclass(frozen=True, slots=True)
class CopyPathChange:
    """One change.

    Attributes:
        since: the first release that has it.
        what: what Xen does since then.
        sources: Xen source files with symbols, of that release.
        here: where this model follows it, or why its answers do not depend on it.
    """

    since: str
    what: str
    sources: tuple[str, ...]
    here: str


@cache
def _all() -> tuple[CopyPathChange, ...]:
    file = resources.files("xenexplore.hypercalls") / "data" / "copy_paths.toml"
    rows = tomllib.loads(file.read_text(encoding="utf-8"))["change"]
    return tuple(
        CopyPathChange(
            Releases.read(row, "copy_paths.toml", row["what"]).since,
            row["what"],
            tuple(row["sources"]),
            row["here"],
        )
        for row in rows
    )


def copy_path_changes(old: str, new: str) -> tuple[CopyPathChange, ...]:
    """Changes that a release has and another does not have yet, oldest first.

    Raises:
        ReleaseError: the catalogue does not describe one of them.

    >>> [change.since for change in copy_path_changes("4.18", "4.20")]
    ['4.20']
    """
    after = RELEASES[RELEASES.index(release_of(old)) + 1 : RELEASES.index(release_of(new)) + 1]
    return tuple(change for change in _all() if change.since in after)
