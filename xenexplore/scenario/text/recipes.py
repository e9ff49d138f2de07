"""Scenarios from a few choices: the text that a form's controls stand for.

A :class:`Choices` is what was set in the form; :func:`recipe_text` is
the scenario that says the same.  The text is the whole state: it can be
edited, mailed, and loaded again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xenexplore.errors import MachineError, XenexploreError
from xenexplore.memory.p2m import P2M_SIZES
from xenexplore.options.registry import OPTIONS, TODAY, known_designs
from xenexplore.scenario.model.action_records import CallAction
from xenexplore.scenario.model.scenario import BufferSpec, Scenario
from xenexplore.scenario.text import toml_spelling as toml
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.scenario.text.vocabulary import GUEST, key_of

__all__ = [
    "CALLS",
    "COUNTED",
    "Choices",
    "buffers_of",
    "choices_of",
    "every_option",
    "nearest_choices",
    "recipe_text",
    "registration_of",
]

#: What can be called, and what its first buffer is.
CALLS: dict[str, str] = {
    "event_channel_op send": "one struct of 4 bytes in",
    "event_channel_op alloc_unbound": "one struct of 8 bytes in, and out again",
    "vcpu_op get_runstate_info": "48 bytes out",
    "memory_op populate_physmap": "a struct followed by an array of frame numbers",
    "grant_table_op map_grant_ref": "an array of 32-byte operations, in and out each",
    "console_io write": "a string, in pieces of 128 bytes",
}

#: Those of them that take a number of elements (or bytes of a string).
COUNTED = (
    "memory_op populate_physmap",
    "grant_table_op map_grant_ref",
    "console_io write",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """Choices that a scenario is made from.

    Attributes:
        guest: guest type, as in a scenario's ``[guest]``.
        kernel: kernel.
        encryption: memory encryption.
        vcpus: number of vCPUs.
        p2m: page size of the P2M: ``"4K"``, ``"2M"`` or ``"1G"``.
        place: where the call's buffer lives.
        offset: its offset in its first page, or None: as that kind's allocator would.
        shared: encrypted guests: the buffers are shared with Xen.
        call: one of :data:`CALLS`.
        count: elements, where the call takes an array (or bytes of a string).
        options: option names, each with the parameters that are set.
    """

    guest: str = "pvh"
    kernel: str = "linux"
    encryption: str = "none"
    vcpus: int = 1
    p2m: str = "4K"
    place: str = "stack"
    offset: int | None = None
    shared: bool = False
    call: str = "event_channel_op send"
    count: int = 8
    options: tuple[tuple[str, tuple[tuple[str, object], ...]], ...] = ((TODAY.name, ()),)


def recipe_text(choices: Choices) -> str:
    """The scenario's text.

    Raises:
        MachineError: the call is not one of :data:`CALLS`.
    """
    if choices.call not in CALLS:
        raise MachineError(f"no recipe for {choices.call!r}: expected one of {', '.join(CALLS)}")
    parts = [_head(choices), _guest(choices), *_buffers(choices), _action(choices)]
    parts += [_option(name, values) for name, values in choices.options]
    return "\n\n".join(parts) + "\n"


def choices_of(text: str) -> Choices | None:
    """The choices that a text stands for, or None: it says something that no choice says.

    What comes back says the same text again: ``recipe_text(choices_of(text)) == text``.
    """
    try:
        scenario = parse_scenario(text)
        found = _choices(scenario)
        same = found is not None and recipe_text(found) == text
    except XenexploreError:
        return None
    return found if same else None


def nearest_choices(text: str) -> Choices | None:
    """The choices that a text amounts to, or None if it is not one call about a buffer."""
    try:
        return _choices(parse_scenario(text))
    except XenexploreError:
        return None


def registration_of(option: str, buffers: Sequence[str]) -> tuple[str, ...]:
    """Words that an option has to register so that it finds these buffers; often none."""
    needs = any(
        p.name == "register" and p.default == () for p in known_designs()[option].parameters
    )
    return tuple(f"buffer:{name}" for name in buffers) if needs else ()


def every_option(text: str) -> str:
    """The text with every other option as well, each with the scenario's buffers registered.

    Raises:
        ScenarioError: the text is not a scenario.
    """
    scenario = parse_scenario(text, "the scenario")
    used = {option.use for option in scenario.options}
    buffers = [buffer.name for buffer in scenario.buffers]
    parts = [text.rstrip()]
    for name, option in OPTIONS.items():
        if option.specified and name not in used:
            register = registration_of(name, buffers)
            parts.append(_option(name, (("register", register),) if register else ()))
    return "\n\n".join(parts) + "\n"


def buffers_of(call: str) -> tuple[str, ...]:
    """The names of the buffers that a call's recipe places."""
    return ("buffer", "reservation") if call == "memory_op populate_physmap" else ("buffer",)


