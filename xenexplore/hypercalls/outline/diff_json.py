"""The differences between two releases as JSON values."""

from __future__ import annotations

from typing import Any

from xenexplore.hypercalls.catalogue.entries import Family, SubOp
from xenexplore.hypercalls.outline.diff import CatalogueDiff, EntryChange, StructChange
from xenexplore.hypercalls.structs import Field

__all__ = ["diff_json"]


def diff_json(found: CatalogueDiff) -> dict[str, Any]:
    """New, removed and changed hypercalls, sub-ops and structs, with numbers and sizes."""
    return {
        "old": found.old,
        "new": found.new,
        "added": [_entry(entry) for entry in found.added],
        "removed": [_entry(entry) for entry in found.removed],
        "changed": [_change(change) for change in found.changed],
        "structs": [_struct(change) for change in found.structs],
        "added_structs": list(found.added_structs),
        "removed_structs": list(found.removed_structs),
        "copy_paths": [
            {"since": c.since, "what": c.what, "sources": list(c.sources), "here": c.here}
            for c in found.copy_paths
        ],
    }


def _entry(entry: Family | SubOp) -> dict[str, Any]:
    sub = entry if isinstance(entry, SubOp) else None
    return {
        "name": entry.title,
        "sub_op": sub.value if sub else None,
        "constant": sub.constant if sub else f"__HYPERVISOR_{entry.title}",
        "summary": entry.summary,
        "since": entry.since or None,
        "until": entry.until or None,
    }


def _change(change: EntryChange) -> dict[str, Any]:
    plan = change.plan
    return {
        **_entry(change.new),
        "aspects": list(change.aspects),
        "plan": {"guest": plan.guest, "removed": plan.removed, "added": plan.added}
        if plan
        else None,
    }


def _struct(change: StructChange) -> dict[str, Any]:
    return {
        "name": change.name,
        "old_size": change.old_size,
        "new_size": change.new_size,
        "removed": [_field(field) for field in change.removed],
        "added": [_field(field) for field in change.added],
    }


def _field(field: Field) -> dict[str, Any]:
    return {"name": field.name, "offset": field.offset, "size": field.size, "type": field.type}
