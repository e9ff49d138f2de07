"""Properties of a whole entry: handles, limits, callers."""

from __future__ import annotations

from dataclasses import dataclass

from xenexplore.hypercalls.catalogue.entries import Family, SubOp
from xenexplore.hypercalls.outline.outline import accesses, outline
from xenexplore.hypercalls.outline.outline_line import OutlineLine
from xenexplore.hypercalls.structs import HandleField, structs_for

__all__ = ["EntryFacts", "facts_of"]

_PAGE = 4096


@dataclass(frozen=True, slots=True)
class EntryFacts:
    """Answers that filters ask for.

    Attributes:
        handles: guest handles inside the argument struct, nested ones too.
        nested: whether the argument struct contains a handle.
        exceeds_page: whether one buffer can be longer than 4096 bytes.
        unbounded: whether no fixed limit holds for the bytes of one call.
        modelled: whether there is a copy plan.
        copies: how many pieces the plan has (a loop's body counts once).
    """

    handles: tuple[HandleField, ...]
    nested: bool
    exceeds_page: bool
    unbounded: bool
    modelled: bool
    copies: int


def facts_of(entry: Family | SubOp) -> EntryFacts:
    """The facts of one entry, for x86-64."""
    guest = "arm" if tuple(entry.guests) == ("arm",) else "hvm"
    structs = structs_for("arm64" if guest == "arm" else "x86_64", entry.xen)
    struct = entry.struct_of(guest)
    handles = structs.handles(struct) if struct else ()
    lines = accesses(entry, guest) if not entry.missing else ()
    nested = _behind_struct(lines, outline(entry, guest)) if lines else bool(handles)
    large = any(line.size > _PAGE for line in lines if line.access and line.access.count is None)
    return EntryFacts(
        handles=handles,
        nested=nested,
        exceeds_page=large or bool(entry.unbounded) or bool(entry.most and entry.most > _PAGE),
        unbounded=bool(entry.unbounded) and not entry.most,
        modelled=not entry.missing,
        copies=len(lines),
    )


def _behind_struct(copies: tuple[OutlineLine, ...], lines: tuple[OutlineLine, ...]) -> bool:
    """Whether a copy's address comes out of something that was copied in before."""
    inside = {line.access.name for line in copies if line.access and line.access.name}
    for line in lines:
        if line.names and line.value is not None and line.value.base in inside:
            inside.add(line.names)
    return any(line.access and line.access.address.base in inside for line in copies)
