"""C code that asks for every size and offset of the catalogue, and what the catalogue says."""

from __future__ import annotations

import re

from xenexplore.hypercalls.structs import COMPAT, Field, StructLayout, Structs, structs_for


def layouts(structs: Structs) -> list[StructLayout]:
    """Every struct and union once."""
    found = [structs.get(name) for name in structs.names()]
    return list({layout.name: layout for layout in found if layout is not None}.values())


def named(layout: StructLayout, structs: Structs) -> str:
    """How C can name a layout's type."""
    if layout.c:
        return layout.c
    parent, _, field = layout.name.rpartition(".")
    outer = structs.layout(parent)
    array = "[0]" if outer.field(field).type.endswith("]") else ""
    return f"typeof((({named(outer, structs)} *)0)->{field}{array})"


def probe_of(arch: str, xen: str) -> tuple[str, list[str]]:
    """The body of a main() that prints what gcc knows, and the lines that we expect."""
    structs = structs_for(arch, xen)
    body, expected = [], []
    for layout in layouts(structs):
        c = named(layout, structs)
        body.append(f'printf("{layout.name} %zu %zu\\n", sizeof({c}), _Alignof({c}));\n')
        expected.append(f"{layout.name} {layout.size} {layout.align}")
        for field in layout.fields:
            _add_field(body, expected, layout, field, c, structs)
    return "".join(body), expected


def _add_field(
    body: list[str], expected: list[str], layout: StructLayout, field: Field, c: str, of: Structs
) -> None:
    """One probe for one field, and what the catalogue says."""
    label = f"{layout.name}.{field.name}"
    if ":" in field.type:
        # A bit-field has no offsetof: set it to ones and look at the bytes.
        width, low = (int(n) for n in re.findall(r":(\d+)@(\d+)", field.type)[0])
        mask = ((1 << width) - 1 << low) << 8 * field.offset
        body.append(
            f"{{ union {{ {c} s; unsigned char b[sizeof({c})]; }} u;"
            f" memset(&u, 0, sizeof(u)); u.s.{field.name} = ~0;"
            f' printf("{label} "); for (int i = sizeof(u) - 1; i >= 0; i--)'
            ' printf("%02x", u.b[i]); printf("\\n"); }\n'
        )
        expected.append(f"{label} {mask:0{2 * layout.size}x}")
        return
    at = f"(({c} *)0)->{field.name}"
    # A flexible array has no sizeof.
    size = "0ul" if field.type.endswith("[0]") else f"sizeof({at})"
    body.append(f'printf("{label} %zu %zu", offsetof({c}, {field.name}), {size});\n')
    line = f"{label} {field.offset} {field.size}"
    inner = field.type.split("[", 1)[0]
    if inner.startswith("handle("):
        element = "[0]" * field.type.count("[")
        # Only a guest handle has a member p; and it points to as much as we say.
        body.append(f'printf(" handle %zu", sizeof(*({at}{element}).p));\n')
        line += f" handle {of.sizeof(inner[7:-1])}"
    body.append('printf("\\n");\n')
    expected.append(line)


def assertions_of(xen: str) -> list[str]:
    """C that only compiles, by ``gcc -m32``, where the 32-bit layouts are right.

    Nothing is run: a machine need not have a 32-bit C library.  Bit-fields have no offset.
    """
    structs = structs_for(COMPAT, xen)
    lines = []
    for layout in layouts(structs):
        c = named(layout, structs)
        tests = [
            (layout.name, [f"sizeof({c}) == {layout.size}", f"_Alignof({c}) == {layout.align}"])
        ]
        for field in layout.fields:
            if ":" in field.type:
                continue
            at = f"(({c} *)0)->{field.name}"
            told = [f"offsetof({c}, {field.name}) == {field.offset}"]
            if not field.type.endswith("[0]"):
                told.append(f"sizeof({at}) == {field.size}")
            inner = field.type.split("[", 1)[0]
            if inner.startswith("handle("):
                element = "[0]" * field.type.count("[")
                told.append(f"sizeof(*({at}{element}).p) == {structs.sizeof(inner[7:-1])}")
            tests.append((f"{layout.name}.{field.name}", told))
        lines += [f'_Static_assert({" && ".join(told)}, "{name}");' for name, told in tests]
    return lines