def _choices(scenario: Scenario) -> Choices | None:
    named = {buffer.name: buffer for buffer in scenario.buffers}
    if "buffer" not in named or len(scenario.actions) != 1:
        return None
    (action,) = scenario.actions
    if not isinstance(action, CallAction):
        return None
    guest, buffer = scenario.guest, named["buffer"]
    return Choices(
        guest=guest.type,
        kernel=guest.kernel,
        encryption=guest.encryption,
        vcpus=guest.vcpus,
        p2m=P2M_SIZES[guest.p2m_order],
        place=buffer.place,
        offset=buffer.offset,
        shared=bool(buffer.shared),
        call=action.hypercall,
        count=_count(action.hypercall, buffer),
        options=tuple((option.use, tuple(option.values)) for option in scenario.options),
    )


def _count(call: str, buffer: BufferSpec) -> int:
    if call not in COUNTED:
        return Choices().count
    return len(buffer.contents.array) or len(buffer.contents.text)


def _head(choices: Choices) -> str:
    call = choices.call.replace(" ", ", ")
    title = f"{call} from {choices.place} memory"
    return "\n".join([toml.field("name", "workbench"), toml.field("title", title)])


def _guest(choices: Choices) -> str:
    lines = [
        toml.header(GUEST, many=False),
        toml.field("type", choices.guest),
        toml.field("kernel", choices.kernel),
        toml.field("vcpus", choices.vcpus),
        toml.field("encryption", choices.encryption),
        toml.field(key_of("p2m_order"), choices.p2m),
    ]
    return "\n".join(lines)


def _buffers(choices: Choices) -> list[str]:
    match choices.call:
        case "event_channel_op send":
            return [_buffer(choices, 'struct = "evtchn_send"\nfields = { port = 5 }')]
        case "event_channel_op alloc_unbound":
            fields = 'fields = { dom = "DOMID_SELF" }'
            return [_buffer(choices, f'struct = "evtchn_alloc_unbound"\n{fields}')]
        case "vcpu_op get_runstate_info":
            return [_buffer(choices, "size = 48")]
        case "memory_op populate_physmap":
            extents = ", ".join(hex(0x8000 + n) for n in range(choices.count))
            fields = f'extent_start = "@buffer", nr_extents = {choices.count}'
            return [
                _buffer(choices, f'struct = "xen_pfn_t"\narray = [{extents}]'),
                _buffer(
                    choices,
                    'struct = "xen_memory_reservation"\n'
                    f'fields = {{ {fields}, domid = "DOMID_SELF" }}',
                    name="reservation",
                    place=_struct_place(choices),
                ),
            ]
        case "grant_table_op map_grant_ref":
            one = "{ flags = 2, ref = 9, dom = 1 }"
            operations = ", ".join([one] * choices.count)
            return [_buffer(choices, f'struct = "gnttab_map_grant_ref"\narray = [{operations}]')]
        case _:
            return [_buffer(choices, f'text = "{("Hello, Xen! " * 400)[: choices.count]}"')]


def _struct_place(choices: Choices) -> str:
    """A struct that points to a user's array is also in user memory; otherwise on the stack."""
    return choices.place if choices.place in ("user", "privcmd") else "stack"


def _buffer(choices: Choices, contents: str, *, name: str = "buffer", place: str = "") -> str:
    place = place or choices.place
    lines = [
        toml.header("buffer", many=True),
        toml.field("name", name),
        toml.field("place", place),
    ]
    if name == "buffer" and choices.offset is not None:
        lines.append(toml.field("offset", choices.offset))
    if place in ("user", "privcmd"):
        lines.append(toml.field("process", "init"))
    if choices.encryption != "none" and choices.shared:
        lines.append(toml.field("shared", True))
    return "\n".join([*lines, contents])


def _action(choices: Choices) -> str:
    arguments = {
        "vcpu_op get_runstate_info": 'vcpuid = 0, arg = "@buffer"',
        "memory_op populate_physmap": 'arg = "@reservation"',
        "grant_table_op map_grant_ref": f'uop = "@buffer", count = {choices.count}',
        "console_io write": f'count = {choices.count}, buffer = "@buffer"',
    }.get(choices.call, 'arg = "@buffer"')
    lines = [
        toml.header("action", many=True),
        toml.field("do", CallAction.do),
        toml.field("hypercall", choices.call),
    ]
    if choices.place in ("user", "privcmd"):
        lines.append(toml.field("user", True))
    return "\n".join([*lines, f"{key_of('given')} = {{ {arguments} }}"])


def _option(name: str, values: tuple[tuple[str, object], ...]) -> str:
    lines = [toml.header("option", many=True), toml.field("use", name)]
    return "\n".join([*lines, *(toml.field(key, value) for key, value in values)])
