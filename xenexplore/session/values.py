"""Values at the prompt that the scenario language takes."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from xenexplore.addr import Gfn, Gpa, Gva, Space, parse_address
from xenexplore.errors import CatalogueError, MachineError
from xenexplore.guest.spec import no_such
from xenexplore.hypercalls.structs import StructLayout, Structs, structs_for
from xenexplore.scenario.model.contents import scalar_bytes
from xenexplore.scenario.model.values import Reference, Value, parse_value

__all__ = [
    "as_frames",
    "as_gfn",
    "as_gpa",
    "as_value",
    "checked_pairs",
    "checked_scalar",
    "field_paths",
    "known_struct",
]


def as_value(given: object, names: Iterable[str]) -> Value:
    """A number, an address, a buffer, or text as scenarios have it (``"@op+8"``, ``"0x1f"``).

    Raises:
        MachineError: it is none of these, or names no buffer.
    """
    reference = given if isinstance(given, Reference) else getattr(given, "_reference_", None)
    if isinstance(reference, Reference):
        found: Value | None = reference
    elif isinstance(given, Space):
        found = given.value
    else:
        found = parse_value(given)
    if found is None:
        raise MachineError(
            f'{given!r}: expected a number, an address, a buffer, or text like "@buffer+8"'
        )
    if isinstance(found, Reference) and found.buffer not in tuple(names):
        raise no_such("buffer", found.buffer, names)
    return found


def as_gpa(given: object) -> Gpa:
    """A guest-physical address from a Gpa, a number, or hexadecimal text.

    Raises:
        MachineError: it is none of these.
    """
    if isinstance(given, Gpa):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return Gpa(given)
    if isinstance(given, str):
        return parse_address(given, Gpa)
    kind = " (a linear address: guest.walk() translates it)" if isinstance(given, Gva) else ""
    raise MachineError(f"{given!r}{kind}: expected a guest-physical address, xe.Gpa(0x...)")


def as_gfn(given: object) -> Gfn:
    """A guest frame number from a Gfn or a number.

    Raises:
        MachineError: it is none of these.
    """
    if isinstance(given, Gfn):
        return given
    if isinstance(given, int) and not isinstance(given, bool):
        return Gfn(given)
    raise MachineError(f"{given!r}: expected a guest frame number, xe.Gfn(0x...)")


def as_frames(given: Iterable[object] | None) -> tuple[Gfn, ...]:
    """Guest frames, one or several."""
    return () if given is None else tuple(map(as_gfn, given))


def known_struct(name: str, release: str) -> str:
    """A type of the public headers of a Xen release, as it is.

    Raises:
        MachineError: there is none of that name; the nearest are named.
    """
    structs = structs_for("x86_64", release)
    try:
        structs.sizeof(name)
    except CatalogueError:
        raise _no_such_struct(name, structs) from None
    return name


def _no_such_struct(name: str, structs: Structs) -> MachineError:
    """Of the many structs only near names are listed."""
    near = difflib.get_close_matches(name, structs.names(), n=3, cutoff=0.4)
    hint = f"; did you mean {', '.join(map(repr, near))}?" if near else ""
    return MachineError(f"no struct {name!r} in the public headers of Xen {structs.xen}{hint}")


def field_paths(struct: str, release: str) -> tuple[str, ...]:
    """The fields of a struct in a Xen release, in the header's order; () for a scalar."""
    layout = structs_for("x86_64", release).get(struct) if struct else None
    return tuple(field.name for field in layout.fields) if isinstance(layout, StructLayout) else ()


def checked_pairs(
    struct: str, given: Mapping[str, object], names: Iterable[str], release: str
) -> tuple[tuple[str, Value], ...]:
    """Field path and value, each checked against the layout; ``__`` in a name is a dot.

    Raises:
        MachineError: no such field, or a number that it cannot hold.
    """
    structs = structs_for("x86_64", release)
    pairs: list[tuple[str, Value]] = []
    for key, item in given.items():
        path = key.replace("__", ".")
        try:
            field = structs.resolve(struct, path)
        except CatalogueError:
            raise no_such(f"field in struct {struct}", path, field_paths(struct, release)) from None
        if isinstance(item, Mapping):
            inner = {f"{path}.{name}": value for name, value in item.items()}
            pairs += checked_pairs(struct, inner, names, release)
            continue
        value = as_value(item, names)
        if isinstance(value, Reference):
            fits = structs.sizeof(field.type) == 8
        else:
            fits = scalar_bytes(field.type, value, release) is not None
        if not fits:
            below = ", ".join(f"{path}.{name}" for name in field_paths(field.type, release))
            why = f"it is a struct: set {below}" if below else f"it is a {field.type}"
            raise MachineError(f"{struct}.{path} cannot hold {item!r}: {why}")
        pairs.append((path, value))
    return tuple(pairs)


def checked_scalar(kind: str, value: Value, release: str) -> Value:
    """An element of an array of scalars, as it is.

    Raises:
        MachineError: the type cannot hold it.
    """
    if isinstance(value, Reference):
        fits = structs_for("x86_64", release).sizeof(kind) == 8
    else:
        fits = scalar_bytes(kind, value, release) is not None
    if not fits:
        raise MachineError(f"array of {kind}: it cannot hold {value!r}")
    return value
