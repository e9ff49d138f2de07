"""Comparing values that may be free, and assuming a comparison."""

from __future__ import annotations

from collections.abc import Callable

from xenexplore.hypercalls.language.values import Free, Value

__all__ = ["compare", "narrow"]

_SWAPPED = {"==": "==", "!=": "!=", "<": ">", ">=": "<=", ">": "<", "<=": ">="}


def compare(sign: str, work: Callable[[int, int], bool], left: Value, right: Value) -> bool | None:
    """Truth of ``left sign right``, or None if it is undecided."""
    if isinstance(left, int) and isinstance(right, int):
        return work(left, right)
    if isinstance(left, int):
        left, right, sign = right, left, _SWAPPED[sign]
    if isinstance(left, int) or not isinstance(right, int):
        return None
    low, high = left.bounds()
    if sign in ("<", "<="):
        edge = right - (sign == "<")
        return True if high <= edge else False if low > edge else None
    if sign in (">", ">="):
        edge = right + (sign == ">")
        return True if low >= edge else False if high < edge else None
    possible = low <= right <= high and (right - left.offset) % left.scale == 0
    possible = possible and left.variable.admits((right - left.offset) // left.scale)
    return None if possible else sign == "!="


def narrow(sign: str, left: Value, right: Value) -> bool:
    """Assume a comparison: bind, exclude or bound the variable behind it."""
    if isinstance(left, int) and isinstance(right, Free):
        left, right, sign = right, left, _SWAPPED[sign]
    if not isinstance(left, Free) or not isinstance(right, int):
        return True
    if sign == "==":
        return left.bind(right)
    variable = left.variable
    if sign == "!=":
        if (right - left.offset) % left.scale == 0:
            variable.barred.add((right - left.offset) // left.scale)
        return True
    if left.scale != 1:
        return True
    edge = right - left.offset
    if sign in ("<", "<="):
        variable.high = min(variable.high, edge - (sign == "<"))
    else:
        variable.low = max(variable.low, edge + (sign == ">"))
    return variable.low <= variable.high
