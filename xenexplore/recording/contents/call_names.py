"""Names for recorded hypercalls and sub-ops; those missing from the catalogue keep their number."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from xenexplore.hypercalls.catalogue.entries import Family, family_of
from xenexplore.hypercalls.releases import DEFAULT
from xenexplore.recording.format.columns import UNHANDLED

__all__ = ["NO_SUB_OP", "call_name", "sub_op_known", "sub_op_name", "sub_ops"]

# The number register alone names the call, or its sub-op is in memory.
NO_SUB_OP = -1


@cache
def _command(number: int, xen: str) -> tuple[Family, int] | None:
    """The family of a hypercall whose sub-op is an argument, and which argument."""
    family = family_of(number, xen) if number != UNHANDLED else None
    if family is None or not family.ops:
        return None
    for index, argument in enumerate(family.args):
        if argument.name in ("cmd", "op") and not argument.type.startswith("handle"):
            return family, index
    return None


def sub_ops(
    number: int, args: NDArray[np.uint64], recorded: NDArray[np.uint8], xen: str = DEFAULT
) -> NDArray[np.int64]:
    """Sub-op of each call of one hypercall; ``NO_SUB_OP``: it has none, or it was not recorded.

    Bits that carry a continuation's progress (``MEMOP_EXTENT_SHIFT`` in
    xen/include/xen/hypercall.h) are masked off.

    Args:
        number: the hypercall.
        args: uint64 (n, 6): argument registers of the calls.
        recorded: uint8 (n,): how many of them were recorded.
        xen: the release of Xen that got them.
    """
    found = _command(number, xen)
    if found is None:
        return np.full(len(args), NO_SUB_OP, np.int64)
    family, index = found
    mask = np.uint64(family.constants.get("CMD_MASK", 0xFFFF_FFFF))
    values = (args[:, index] & mask).astype(np.int64)
    return np.where(recorded > index, values, NO_SUB_OP)


@cache
def call_name(number: int, xen: str = DEFAULT) -> str:
    """``"memory_op"``; ``"number 57?"`` where that release of Xen has none."""
    if number == UNHANDLED:
        return "unhandled"
    family = family_of(number, xen)
    return family.name if family is not None else f"number {number}?"


@cache
def sub_op_name(number: int, sub_op: int, xen: str = DEFAULT) -> str:
    """``"populate_physmap"``; ``"77?"`` where the catalogue has none; ``""`` for no sub-op."""
    found = _command(number, xen)
    if found is None or sub_op == NO_SUB_OP:
        return ""
    known = found[0].ops.get(sub_op)
    return known.name if known is not None else f"{sub_op}?"


def sub_op_known(number: int, sub_op: int, xen: str = DEFAULT) -> bool:
    """Whether the catalogue has a name for a sub-op of a hypercall."""
    found = _command(number, xen)
    return found is not None and sub_op in found[0].ops
