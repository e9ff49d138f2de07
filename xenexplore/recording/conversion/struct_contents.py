"""Struct contents of a recorded hypercall, as far as its copies determine them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xenexplore.hypercalls.language.values import Free, StructValue, settle
from xenexplore.scenario.model.values import Pairs

__all__ = ["Decided", "decided_contents"]

_ELEMENT = re.compile(r"\[(\d+)\](?:\.(.*))?")

#: (address, type, field path to value) of one struct; the path is empty for a scalar.
Decided = tuple[int, str, Pairs]


def decided_contents(contents: Iterable[StructValue]) -> tuple[Decided, ...]:
    """Fields whose values the recorded copies determine; zero fields are left out.

    A field that nothing decides stays zero, unless the plan's path through the
    call excludes zero: then it is the least value that is possible.  A field that Xen
    overwrites with a value that the copies decide, such as a count that it caps, has
    that value: as an input it takes the plan the same way.
    """
    found: list[Decided] = []
    for held in contents:
        at = settle(held.address)
        if not isinstance(at, int):
            continue
        for address, kind, path, value in _fields(held, at):
            if value:
                found.append((address, kind, ((path, value),) if path else (("", value),)))
    return _joined(found)


def _fields(held: StructValue, at: int) -> Iterable[tuple[int, str, str, int]]:
    for path, raw in held.inputs.items():
        value = _least(raw, held.get(path))
        element = _ELEMENT.fullmatch(path)
        if element:
            size = held.structs.sizeof(held.type)
            yield at + int(element[1]) * size, held.type, element[2] or "", value
        else:
            yield at, held.type, path, value


def _least(raw: int | Free, written: int | Free) -> int:
    value = settle(raw)
    if isinstance(value, int):
        return value
    if isinstance(written, int):
        return written
    variable = value.variable
    if value.scale != 1 or value.offset or variable.admits(0):
        return 0
    candidate = max(variable.low, 0)
    while not variable.admits(candidate) and candidate < variable.low + 64:
        candidate += 1
    return candidate


def _joined(found: list[Decided]) -> tuple[Decided, ...]:
    """Fields of one struct together, in order of address; a later value wins."""
    merged: dict[tuple[int, str], dict[str, int]] = {}
    for address, kind, pairs in found:
        for path, value in pairs:
            assert isinstance(value, int)
            merged.setdefault((address, kind), {})[path] = value
    return tuple(
        (address, kind, tuple(values.items())) for (address, kind), values in sorted(merged.items())
    )
