"""Differences between two releases of Xen: hypercalls, sub-ops, structs, plans."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from xenexplore.display import Shown
from xenexplore.hypercalls.catalogue.copy_paths import CopyPathChange, copy_path_changes
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, families, family
from xenexplore.hypercalls.outline.outline import outline
from xenexplore.hypercalls.releases import DEFAULT, release_of
from xenexplore.hypercalls.structs import Field, Structs, structs_for

__all__ = ["Aspect", "CatalogueDiff", "EntryChange", "PlanChange", "StructChange", "diff"]


class Aspect(StrEnum):
    """Aspect in which an entry differs."""

    ARGUMENTS = "arguments"
    CALLERS = "callers"
    CONSTANTS = "constants"
    GUESTS = "guests"
    PLAN = "plan"
    STRUCT = "struct"
    SUB_OPS = "sub-ops of the sub-op"


@dataclass(frozen=True, slots=True)
class PlanChange:
    """Difference of the copy plan for the first kind of guest that has one.

    Attributes:
        guest: ``"hvm"``, ``"pv"`` or ``"arm"``.
        removed: lines of the older plan that the newer one does not have, in order.
        added: lines of the newer plan that the older one does not have, in order.
    """

    guest: str
    removed: tuple[str, ...]
    added: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EntryChange:
    """An entry that both releases have, and that differs.

    Attributes:
        old, new: the entry as each release has it.
        aspects: what of it differs, sorted.
        plan: how the plan differs, where it does.
    """

    old: Family | SubOp
    new: Family | SubOp
    aspects: tuple[Aspect, ...]
    plan: PlanChange | None


@dataclass(frozen=True, slots=True)
class StructChange:
    """A struct or union of x86-64 that both releases have, and that differs.

    Attributes:
        name: its name.
        old_size, new_size: in bytes.
        removed: fields that are gone, or that were elsewhere or had another type.
        added: fields that are new, or as they are now.
    """

    name: str
    old_size: int
    new_size: int
    removed: tuple[Field, ...]
    added: tuple[Field, ...]


@dataclass(frozen=True, slots=True)
class CatalogueDiff(Shown):
    """Differences between two releases of Xen.

    Attributes:
        old, new: the releases.
        added, removed: hypercalls and sub-ops, by number.
        changed: entries that both have, by number.
        structs: structs of x86-64 that both have and that differ, by name.
        added_structs, removed_structs: names.
        copy_paths: what changed in the paths that all copies take.
    """

    old: str
    new: str
    added: tuple[Family | SubOp, ...]
    removed: tuple[Family | SubOp, ...]
    changed: tuple[EntryChange, ...]
    structs: tuple[StructChange, ...]
    added_structs: tuple[str, ...]
    removed_structs: tuple[str, ...]
    copy_paths: tuple[CopyPathChange, ...]

    def __repr__(self) -> str:
        return (
            f"<Xen {self.old} to {self.new}: {len(self.added)} new, {len(self.removed)} removed, "
            f"{len(self.changed)} changed hypercalls and sub-ops>"
        )


def diff(old: str = DEFAULT, new: str = "unstable") -> CatalogueDiff:
    """Compare two releases of Xen: entries that are new, removed or changed.

    Args:
        old: a release, e.g. ``"4.17"``; ``"4.17.7"`` is its series'.
        new: another one.

    Raises:
        ReleaseError: the catalogue does not describe one of them.

    >>> found = diff("4.17", "4.18")
    >>> [entry.name for entry in found.added][:2]
    ['get_dom0_console', 'get_ucode_revision']
    """
    old, new = release_of(old), release_of(new)
    before, after = _entries(old), _entries(new)
    changes = (_changed(before[key], after[key]) for key in sorted(before.keys() & after.keys()))
    structs = structs_for("x86_64", old), structs_for("x86_64", new)
    had, have = _layouts(structs[0]), _layouts(structs[1])
    return CatalogueDiff(
        old=old,
        new=new,
        added=tuple(after[key] for key in sorted(after.keys() - before.keys())),
        removed=tuple(before[key] for key in sorted(before.keys() - after.keys())),
        changed=tuple(change for change in changes if change is not None),
        structs=tuple(_struct_changes(structs[0], structs[1], sorted(had & have))),
        added_structs=tuple(sorted(have - had)),
        removed_structs=tuple(sorted(had - have)),
        copy_paths=copy_path_changes(old, new),
    )


_Key = tuple[int, int]


def _entries(xen: str) -> Mapping[_Key, Family | SubOp]:
    """Every entry by its numbers; a hypercall itself has -1 for the sub-op."""
    found: dict[_Key, Family | SubOp] = {}
    for one in families(xen):
        found[one.number, -1] = one
        found |= {(one.number, op.value): op for op in one.ops.values()}
    return found


def _changed(old: Family | SubOp, new: Family | SubOp) -> EntryChange | None:
    plan = _plan_change(old, new)
    aspects = [Aspect.PLAN] if plan else []
    if old.who != new.who:
        aspects.append(Aspect.CALLERS)
    if tuple(old.guests) != tuple(new.guests):
        aspects.append(Aspect.GUESTS)
    if old.struct != new.struct:
        aspects.append(Aspect.STRUCT)
    if isinstance(old, SubOp) and isinstance(new, SubOp):
        aspects += [Aspect.SUB_OPS] if old.inner != new.inner else []
    elif isinstance(old, Family) and isinstance(new, Family):
        aspects += [Aspect.ARGUMENTS] if old.args != new.args else []
        aspects += [Aspect.CONSTANTS] if _own_constants(old) != _own_constants(new) else []
    return EntryChange(old, new, tuple(sorted(aspects)), plan) if aspects else None


def _own_constants(one: Family) -> dict[str, int]:
    """Constants of the family's own, not those of its sub-ops."""
    of_ops = {name for op in one.ops.values() for name in (op.constant, *op.inner)}
    return {name: value for name, value in one.constants.items() if name not in of_ops}


