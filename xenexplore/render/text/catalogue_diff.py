"""Differences between two releases of Xen, in 72 columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from xenexplore.hypercalls.catalogue.copy_paths import CopyPathChange
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, family
from xenexplore.hypercalls.outline.describe import GUEST_NAMES, guests_text
from xenexplore.hypercalls.outline.diff import (
    Aspect,
    CatalogueDiff,
    EntryChange,
    PlanChange,
    StructChange,
)
from xenexplore.hypercalls.structs import Field
from xenexplore.render.text.table import heading, listed, paragraph, table

__all__ = ["diff_text"]


def diff_text(found: CatalogueDiff) -> str:
    """New, removed and changed hypercalls, sub-ops and structs, with numbers and sizes."""
    lines = heading(f"Hypercalls of Xen {found.old} and Xen {found.new}", "=")
    counts = f"{len(found.added)} new, {len(found.removed)} removed, {len(found.changed)} changed"
    lines += ["", f"{counts}; {len(found.structs)} structs changed (x86-64)."]
    for title, entries in (("New", found.added), ("Removed", found.removed)):
        if entries:
            lines += ["", *heading(f"{title} in {found.new}"), *_entries(entries)]
    if found.changed:
        lines += ["", *heading("Changed"), *_changes(found.changed)]
    if found.structs:
        lines += ["", *heading("Structs changed (x86-64)"), *_structs(found.structs)]
    for title, names in (("New", found.added_structs), ("Removed", found.removed_structs)):
        if names:
            lines += ["", *heading(f"{title} structs"), *listed("", names, indent=1)]
    if found.copy_paths:
        lines += ["", *heading("Copy paths"), *_paths(found.copy_paths)]
    return "\n".join(lines) + "\n"


def _paths(changes: Iterable[CopyPathChange]) -> Iterator[str]:
    for change in changes:
        yield from paragraph(f"{change.since}: {change.what}", 2, 2)
        for source in change.sources:
            yield from paragraph(f"source: {source}", 6, 2)
        yield from paragraph(f"here: {change.here}", 6, 2)


def _number(entry: Family | SubOp) -> str:
    if isinstance(entry, Family):
        return str(entry.number)
    return f"{family(entry.family, entry.xen).number}.{entry.value}"


def _entries(entries: Iterable[Family | SubOp]) -> list[str]:
    rows = [(_number(entry), entry.title, guests_text(entry.guests)) for entry in entries]
    return table(rows, "rll", indent=2)


def _changes(changes: Iterable[EntryChange]) -> Iterator[str]:
    for change in changes:
        what = ", ".join(change.aspects)
        yield from paragraph(f"{_number(change.new)} {change.new.title}: {what}", 2, 2)
        for line in _facts(change):
            yield from paragraph(line, indent=6, hanging=2)
        if change.plan is not None:
            yield from _plan(change.plan)


def _facts(change: EntryChange) -> Iterator[str]:
    """The aspects that are one value, as it was and as it is."""
    old, new = change.old, change.new
    if Aspect.GUESTS in change.aspects:
        yield f"guests: {guests_text(old.guests)} -> {guests_text(new.guests)}"
    if Aspect.CALLERS in change.aspects:
        yield f"caller: {old.who} -> {new.who}"
    if Aspect.STRUCT in change.aspects:
        yield f"struct: {old.struct or 'none'} -> {new.struct or 'none'}"
    if isinstance(old, SubOp) and isinstance(new, SubOp):
        yield from _numbers(dict(old.inner), dict(new.inner))
    if isinstance(old, Family) and isinstance(new, Family):
        if Aspect.ARGUMENTS in change.aspects:
            types = [", ".join(f"{arg.type} {arg.name}" for arg in one.args) for one in (old, new)]
            yield f"arguments: {types[0]} -> {types[1]}"
        if Aspect.CONSTANTS in change.aspects:
            names = ("INTERFACE_VERSION",)
            yield from _numbers(
                {name: old.constants[name] for name in names if name in old.constants},
                {name: new.constants[name] for name in names if name in new.constants},
            )


def _numbers(old: dict[str, int], new: dict[str, int]) -> Iterator[str]:
    for name in [*old, *(name for name in new if name not in old)]:
        if name not in old:
            yield f"{name}: new, {new[name]}"
        elif name not in new:
            yield f"{name}: removed, {old[name]}"
        elif old[name] != new[name]:
            yield f"{name}: {old[name]} -> {new[name]}"


def _plan(plan: PlanChange) -> Iterator[str]:
    yield f"      for {GUEST_NAMES[plan.guest]}:"
    for mark, lines in (("-", plan.removed), ("+", plan.added)):
        for line in lines:
            yield from paragraph(f"{mark} {line}", indent=6, hanging=2)


def _structs(changes: Iterable[StructChange]) -> Iterator[str]:
    for change in changes:
        sizes = f"{change.old_size} -> {change.new_size} bytes"
        if change.old_size == change.new_size:
            sizes = f"{change.new_size} bytes"
        yield from paragraph(f"{change.name}: {sizes}", 2, 2)
        for mark, fields in (("-", change.removed), ("+", change.added)):
            for field in fields:
                yield from paragraph(f"{mark} {_field(field)}", indent=6, hanging=2)


def _field(field: Field) -> str:
    return f"+{field.offset} {field.name}: {field.size} bytes, {field.type}"
