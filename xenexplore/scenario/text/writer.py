"""Write a scenario as text, in one canonical form: what is at its default is left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import fields

from xenexplore.addr import Gpa, Space
from xenexplore.guest.image_source import ImageSource
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypercalls.releases import DEFAULT
from xenexplore.options.variant import Variant
from xenexplore.scenario.model.action_records import ActionSpec, InnerCall
from xenexplore.scenario.model.scenario import BufferSpec, Contents, Expectation, Scenario
from xenexplore.scenario.model.values import Elements, Pairs, Value, value_text
from xenexplore.steps import errno_name

__all__ = ["write_scenario"]

_WIDTH = 72
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_ORDERS = {0: "4K", 9: "2M", 18: "1G"}
_MIB = 1 << 20
# What a guest that is a memory image has from it, and no text says.
_OF_THE_IMAGE = ("kernel", "memory", "la57")


def write_scenario(scenario: Scenario) -> str:
    """The scenario's canonical text; loading it gives an equal scenario."""
    about = scenario.about
    lines = [f"name = {_quoted(about.name)}", f"title = {_quoted(about.title)}"]
    if about.question:
        lines.append(f"question = {_inline(about.question)}")
    for key, value in (("asked", about.asked), ("ours", about.ours)):
        if value:
            lines.append(f"{key} = {_string(value)}")
    if about.text:
        lines.append(f"text = {_block(about.text)}")
    lines += _guest(scenario.guest)
    if scenario.xen != DEFAULT:
        lines += ["", "[xen]", f"version = {_quoted(scenario.xen)}"]
    for buffer in scenario.buffers:
        lines += ["", "[[buffer]]", *_buffer(buffer)]
    for action in scenario.actions:
        lines += ["", "[[action]]", *_action(action)]
    for option in scenario.options:
        lines += ["", "[[option]]", *_option(option)]
    for expect in scenario.expects:
        lines += ["", "[[expect]]", *_expect(expect)]
    return "\n".join(lines) + "\n"


def _guest(guest: GuestSpec) -> list[str]:
    default = GuestSpec()
    lines = []
    for field in fields(GuestSpec):
        value = getattr(guest, field.name)
        if value == getattr(default, field.name):
            continue
        if guest.image is not None and field.name in _OF_THE_IMAGE:
            continue
        if field.name == "image":
            lines += _image(value)
        elif field.name == "memory":
            lines.append(f'memory = "{value // _MIB}M"')
        elif field.name == "p2m_order":
            lines.append(f'p2m = "{_ORDERS[value]}"')
        else:
            lines.append(f"{field.name} = {_inline(value)}")
    return ["", "[guest]", *lines] if lines else []


def _image(image: ImageSource) -> list[str]:
    lines = []
    for key, value in image.said().items():
        shown = Gpa(value) if key == "cr3" and isinstance(value, int) else value
        lines += _field("image" if key == "file" else key, shown)
    return lines


def _buffer(buffer: BufferSpec) -> list[str]:
    lines = []
    for field in fields(BufferSpec):
        value = getattr(buffer, field.name)
        default = field.default
        if field.name == "line" or value == default:
            continue
        if field.name == "contents":
            lines += _contents(value)
        else:
            lines += _field(field.name, value)
    return lines


def _contents(contents: Contents) -> list[str]:
    lines = _field("struct", contents.struct) if contents.struct else []
    if contents.array:
        lines += _array("array", contents.array)
    elif contents.struct:
        lines += _pairs("fields", contents.fields)
    if contents.text:
        lines += _field("text", contents.text)
    if contents.data:
        lines += _field("bytes", contents.data.hex())
    return [*_field("at", contents.at), *lines] if contents.at else lines


