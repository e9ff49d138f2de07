"""Write the published schema of a path from the records that a path is made of.

The schema is a file of the package; test_path.py holds it to what this module
gives, so that a new step or field cannot be forgotten in it.
XENEXPLORE_UPDATE_GOLDEN=1 writes it.
"""

from __future__ import annotations

import enum
import inspect
import json
import re
import typing
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

import xenexplore.steps as steps
from xenexplore.addr import Range, Space
from xenexplore.guest.kernel_names import kernel_names
from xenexplore.guest.layout.regions import RegionKind
from xenexplore.guest.placement.buffers import PlacedBuffer
from xenexplore.guest.spec import GuestSpec
from xenexplore.guest.vcpus import Process
from xenexplore.hypervisor.outcome import Counts, Outcome
from xenexplore.scenario.model.about import About
from xenexplore.scenario.run.guest_snapshot import P2mRun, VcpuView
from xenexplore.scenario.run.trace import TRACE_SCHEMA

_HEX_STRING = {"$ref": "#/$defs/hex"}
_NUMBER = {"anyOf": [{"type": "integer"}, _HEX_STRING]}
_OBJECT = {"type": "object", "additionalProperties": False}


def step_classes() -> Iterator[type[steps.Step]]:
    """The package's own: a process that runs the tests knows those that they define, too."""
    kinds = steps.step_kinds().values()
    return (kind for kind in kinds if kind.__module__.startswith("xenexplore."))


