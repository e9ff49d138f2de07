"""Find a hypercall or sub-op by what people call it."""

from __future__ import annotations

import difflib
import re

from xenexplore.errors import CatalogueError
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, families, family, numbers

__all__ = ["find", "search"]


def find(wanted: str) -> Family | SubOp:
    """The hypercall or sub-op that the words mean.

    ``"evtchn send"``, ``"EVTCHNOP_send"``, ``"event_channel_op.send"``, ``"memory_op"``
    and ``"memory_op populate_physmap"`` all work; the words may be parts of names.

    Raises:
        CatalogueError: nothing fits, or several do and none fits best; it
            names what is near.
    """
    found = search(wanted)
    if len(found) == 1:
        return found[0]
    if found:
        raise CatalogueError(wanted, tuple(entry.title for entry in found[:5]))
    names = [entry.title for entry in _everything()]
    near = difflib.get_close_matches(wanted.replace(" ", ".").lower(), names, n=3, cutoff=0.5)
    raise CatalogueError(wanted, tuple(near))


def search(wanted: str) -> tuple[Family | SubOp, ...]:
    """Everything that the words may mean, best first; one entry where it is clear."""
    words = [word for word in re.split(r"[\s.:/]+", wanted.strip().lower()) if word]
    if not words:
        return ()
    if len(words) == 1 and words[0] in numbers().values():
        return (family(words[0]),)
    scored: list[tuple[int, Family | SubOp]] = []
    for entry in _everything():
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


def _everything() -> list[Family | SubOp]:
    """Every hypercall, each followed by its sub-ops."""
    found: list[Family | SubOp] = []
    for one in families():
        found += [one, *one.ops.values()]
    return found


def _score(words: list[str], entry: Family | SubOp) -> int:
    """How well the words name an entry; 0 where one of them does not fit at all."""
    one = family(entry.family) if isinstance(entry, SubOp) else entry
    kin = {one.name, *one.aliases, f"__hypervisor_{one.name}"}
    if isinstance(entry, SubOp):
        own = {entry.name.lower(), entry.constant.lower()}
        whole = {entry.title.lower(), *own}
    else:
        own, whole = set(kin), set(kin)
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