def _action(action: ActionSpec) -> list[str]:
    lines = _field("do", action.do)
    for field in fields(action):
        value = getattr(action, field.name)
        if field.name == "line" or value == field.default:
            continue
        if field.name == "given":
            lines += _pairs("with", value)
        elif field.name == "entries":
            lines += _long("entries", [_inner_call(entry) for entry in value])
        elif isinstance(value, BufferSpec):
            lines += _buffer(value)
        elif isinstance(value, Contents):
            lines += _contents(value)
        elif field.name == "address" or (field.name == "value" and isinstance(value, int)):
            lines.append(f"{field.name} = {_address(value)}")
        else:
            lines += _field(field.name, value)
    return lines


def _inner_call(entry: InnerCall) -> str:
    given = f", with = {_table(entry.given)}" if entry.given else ""
    return f"{{ hypercall = {_quoted(entry.hypercall)}{given} }}"


def _option(option: Variant) -> list[str]:
    lines = _field("use", option.use)
    if option.label != option.use:
        lines += _field("label", option.label)
    for key, value in option.values:
        lines += _field(key, value)
    return lines


def _expect(expect: Expectation) -> list[str]:
    lines = []
    if expect.options:
        one = expect.options[0] if len(expect.options) == 1 else expect.options
        lines += _field("option", one)
    for field in fields(Expectation):
        value = getattr(expect, field.name)
        if field.name in ("options", "line") or value is None:
            continue
        if field.name == "result":
            lines += _field("result", errno_name(value) or value)
        elif field.name in ("counts", "setup"):
            lines += _counts(field.name, value) if value else []
        else:
            lines += _field(field.name, value)
    return lines


def _field(key: str, value: object) -> list[str]:
    return [f"{key} = {_inline(value)}"]


def _pairs(key: str, pairs: Pairs) -> list[str]:
    """An inline table, or one dotted key a line where that is too long."""
    line = f"{key} = {_table(pairs)}"
    if len(line) <= _WIDTH or not pairs:
        return [line]
    return [f"{key}.{_path(path)} = {_value(value)}" for path, value in pairs]


def _counts(key: str, counts: tuple[tuple[str, int], ...]) -> list[str]:
    line = f"{key} = {{ {', '.join(f'{name} = {value}' for name, value in counts)} }}"
    if len(line) <= _WIDTH:
        return [line]
    return [f"{key}.{name} = {value}" for name, value in counts]


def _array(key: str, elements: Elements) -> list[str]:
    texts = [_table(e) if isinstance(e, tuple) else _value(e) for e in elements]
    return _long(key, texts)


def _long(key: str, texts: Iterable[str]) -> list[str]:
    """A list on one line, or one element a line where that is too long."""
    items = list(texts)
    line = f"{key} = [{', '.join(items)}]"
    if len(line) <= _WIDTH:
        return [line]
    return [f"{key} = [", *(f"    {item}," for item in items), "]"]


def _table(pairs: Pairs) -> str:
    if not pairs:
        return "{}"
    return "{ " + ", ".join(f"{_path(path)} = {_value(value)}" for path, value in pairs) + " }"


def _path(path: str) -> str:
    """A dotted field path as TOML's dotted key; ``args[0]`` needs quotes."""
    steps = (step if _BARE.fullmatch(step) else _quoted(step) for step in path.split("."))
    return ".".join(steps)


def _inline(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Space):
        return f'"{value.hex()}"'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_inline(item) for item in value)}]"
    return _quoted(str(value))


def _value(value: Value) -> str:
    """A number that may be an address, or the address of a buffer."""
    shown = value_text(value)
    return str(shown) if isinstance(shown, int) else f'"{shown}"'


def _address(value: Value) -> str:
    """A linear address or an entry: always hexadecimal, or a buffer's address."""
    return f'"{value:#x}"' if isinstance(value, int) else f'"{value}"'


def _quoted(text: str) -> str:
    # JSON's strings are TOML's basic strings, but for DEL.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _string(text: str) -> str:
    """A string in quotes; over several lines where it has several."""
    return _block(text) if "\n" in text and text == text.strip("\n") else _quoted(text)


def _block(text: str) -> str:
    lines = (_quoted(line)[1:-1].replace('\\"', '"') for line in text.split("\n"))
    body = "\n".join(line.replace('""', '"\\"') for line in lines)
    return f'"""\n{body}\n"""'
