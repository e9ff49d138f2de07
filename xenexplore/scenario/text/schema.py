"""The scenario format as a JSON Schema, for editors that complete and check TOML."""

from __future__ import annotations

from typing import Any

from xenexplore.scenario.text.format import Key, Table, scenario_format
from xenexplore.scenario.text.vocabulary import IMAGE_KEYS

__all__ = ["scenario_schema"]

_KINDS: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "integer"},
    "true or false": {"type": "boolean"},
    "list of texts": {
        "oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]
    },
    "list of numbers": {"type": "array", "items": {"type": "integer"}},
    "list of frames": {"type": "array", "items": {"type": "string", "pattern": "^0x"}},
    "address": {"type": "string", "pattern": "^0x"},
    "table": {"type": "object"},
    "list": {"type": "array"},
    "value": {},
}


def scenario_schema() -> dict[str, Any]:
    """The schema (draft 2020-12) of a scenario's text as TOML is read."""
    tables = scenario_format()
    top = next(table for table in tables if not table.name)
    properties = {key.name: _key(key) for key in top.keys}
    for name in dict.fromkeys(table.name for table in tables if table.name):
        own = [table for table in tables if table.name == name]
        one = _object(own[0]) if len(own) == 1 and not own[0].word else _either(own)
        if name == "guest":
            one["dependentRequired"] = {key: ["image"] for key in IMAGE_KEYS}
        properties[name] = {"type": "array", "items": one} if own[0].many else one
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "xenexplore scenario",
        "type": "object",
        "properties": properties,
        "required": [key.name for key in top.keys if key.required],
        "additionalProperties": False,
    }


def _either(tables: list[Table]) -> dict[str, Any]:
    return {"oneOf": [_object(table) for table in tables]}


def _object(table: Table) -> dict[str, Any]:
    """One table; an action or option is identified by its ``do`` or ``use``."""
    properties = {key.name: _key(key) for key in table.keys}
    required = [key.name for key in table.keys if key.required]
    if table.word:
        selector = "do" if table.name == "action" else "use"
        properties[selector] = {"const": table.word}
        required.insert(0, selector)
    return {
        "type": "object",
        "description": table.help,
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _key(key: Key) -> dict[str, Any]:
    record = dict(_KINDS[key.kind])
    if key.help:
        record["description"] = key.help
    if key.values and not any("NAME" in value for value in key.values):
        record["enum"] = list(key.values)
    if key.kind == "number":
        record |= {
            bound: limit
            for bound, limit in (("minimum", key.low), ("maximum", key.high))
            if limit is not None and limit < 1 << 53
        }
    if key.default is not None:
        record["default"] = key.default
    if key.example is not None:
        record["examples"] = [key.example]
    return record