def schema() -> dict[str, Any]:
    kinds = {s.kind: s for s in step_classes()}
    top = {
        "schema": {"const": TRACE_SCHEMA},
        "scenario": _record(About, "What the scenario says about itself."),
        "option": {"$ref": "#/$defs/option"},
        "machine": {"$ref": "#/$defs/machine"},
        "outcome": _record(Outcome, "The verdict, computed from the steps."),
        "cites": {
            "type": "array",
            "items": {"type": "string"},
            "description": "Where rules come from; steps name them by index.",
        },
        "steps": {
            "type": "array",
            "items": {"$ref": "#/$defs/step"},
            "description": "The recorded tree in preorder.",
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{TRACE_SCHEMA.replace('/', ':')}",
        "title": "A trace: everything that happened in one run of a scenario under one option",
        **_OBJECT,
        "required": list(top),
        "properties": {
            **top,
            "registered": {
                "type": "array",
                "items": {"$ref": "#/$defs/tlb-insert"},
                "description": "Part of a session: the registrations that stood before it.",
            },
        },
        "$defs": {
            "hex": {
                "type": "string",
                "pattern": "^0x[0-9a-f]+$",
                "description": "An address, a frame number, or an integer of 2**53 or more.",
            },
            "option": _option(),
            "machine": _machine(),
            "step": {
                "type": "object",
                "required": ["i", "parent", "depth", "kind", "say", "cite"],
                "properties": {"kind": {"enum": sorted(kinds)}},
                "allOf": [
                    {
                        "if": {"properties": {"kind": {"const": kind}}},
                        "then": {"$ref": f"#/$defs/{kind}"},
                    }
                    for kind in sorted(kinds)
                ],
            },
            **{kind: schema_of(kinds[kind]) for kind in sorted(kinds)},
        },
    }


def schema_of(step: type[steps.Step]) -> dict[str, Any]:
    own = _properties(step, skip=("cite",))
    hinted = typing.get_type_hints(step)
    for name in own:
        if name in step.as_hex:
            many = hinted[name] is not int
            shape = {"type": "array", "items": _HEX_STRING} if many else dict(_HEX_STRING)
            own[name] = {**shape, "description": own[name].get("description", "")}
    always = [name for name in own if not _may_be_left_out(hinted[name])]
    properties = {
        "i": {"type": "integer", "description": "Index of the step, from 0."},
        "parent": {"type": "integer", "description": "Index of the enclosing step, or -1."},
        "depth": {"type": "integer", "description": "Number of enclosing steps."},
        "kind": {"const": step.kind},
        "say": {"type": "string", "description": "One plain sentence."},
        **own,
        "cite": {"type": "integer", "description": "Index into cites."},
    }
    first = inspect.getdoc(step) or ""
    return {
        "description": first.split("\n", 1)[0],
        **_OBJECT,
        "required": ["i", "parent", "depth", "kind", "say", *always, "cite"],
        "properties": properties,
    }


def _may_be_left_out(hint: Any) -> bool:
    return hint in (str, steps.Spoilt) or type(None) in typing.get_args(hint)


def _option() -> dict[str, Any]:
    values = {"type": "object", "description": "Parameters by name."}
    words = {name: {"type": "string"} for name in ("ident", "name", "label", "title", "asked")}
    properties = {**words, "given": values, "values": values}
    return {**_OBJECT, "required": list(properties), "properties": properties}


def _machine() -> dict[str, Any]:
    span = {"name": {"type": "string"}, "start": _HEX_STRING, "end": _HEX_STRING}
    region = {
        **span,
        "kind": {"enum": [kind.value for kind in RegionKind]},
        "physical": {"anyOf": [_HEX_STRING, {"type": "null"}]},
        "part_of": {"type": "string"},
    }
    gpa_region = {
        **span,
        "kind": {"enum": ["ram", "special", "mmio", "hole", "kernel"]},
        "what": {"type": "string"},
    }
    properties = {
        "guest": _guest(),
        "regions": _list({**_OBJECT, "required": list(region), "properties": region}),
        "gpa_regions": _list({**_OBJECT, "required": list(gpa_region), "properties": gpa_region}),
        "p2m": _list(_record(P2mRun)),
        "buffers": _list(_record(PlacedBuffer)),
        "placed": {"type": "integer"},
        "vcpus": _list(_record(VcpuView)),
        "processes": _list(_record(Process)),
        "table_frames": _list(_HEX_STRING),
        "assumed": _list({"type": "string"}),
    }
    return {**_OBJECT, "required": list(properties), "properties": properties}


def _guest() -> dict[str, Any]:
    """A spec; its kernel is one of those that there are."""
    shape = _record(GuestSpec)
    kernel = shape["properties"]["kernel"]
    description = kernel.pop("description")
    shape["properties"]["kernel"] = {"enum": list(kernel_names()), "description": description}
    return shape


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _record(record: type, description: str = "") -> dict[str, Any]:
    properties = _properties(record)
    first = (inspect.getdoc(record) or "").split("\n", 1)[0]
    return {
        "description": description or first,
        **_OBJECT,
        "required": list(properties),
        "properties": properties,
    }


def _properties(record: type, skip: tuple[str, ...] = ()) -> dict[str, Any]:
    hints = typing.get_type_hints(record)
    words = _attributes(record)
    found = {}
    for field in fields(record):
        if field.name in skip:
            continue
        shape = dict(_shape(hints[field.name]))
        if field.name in words:
            shape["description"] = words[field.name]
        found[field.name] = shape
    return found


def _attributes(record: type) -> dict[str, str]:
    """Name to text, from the Attributes section of a docstring."""
    section = (inspect.getdoc(record) or "").partition("Attributes:\n")[2]
    found: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        start = re.match(r"    (\w+): (.*)", line)
        if start:
            name = start[1]
            found[name] = start[2]
        elif name and line.startswith("        "):
            found[name] += f" {line.strip()}"
        else:
            break
    return found


def _shape(hint: Any) -> dict[str, Any]:
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is int:
        return _NUMBER
    if hint in (str, bool, float):
        return {"type": {str: "string", bool: "boolean", float: "number"}[hint]}
    if isinstance(hint, type) and issubclass(hint, enum.StrEnum):
        return {"enum": [member.value for member in hint]}
    if origin is typing.Literal:
        return {"enum": list(args)}
    if origin is tuple:
        return _list(_shape(args[0]))
    if type(None) in args:
        (inner,) = (arg for arg in args if arg is not type(None))
        return {"anyOf": [_shape(inner), {"type": "null"}]}
    if origin is Range or hint is Range:
        shape = {"start": _HEX_STRING, "size": _NUMBER}
        return {**_OBJECT, "required": ["start", "size"], "properties": shape}
    if isinstance(hint, type) and issubclass(hint, Space):
        return _HEX_STRING
    if hint is Counts or is_dataclass(hint):
        return _record(hint)
    raise TypeError(f"no schema for {hint!r}")


def schema_text() -> str:
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"
