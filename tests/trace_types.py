"""Write the types that the page's modules are checked with, from the published schema of a trace.

The file is one of the package's; test_modules.py holds it to what this module gives.
XENEXPLORE_UPDATE_GOLDEN=1 writes it.
"""

from __future__ import annotations

import json
from typing import Any

from trace_schema import schema

__all__ = ["types_text"]

_HEAD = """\
// What a trace is: written from its schema by tests/trace_types.py, not by hand.
// A number of 2**53 or more stands in the data as a Hex string; BigInt() takes both.

/** An address, a frame number, or an integer of 2**53 or more. */
export type Hex = string;
"""


def types_text() -> str:
    """``trace.d.ts``: the trace, and one type of step that has the fields of every kind."""
    whole = schema()
    defs = whole["$defs"]
    top = {name: _type(shape, defs, 1) for name, shape in whole["properties"].items()}
    members = "".join(f"  {name}: {text};\n" for name, text in top.items())
    return f"{_HEAD}\n{_step(defs)}\nexport interface Trace {{\n{members}}}\n"


def _step(defs: dict[str, Any]) -> str:
    """A step of any kind: what all have, and what only some have."""
    kinds = defs["step"]["properties"]["kind"]["enum"]
    always = set.intersection(*(set(defs[kind]["required"]) for kind in kinds))
    found: dict[str, list[str]] = {}
    for kind in kinds:
        for name, shape in defs[kind]["properties"].items():
            text = _type(shape, defs, 1)
            if text not in found.setdefault(name, []):
                found[name].append(text)
    found["kind"] = ["string"]  # a reader's own kind, too
    lines = [
        f"  {name}{'' if name in always else '?'}: {' | '.join(texts)};"
        for name, texts in sorted(found.items(), key=lambda pair: (pair[0] not in always, pair[0]))
    ]
    return "\n".join(["export interface Step {", *lines, "}", ""])


def _type(shape: dict[str, Any], defs: dict[str, Any], depth: int) -> str:
    if "$ref" in shape:
        name = shape["$ref"].rsplit("/", 1)[1]
        return {"hex": "Hex", "step": "Step"}.get(name) or _type(defs[name], defs, depth)
    if "const" in shape:
        return json.dumps(shape["const"])
    if "enum" in shape:
        return " | ".join(json.dumps(value) for value in shape["enum"])
    if "anyOf" in shape:
        texts = list(dict.fromkeys(_type(part, defs, depth) for part in shape["anyOf"]))
        if texts == ["number", "Hex"]:
            texts = ["number"]
        return " | ".join(texts)
    kind = shape["type"]
    if kind == "array":
        inner = _type(shape["items"], defs, depth)
        return f"({inner})[]" if " | " in inner else f"{inner}[]"
    if kind == "object" and "properties" in shape:
        pad = "  " * (depth + 1)
        members = [
            f"{pad}{name}{'' if name in shape.get('required', ()) else '?'}: "
            f"{_type(part, defs, depth + 1)};"
            for name, part in shape["properties"].items()
        ]
        return "\n".join(["{", *members, f"{'  ' * depth}}}"])
    return {"integer": "number", "object": "Record<string, unknown>"}.get(kind, kind)
