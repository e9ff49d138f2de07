"""Read ``[[buffer]]`` tables: a buffer's place and contents."""

from __future__ import annotations

from typing import Any

from xenexplore.errors import CatalogueError
from xenexplore.guest.placement.buffers import KINDS
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypercalls.releases import DEFAULT
from xenexplore.hypercalls.structs import Structs, structs_for
from xenexplore.scenario.model.contents import scalar_bytes
from xenexplore.scenario.model.scenario import BufferSpec, Contents
from xenexplore.scenario.model.values import CONSTANTS, Pairs, Reference, Value, parse_value
from xenexplore.scenario.text.fields import Fields, nearest
from xenexplore.scenario.text.vocabulary import CONTENT_KEYS, default_of

__all__ = ["read_buffer", "read_contents", "read_value"]

_LARGEST = 1 << 40


def read_buffer(
    fields: Fields, guest: GuestSpec, names: tuple[str, ...], xen: str = DEFAULT
) -> BufferSpec:
    """One ``[[buffer]]``.

    Args:
        fields: the table.
        guest: specification of the machine.
        names: every buffer of the scenario.
        xen: the release of Xen whose public headers define structs.
    """
    contents = read_contents(fields, names, structs_for("x86_64", xen))
    spec = BufferSpec(
        name=fields.word("name"),
        place=fields.word("place", words=KINDS),
        size=fields.optional_number("size", low=1, high=_LARGEST),
        offset=fields.optional_number("offset", high=4095),
        vcpu=fields.number("vcpu", default_of(BufferSpec, "vcpu"), high=guest.vcpus - 1),
        process=fields.optional_word("process"),
        address=fields.address("address"),
        frames=fields.frames("frames"),
        shared=fields.optional_flag("shared"),
        writable=fields.flag("writable", default_of(BufferSpec, "writable")),
        contents=contents,
        line=fields.line,
    )
    fields.finish()
    if spec.size is None and not contents.size:
        fields.missing("size", "bytes (or contents that have a size)")
    if spec.size is not None and spec.size < contents.size:
        fields.fail("size", expected=f"at least {contents.size}", got=str(spec.size))
    if spec.offset is not None and spec.address is not None:
        fields.fail("offset", expected="an address or an offset", got="both")
    if guest.image is not None:
        if spec.place != "fixed" or spec.address is None:
            fields.fail(
                "place", expected="place fixed and an address", got=spec.place,
                hint="the guest is a memory image, which has its buffers somewhere already",
            )  # fmt: skip
    elif spec.place == "fixed" and (spec.address is None or not spec.frames):
        fields.fail("place", expected="address and frames with place fixed", got="not both")
    return spec


def read_contents(fields: Fields, names: tuple[str, ...], structs: Structs) -> Contents:
    """Contents of a buffer, or of a write to one: ``struct``, ``text`` or ``bytes``, ``at``."""
    given = [way for way in CONTENT_KEYS if way in fields]
    if len(given) > 1:
        fields.fail(given[1], expected=f"one of {', '.join(CONTENT_KEYS)}", got=" and ".join(given))
    struct = fields.word("struct", default_of(Contents, "struct"))
    if struct:
        _known_type(fields, struct, structs)
    text, data = fields.word("text", ""), fields.word("bytes", "")
    try:
        raw = bytes.fromhex(data)
    except ValueError:
        fields.fail("bytes", expected="hexadecimal digits in pairs", got=repr(data))
    pairs, array = fields.raw("fields"), fields.raw("array")
    if (pairs is not None or array is not None) and not struct:
        fields.missing("struct", "the type that defines the layout of the contents")
    if struct and (text or raw):
        fields.fail("struct", expected="fields or array with it", got=given[0])
    elements: list[Pairs | Value] = []
    if array is not None:
        if not isinstance(array, list) or not array:
            fields.fail("array", expected="a list with at least one element", got=repr(array))
        elements = [
            _element(fields, struct, item, n, names, structs) for n, item in enumerate(array)
        ]
    return Contents(
        struct=struct,
        fields=() if pairs is None else _pairs(fields, "fields", struct, pairs, names, structs),
        array=tuple(elements),
        text=text,
        data=raw,
        at=fields.number("at", default_of(Contents, "at"), high=_LARGEST) if given or struct else 0,
        xen=structs.xen,
    )


def _known_type(fields: Fields, struct: str, structs: Structs) -> None:
    try:
        structs.sizeof(struct)
    except CatalogueError:
        hint = nearest(struct, structs.names())
        fields.fail(
            "struct", expected=f"a type of Xen {structs.xen}'s public headers", got=repr(struct),
            hint=hint,
        )  # fmt: skip


def _element(
    fields: Fields,
    struct: str,
    item: Any,
    number: int,
    names: tuple[str, ...],
    structs: Structs,
) -> Pairs | Value:
    if structs.get(struct) is not None:
        return _pairs(fields, "array", struct, item, names, structs, number)
    value = read_value(fields, "array", item, names)
    _fits(fields, "array", struct, value, structs)
    return value


def _pairs(
    fields: Fields,
    key: str,
    struct: str,
    raw: Any,
    names: tuple[str, ...],
    structs: Structs,
    number: int | None = None,
) -> Pairs:
    """Field path to value, each path and each number checked against the layout."""
    what = key if number is None else f"element {number}"
    hint = "a list of elements is written as array = [...]" if isinstance(raw, list) else ""
    inner = fields.inner(key, raw, what, number, hint)
    found: list[tuple[str, Value]] = []
    for path, item in _flat(raw):
        try:
            field = structs.resolve(struct, path)
        except CatalogueError as error:
            layout = structs.get(struct)
            known = [f.name for f in layout.fields] if layout else list(error.nearest)
            inner.fail(
                path, expected=f"a field of {struct}: {', '.join(known)}", got=repr(path),
                hint=nearest(path, known),
            )  # fmt: skip
        value = read_value(inner, path, item, names)
        _fits(inner, path, field.type, value, structs)
        found.append((path, value))
    return tuple(found)


def _flat(raw: dict[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Nested tables (``addr.p = …`` in TOML) as dotted paths."""
    found: list[tuple[str, Any]] = []
    for key, item in raw.items():
        path = f"{prefix}{key}"
        found += _flat(item, f"{path}.") if isinstance(item, dict) else [(path, item)]
    return found


def read_value(fields: Fields, key: str, raw: Any, names: tuple[str, ...]) -> Value:
    """A number, or the address of a buffer that exists."""
    value = parse_value(raw)
    if value is None:
        hint = nearest(raw, CONSTANTS) if isinstance(raw, str) else ""
        fields.fail(
            key, expected='a number, "0x...", "@buffer" or "@buffer+8"', got=repr(raw), hint=hint
        )
    if isinstance(value, Reference) and value.buffer not in names:
        known = ", ".join(names) or "none"
        hint = nearest(value.buffer, names)
        fields.fail(key, expected=f"a buffer, one of {known}", got=repr(raw), hint=hint)
    return value


def _fits(fields: Fields, key: str, kind: str, value: Value, structs: Structs) -> None:
    if isinstance(value, Reference):
        size = structs.sizeof(kind)
        if size != 8:
            fields.fail(key, expected=f"a number: {kind} has {size} bytes", got=repr(str(value)))
    elif scalar_bytes(kind, value, structs.xen) is None:
        fields.fail(key, expected=f"a number that {kind} can hold", got=str(value))
