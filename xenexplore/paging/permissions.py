"""Rights as four letters, for runs and for single walks."""

from __future__ import annotations

from xenexplore.paging.walk_record import Walk

__all__ = ["permissions", "walk_permissions"]


def permissions(writable: bool, executable: bool, user: bool) -> str:
    """Rights as four letters: read (always), write, execute, user."""
    return f"r{'w' if writable else '-'}{'x' if executable else '-'}{'u' if user else '-'}"


def walk_permissions(one: Walk) -> str | None:
    """Rights of all levels of a walk together, as :func:`permissions`; None: it found no page.

    With paging off everything is permitted.
    """
    if not (one.ok or one.reached_leaf):
        return None
    all_of, any_of = -1, 0
    for entry, level in zip(one.entries, one.state.plan.levels, strict=False):
        all_of &= entry | level.grants
        any_of |= entry
    return permissions(bool(all_of & 2), not any_of >> 63, bool(all_of & 4))
