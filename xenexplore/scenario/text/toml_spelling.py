"""Spelling of a scenario's keys, values and tables as TOML."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable

from xenexplore.addr import Space
from xenexplore.scenario.model.values import Elements, Pairs, Value, value_text

__all__ = [
    "address",
    "array",
    "block",
    "counts",
    "field",
    "header",
    "inline",
    "long_list",
    "pairs",
    "quoted",
    "string",
    "table",
]

_WIDTH = 72
_BARE = re.compile(r"[A-Za-z0-9_-]+")


def header(name: str, *, many: bool) -> str:
    """A table's name in brackets; double ones where there may be many.

    >>> header("guest", many=False), header("buffer", many=True)
    ('[guest]', '[[buffer]]')
    """
    return f"[[{name}]]" if many else f"[{name}]"


def field(key: str, value: object) -> str:
    """One line: key and value.

    >>> field("vcpus", 2), field("question", ("Q1", "Q2"))
    ('vcpus = 2', 'question = ["Q1", "Q2"]')
    """
    return f"{key} = {inline(value)}"


def pairs(key: str, given: Pairs) -> list[str]:
    """An inline table, or one dotted key a line where that is too long."""
    line = f"{key} = {table(given)}"
    if len(line) <= _WIDTH or not given:
        return [line]
    return [f"{key}.{_path(path)} = {_value(value)}" for path, value in given]


def counts(key: str, given: tuple[tuple[str, int], ...]) -> list[str]:
    """Numbers by name: as :func:`pairs`, but decimal."""
    line = f"{key} = {{ {', '.join(f'{name} = {value}' for name, value in given)} }}"
    if len(line) <= _WIDTH:
        return [line]
    return [f"{key}.{name} = {value}" for name, value in given]


def array(key: str, elements: Elements) -> list[str]:
    """A list of field pairs or of values."""
    return long_list(key, [table(e) if isinstance(e, tuple) else _value(e) for e in elements])


def long_list(key: str, texts: Iterable[str]) -> list[str]:
    """A list on one line, or one element a line where that is too long."""
    items = list(texts)
    line = f"{key} = [{', '.join(items)}]"
    if len(line) <= _WIDTH:
        return [line]
    return [f"{key} = [", *(f"    {item}," for item in items), "]"]


def table(given: Pairs) -> str:
    """An inline table."""
    if not given:
        return "{}"
    return "{ " + ", ".join(f"{_path(path)} = {_value(value)}" for path, value in given) + " }"


def _path(path: str) -> str:
    """A dotted field path as TOML's dotted key; ``args[0]`` needs quotes."""
    steps = (step if _BARE.fullmatch(step) else quoted(step) for step in path.split("."))
    return ".".join(steps)


def inline(value: object) -> str:
    """A value as it stands behind a key."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Space):
        return f'"{value.hex()}"'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple):
        return f"[{', '.join(inline(item) for item in value)}]"
    return quoted(str(value))


def _value(value: Value) -> str:
    """A number that may be an address, or the address of a buffer."""
    shown = value_text(value)
    return str(shown) if isinstance(shown, int) else f'"{shown}"'


def address(value: Value) -> str:
    """A linear address or an entry: always hexadecimal, or a buffer's address."""
    return f'"{value:#x}"' if isinstance(value, int) else f'"{value}"'


def quoted(text: str) -> str:
    """A string on one line."""
    # JSON's strings are TOML's basic strings, but for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def string(text: str) -> str:
    """A string in quotes; over several lines where it has several."""
    return block(text) if "\n" in text and text == text.strip("\n") else quoted(text)


def block(text: str) -> str:
    """A string over several lines."""
    lines = (quoted(line)[1:-1].replace('\\"', '"') for line in text.split("\n"))
    body = "\n".join(line.replace('""', '"\\"') for line in lines)
    return f'"""\n{body}\n"""'
