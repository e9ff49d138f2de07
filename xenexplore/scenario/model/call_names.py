"""Hypercalls by the names that a scenario uses, e.g. ``"event_channel_op send"``."""

from __future__ import annotations

import difflib
from functools import cache

from xenexplore.errors import CatalogueError
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, families, family, numbers
from xenexplore.hypercalls.catalogue.search import missing_from
from xenexplore.hypercalls.releases import DEFAULT, RELEASES

__all__ = ["SELECTORS", "canonical_name", "find_call", "op_argument"]

SELECTORS = ("cmd", "op")
"""Names of the argument that holds the sub-op's number."""


@cache
def find_call(name: str, xen: str = DEFAULT) -> tuple[Family, SubOp | None]:
    """The family and sub-op of a name, as one release of Xen has them.

    Accepted: family and sub-op with a space or a dot between, a family that
    has no sub-ops or names them in a struct (domctl), or the header's name of
    a sub-op.

    Raises:
        ReleaseError: another release has it; says which.
        CatalogueError: there is none; carries the nearest names.
    """
    try:
        return _find(name, xen)
    except CatalogueError:
        for release in RELEASES:
            try:
                found, op = _find(name, release)
            except CatalogueError:
                continue
            raise missing_from(op or found, xen) from None
        raise


@cache
def _find(name: str, xen: str) -> tuple[Family, SubOp | None]:
    head, _, tail = name.replace(".", " ").partition(" ")
    if head in numbers(xen).values():
        found = family(head, xen)
        if op_argument(found) is None and not tail:
            return found, None
        for op in found.ops.values():
            if tail in (op.name, op.constant):
                return found, op
        known = [canonical_name(found, op) for op in found.ops.values()]
        raise CatalogueError(name, tuple(difflib.get_close_matches(name, known, n=3, cutoff=0.4)))
    everything: dict[str, tuple[Family, SubOp | None]] = {}
    for found in families(xen):
        if not found.ops:
            everything[found.name] = (found, None)
        for op in found.ops.values():
            everything[op.constant] = everything[canonical_name(found, op)] = (found, op)
    if name in everything:
        return everything[name]
    near = difflib.get_close_matches(name, everything, n=3, cutoff=0.4)
    raise CatalogueError(name, tuple(near))


def canonical_name(found: Family, op: SubOp | None) -> str:
    """Family and sub-op as the writer puts them: ``"event_channel_op send"``."""
    return found.name if op is None else f"{found.name} {op.name}"


def op_argument(found: Family) -> str | None:
    """Name of the argument that holds the sub-op's number, where there is one."""
    if not found.ops:
        return None
    return next((a.name for a in found.args if a.name in SELECTORS), None)
