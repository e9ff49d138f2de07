"""An entry's guests, registers and struct, as named in every view."""

from __future__ import annotations

from collections.abc import Iterable

from xenexplore.hypercalls.catalogue.entries import Family, SubOp
from xenexplore.hypercalls.structs import StructLayout, structs_for

__all__ = ["GUEST_NAMES", "guests_text", "registers", "struct_of"]

GUEST_NAMES = {"hvm": "HVM/PVH", "pv": "PV", "arm": "Arm64"}


def registers(one: Family, guest: str) -> tuple[tuple[str, str], ...]:
    """Register and what it carries, the number first."""
    number = "x16" if guest == "arm" else "rax"
    rows = [(number, f"{one.number} (the hypercall's number)")]
    rows += [
        (register, f"{argument.type} {argument.name}")
        for register, argument in zip(one.registers(guest), one.args, strict=True)
    ]
    return tuple(rows)


def guests_text(kinds: Iterable[str]) -> str:
    """Guest kinds by their usual names."""
    return ", ".join(GUEST_NAMES[kind] for kind in kinds) or "none"


def struct_of(entry: Family | SubOp, arch: str) -> StructLayout | None:
    """The layout of an entry's argument struct on one architecture."""
    return structs_for(arch, entry.xen).get(entry.struct) if entry.struct else None
