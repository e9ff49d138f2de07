"""Which hypercalls fit into registers (FastABI), by number and sub-op."""

from __future__ import annotations

from functools import cache

from xenexplore.hypercalls.catalogue.entries import family_of
from xenexplore.options.fastabi import fits
from xenexplore.recording.format.columns import UNHANDLED

__all__ = ["call_fits"]


@cache
def call_fits(number: int, sub_op: int, *, user: bool) -> str:
    """Why a call cannot be made with registers alone, or ``""`` if it can.

    Args:
        number: the hypercall; -1: none was entered.
        sub_op: its sub-op where a register holds it, or -1.
        user: it was made from user space through privcmd.
    """
    if user:
        return "from user space (privcmd): out of the series' scope"
    family = family_of(number) if number != UNHANDLED else None
    if family is None:
        return f"number {number} has no register map"
    op = family.ops.get(sub_op) if family.ops else None
    if family.ops and op is None and sub_op >= 0:
        return f"{family.name} sub-op {sub_op} is not in the catalogue"
    if family.ops and sub_op < 0:
        return f"{family.name} keeps its sub-op in memory"
    return fits(family, op)
