"""An entry in a few lines: what a prompt shows of it, and what its registers carry."""

from __future__ import annotations

from collections.abc import Iterable

from xenexplore.hypercalls.catalogue.entries import Family, SubOp, family
from xenexplore.hypercalls.outline.entry_facts import facts_of
from xenexplore.hypercalls.structs import StructLayout, structs_for

__all__ = ["GUEST_NAMES", "entry_text", "guests_text", "registers", "struct_of"]

GUEST_NAMES = {"hvm": "HVM/PVH", "pv": "PV", "arm": "Arm64"}


def entry_text(entry: Family | SubOp) -> str:
    """What a prompt shows of an entry."""
    return _op_text(entry) if isinstance(entry, SubOp) else _family_text(entry)


def _op_text(op: SubOp) -> str:
    one = family(op.family)
    lines = [
        f"<{op.title}: {op.summary}",
        f"  number {one.number}, sub-op {op.value} ({op.constant})",
    ]
    layout = _layout(op)
    if layout:
        lines.append(f"  {layout.c or layout.name}: {layout.size} bytes")
    facts = facts_of(op)
    if facts.handles:
        lines.append(f"  handles: {', '.join(h.path for h in facts.handles)}")
    pieces = "one piece" if facts.copies == 1 else f"{facts.copies or 'no'} pieces"
    plan = f"copy plan of {pieces}" if facts.modelled else "copy plan not modelled"
    return "\n".join([*lines, f"  guests: {guests_text(op.guests)}; {plan}>"])


def _family_text(one: Family) -> str:
    args = ", ".join(f"{a.type} {a.name}" for a in one.args)
    lines = [f"<{one.name}({args}): {one.summary}", f"  number {one.number}"]
    if one.ops:
        names = ", ".join(op.name for op in one.ops.values())
        lines.append(f"  {len(one.ops)} sub-ops: {names}")
    return "\n".join([*lines, f"  guests: {guests_text(one.guests)}>"])


def registers(one: Family, guest: str) -> tuple[tuple[str, str], ...]:
    """Register and what it carries, the number first."""
    number = "x16" if guest == "arm" else "rax"
    rows = [(number, f"{one.number} (the hypercall's number)")]
    rows += [
        (register, f"{argument.type} {argument.name}")
        for register, argument in zip(one.registers(guest), one.args, strict=True)
    ]
    return tuple(rows)


def _layout(op: SubOp) -> StructLayout | None:
    structs = family(op.family).structs(op.guests[0])
    struct = op.struct_of(op.guests[0])
    return structs.get(struct) if struct else None


def guests_text(kinds: Iterable[str]) -> str:
    """Guest kinds by the names that readers know."""
    return ", ".join(GUEST_NAMES[kind] for kind in kinds) or "none"


def struct_of(entry: Family | SubOp, arch: str) -> StructLayout | None:
    """The layout of an entry's argument struct on one architecture."""
    return structs_for(arch).get(entry.struct) if entry.struct else None