def _plan_change(old: Family | SubOp, new: Family | SubOp) -> PlanChange | None:
    """The lines that differ, without those of the hypercall around a sub-op."""
    for guest in old.guests:
        if guest not in new.guests:
            continue
        before, after = _own_lines(old, guest), _own_lines(new, guest)
        removed, added = [], []
        matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
        for tag, start, end, low, high in matcher.get_opcodes():
            if tag != "equal":
                removed += before[start:end]
                added += after[low:high]
        if removed or added:
            return PlanChange(guest, tuple(removed), tuple(added))
    return None


def _own_lines(entry: Family | SubOp, guest: str) -> list[str]:
    """An outline's lines; of a sub-op, those that its hypercall's own plan does not have."""
    if entry.missing:
        return []
    lines = [line.text for line in outline(entry, guest)]
    if isinstance(entry, Family):
        return lines
    around = _around(entry.family, entry.xen, guest)
    matcher = difflib.SequenceMatcher(None, around, lines, autojunk=False)
    return [
        line
        for tag, _, _, low, high in matcher.get_opcodes()
        if tag != "equal"
        for line in lines[low:high]
    ]


@cache
def _around(name: str, xen: str, guest: str) -> list[str]:
    """The lines of a hypercall's own plan."""
    return [line.text for line in outline(family(name, xen), guest)]


def _layouts(structs: Structs) -> set[str]:
    """Names of structs and unions, typedefs left out."""
    return {name for name in structs.names() if (own := structs.get(name)) and own.name == name}


def _struct_changes(old: Structs, new: Structs, names: list[str]) -> Iterator[StructChange]:
    for name in names:
        before, after = old.layout(name), new.layout(name)
        if before != after:
            yield StructChange(
                name,
                before.size,
                after.size,
                tuple(field for field in before.fields if field not in after.fields),
                tuple(field for field in after.fields if field not in before.fields),
            )
