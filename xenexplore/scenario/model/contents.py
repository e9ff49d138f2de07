"""Lay a buffer's contents out as bytes, by the layouts of Xen's public headers."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from xenexplore.hypercalls.releases import DEFAULT
from xenexplore.hypercalls.structs import structs_for
from xenexplore.scenario.model.scenario import Contents
from xenexplore.scenario.model.values import Pairs, Reference, Value

__all__ = ["contents_bytes", "field_writes", "scalar_bytes"]

_BITS = re.compile(r".*:(\d+)@(\d+)")

AddressOf = Callable[[Reference], int]


def contents_bytes(contents: Contents, address_of: AddressOf) -> bytes:
    """The bytes of a buffer's contents.

    Args:
        contents: what the scenario says.
        address_of: linear address behind a reference to a buffer.
    """
    if contents.text:
        return contents.text.encode() + b"\0"
    if not contents.struct:
        return contents.data
    if not contents.array:
        return _struct(contents, contents.fields, address_of)
    parts = []
    for element in contents.array:
        if isinstance(element, tuple):
            parts.append(_struct(contents, element, address_of))
        else:
            data = scalar_bytes(contents.struct, _number(element, address_of), contents.xen)
            assert data is not None, "the loader has checked it"
            parts.append(data)
    return b"".join(parts)


def _number(value: Value, address_of: AddressOf) -> int:
    return address_of(value) if isinstance(value, Reference) else value


def _struct(contents: Contents, pairs: Pairs, address_of: AddressOf) -> bytes:
    data = bytearray(structs_for("x86_64", contents.xen).sizeof(contents.struct))
    for _ in field_writes(contents, pairs, data, address_of):
        pass
    return bytes(data)


def field_writes(
    contents: Contents, pairs: Pairs, data: bytearray, address_of: AddressOf
) -> Iterator[tuple[int, bytes]]:
    """Set fields of a struct in ``data``; yields offset and bytes of each that is written.

    Args:
        contents: the struct's name, and the release whose headers define it.
        pairs: field path and value.
        data: the struct as it is before, changed in place.
        address_of: linear address behind a reference to a buffer.
    """
    structs = structs_for("x86_64", contents.xen)
    for path, value in pairs:
        field = structs.resolve(contents.struct, path)
        number = _number(value, address_of)
        bits = _BITS.fullmatch(field.type)
        end = field.offset + field.size
        if bits:
            width, shift = int(bits[1]), int(bits[2])
            unit = int.from_bytes(data[field.offset : end], "little")
            unit = unit & ~(((1 << width) - 1) << shift) | number << shift
            data[field.offset : end] = unit.to_bytes(field.size, "little")
        else:
            encoded = scalar_bytes(field.type, number, contents.xen)
            assert encoded is not None, "the loader has checked it"
            data[field.offset : end] = encoded
        yield field.offset, bytes(data[field.offset : end])


def scalar_bytes(kind: str, value: int, xen: str = DEFAULT) -> bytes | None:
    """A number as a scalar type holds it, little-endian; None where it does not fit.

    Structs and arrays hold no number.
    """
    structs = structs_for("x86_64", xen)
    bits = _BITS.fullmatch(kind)
    if bits:
        return b"" if 0 <= value < 1 << int(bits[1]) else None
    if kind.endswith("]") or structs.get(kind) is not None:
        return None
    size = structs.sizeof(kind)
    low = -(1 << (8 * size - 1))
    if not low <= value < 1 << (8 * size):
        return None
    return (value & ((1 << (8 * size)) - 1)).to_bytes(size, "little")
