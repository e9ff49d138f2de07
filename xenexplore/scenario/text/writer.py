"""Write a scenario as text, in one canonical form: what is at its default is left out."""

from __future__ import annotations

from dataclasses import fields

from xenexplore.addr import Gpa
from xenexplore.guest.image_source import ImageSource
from xenexplore.guest.spec import GuestSpec
from xenexplore.memory.p2m import P2M_SIZES
from xenexplore.options.variant import Variant
from xenexplore.scenario.model.action_records import ActionSpec, InnerCall
from xenexplore.scenario.model.scenario import BufferSpec, Contents, Expectation, Scenario
from xenexplore.scenario.model.step_note import StepNote
from xenexplore.scenario.text import toml_spelling as toml
from xenexplore.scenario.text.vocabulary import (
    ABSENT_BESIDE_IMAGE,
    GUEST,
    LISTS,
    XEN,
    XEN_DEFAULTS,
    key_of,
)
from xenexplore.steps import errno_name

__all__ = ["note_lines", "write_scenario"]

_MIB = 1 << 20


def write_scenario(scenario: Scenario) -> str:
    """The scenario's canonical text; loading it gives an equal scenario."""
    about = scenario.about
    lines = [toml.field("name", about.name), toml.field("title", about.title)]
    if about.question:
        lines.append(toml.field("question", about.question))
    for key, value in (("asked", about.asked), ("ours", about.ours)):
        if value:
            lines.append(f"{key} = {toml.string(value)}")
    if about.text:
        lines.append(f"text = {toml.block(about.text)}")
    lines += _guest(scenario.guest)
    if scenario.xen != XEN_DEFAULTS["version"]:
        lines += ["", toml.header(XEN, many=False), toml.field("version", scenario.xen)]
    listed = (
        map(_buffer, scenario.buffers),
        map(_action, scenario.actions),
        map(_option, scenario.options),
        map(_expect, scenario.expects),
        map(note_lines, scenario.notes),
    )
    for name, tables in zip(LISTS, listed, strict=True):
        for table in tables:
            lines += ["", toml.header(name, many=True), *table]
    return "\n".join(lines) + "\n"


def _guest(guest: GuestSpec) -> list[str]:
    default = GuestSpec()
    lines = []
    for field in fields(GuestSpec):
        value = getattr(guest, field.name)
        if value == getattr(default, field.name):
            continue
        if guest.image is not None and key_of(field.name) in ABSENT_BESIDE_IMAGE:
            continue
        if field.name == "image":
            lines += _image(value)
        elif field.name == "memory":
            lines.append(toml.field(field.name, f"{value // _MIB}M"))
        elif field.name == "p2m_order":
            lines.append(toml.field(key_of(field.name), P2M_SIZES[value]))
        else:
            lines.append(toml.field(field.name, value))
    return ["", toml.header(GUEST, many=False), *lines] if lines else []


def _image(image: ImageSource) -> list[str]:
    lines = []
    for key, value in image.said().items():
        shown = Gpa(value) if key == "cr3" and isinstance(value, int) else value
        lines.append(toml.field(key_of(key), shown))
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
            lines += [toml.field(field.name, value)]
    return lines


def _contents(contents: Contents) -> list[str]:
    lines = [toml.field("struct", contents.struct)] if contents.struct else []
    if contents.array:
        lines += toml.array("array", contents.array)
    elif contents.struct:
        lines += toml.pairs("fields", contents.fields)
    if contents.text:
        lines += [toml.field("text", contents.text)]
    if contents.data:
        lines += [toml.field(key_of("data"), contents.data.hex())]
    return [toml.field("at", contents.at), *lines] if contents.at else lines


def _action(action: ActionSpec) -> list[str]:
    lines = [toml.field("do", action.do)]
    for field in fields(action):
        value = getattr(action, field.name)
        if field.name == "line" or value == field.default:
            continue
        if field.name == "given":
            lines += toml.pairs(key_of(field.name), value)
        elif field.name == "entries":
            lines += toml.long_list("entries", [_inner_call(entry) for entry in value])
        elif isinstance(value, BufferSpec):
            lines += _buffer(value)
        elif isinstance(value, Contents):
            lines += _contents(value)
        elif field.name == "address" or (field.name == "value" and isinstance(value, int)):
            lines.append(f"{field.name} = {toml.address(value)}")
        else:
            lines += [toml.field(field.name, value)]
    return lines


def _inner_call(entry: InnerCall) -> str:
    given = f", {key_of('given')} = {toml.table(entry.given)}" if entry.given else ""
    return f"{{ {toml.field('hypercall', entry.hypercall)}{given} }}"


def _option(option: Variant) -> list[str]:
    lines = [toml.field("use", option.use)]
    if option.label != option.use:
        lines += [toml.field("label", option.label)]
    for key, value in option.values:
        lines += [toml.field(key, value)]
    return lines


def note_lines(note: StepNote) -> list[str]:
    """The keys of one table ``[[note]]``."""
    given = (("at", note.at), ("option", note.option), ("text", note.text))
    return [toml.field(key, value) for key, value in given if value]


def _expect(expect: Expectation) -> list[str]:
    lines = []
    if expect.options:
        one = expect.options[0] if len(expect.options) == 1 else expect.options
        lines += [toml.field(key_of("options"), one)]
    for field in fields(Expectation):
        value = getattr(expect, field.name)
        if field.name in ("options", "line") or value is None:
            continue
        if field.name == "result":
            lines += [toml.field("result", errno_name(value) or value)]
        elif field.name in ("counts", "setup"):
            lines += toml.counts(field.name, value) if value else []
        else:
            lines += [toml.field(field.name, value)]
    return lines
