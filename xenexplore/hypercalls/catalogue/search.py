"""Find a hypercall or sub-op by its usual names."""

from __future__ import annotations

import difflib
import re

from xenexplore.errors import CatalogueError, ReleaseError
from xenexplore.hypercalls.catalogue.entries import (
    Family,
    SubOp,
    families,
    family,
    family_of,
    numbers,
)
from xenexplore.hypercalls.releases import DEFAULT, RELEASES, Releases, release_of

__all__ = ["find", "missing_from", "search"]


def find(wanted: str, *, xen: str = DEFAULT) -> Family | SubOp:
    """The hypercall or sub-op that the words mean.

    ``"evtchn send"``, ``"EVTCHNOP_send"``, ``"event_channel_op.send"``, ``"memory_op"``,
    ``"memory_op populate_physmap"`` and the numbers ``"32"`` and ``"32.4"`` all work.  A
    word must be a name, or a whole part of one (``"populate"``): the text ``mask``
    is not ``unmask``.

    Raises:
        ReleaseError: another release of Xen has it; it says which.  Or the catalogue
            describes no such Xen.
        CatalogueError: nothing fits, or several do and none fits best; it
            names what is near.
    """
    words = _words(wanted)
    found = tuple(entry for entry in search(wanted, xen=xen) if _named(words, entry))
    if len(found) == 1:
        return found[0]
    if found:
        raise CatalogueError(wanted, tuple(entry.title for entry in found[:5]))
    if elsewhere := _elsewhere(words, xen):
        raise elsewhere
    near = dict.fromkeys(entry.title for entry in search(wanted, xen=xen)[:3])
    names = [entry.title for entry in _everything(xen)]
    text = wanted.strip().replace(" ", ".").lower()
    near |= dict.fromkeys(difflib.get_close_matches(text, names, n=3, cutoff=0.5))
    raise CatalogueError(wanted, tuple(near)[:5])


def missing_from(entry: Family | SubOp, xen: str) -> ReleaseError:
    """Message that a release of Xen does not have an entry of another's."""
    return ReleaseError(
        release_of(xen), wanted=entry.title, when=str(Releases(entry.since, entry.until))
    )


def _elsewhere(words: list[str], xen: str) -> ReleaseError | None:
    """Message that other releases have the one entry that the words name."""
    found = {
        entry.title: entry
        for release in RELEASES
        for entry in _everything(release)
        if (entry.since or entry.until) and _named(words, entry)
    }
    return missing_from(found.popitem()[1], xen) if len(found) == 1 else None


def _words(wanted: str) -> list[str]:
    return [word for word in re.split(r"[\s.:/]+", wanted.strip().lower()) if word]


def _numbered(words: list[str], xen: str) -> Family | SubOp | None:
    """The entry that numbers mean, as the catalogue's list prints them: 12, or 12.11."""
    if not 1 <= len(words) <= 2 or not all(word.isdecimal() for word in words):
        return None
    one = family_of(int(words[0]), xen)
    if one is None or len(words) == 1:
        return one
    return one.ops.get(int(words[1]))


def _named(words: list[str], entry: Family | SubOp) -> bool:
    """Whether each word is a name of the entry's, or whole parts of one."""
    if _numbered(words, entry.xen) is entry:
        return True
    own, kin = _names(entry)
    return all(any(f"_{word}_" in f"_{name}_" for name in (*own, *kin)) for word in words)


def search(wanted: str, *, xen: str = DEFAULT) -> tuple[Family | SubOp, ...]:
    """Everything that the words may mean, best first; one entry where it is clear.

    Unlike :func:`find` it also takes a word that is any part of a name.
    """
    words = _words(wanted)
    if not words:
        return ()
    if len(words) == 1 and words[0] in numbers(xen).values():
        return (family(words[0], xen),)
    if numbered := _numbered(words, xen):
        return (numbered,)
    scored: list[tuple[int, Family | SubOp]] = []
    for entry in _everything(xen):
        score = _score(words, entry)
        if score:
            scored.append((score, entry))
    if not scored:
        return ()
    best = max(score for score, _ in scored)
    # The sort is stable: equal scores stay in the catalogue's order.
    ranked = sorted(scored, key=lambda pair: -pair[0])
    top = tuple(entry for score, entry in ranked if score == best)
    return top if len(top) == 1 else tuple(entry for _, entry in ranked)


def _everything(xen: str) -> list[Family | SubOp]:
    """Every hypercall, each followed by its sub-ops."""
    found: list[Family | SubOp] = []
    for one in families(xen):
        found += [one, *one.ops.values()]
    return found


def _names(entry: Family | SubOp) -> tuple[set[str], set[str]]:
    """The entry's own names, and those of its hypercall."""
    one = family(entry.family, entry.xen) if isinstance(entry, SubOp) else entry
    kin = {one.name, *one.aliases, f"__hypervisor_{one.name}"}
    if isinstance(entry, SubOp):
        return {entry.name.lower(), entry.constant.lower()}, kin
    return kin, kin


def _score(words: list[str], entry: Family | SubOp) -> int:
    """Rank of an entry for the words; 0 where one of them does not fit at all."""
    own, kin = _names(entry)
    whole = {entry.title.lower(), *own}
    total = 0
    for word in words:
        if word in own:
            total += 8
        elif word in kin:
            total += 4
        elif any(word in name.split("_") for name in own):
            total += 3
        elif any(word in name for name in (*own, *kin)):
            total += 1
        else:
            return 0
    if ".".join(words) in whole or "_".join(words) in whole:
        total += 16
    # A hypercall is meant only where no word names a sub-op of its own.
    return total + (len(words) == 1 and not isinstance(entry, SubOp))
