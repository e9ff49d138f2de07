"""The scenario format, key by key: what the loader asks of a text, recorded while it reads one.

The loader itself is the reference.  It is run on an example that has every
table and every action; the fields that it reads from note what they are asked
for (:class:`_Asked`).  Words come from the records' own docstrings.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

from xenexplore.addr import Gfn, Gpa, Gva
from xenexplore.guest.image_source import ImageSource
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypercalls.releases import RELEASES
from xenexplore.options.registry import OPTIONS
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.scenario import BufferSpec, Contents, Expectation
from xenexplore.scenario.model.step_note import StepNote
from xenexplore.scenario.text import loader
from xenexplore.scenario.text.fields import Fields, SourceText
from xenexplore.scenario.text.format_example import (
    DUMPED_GUEST,
    EXAMPLE,
    GUEST_WORDS,
    LEAST_ACTIONS,
)
from xenexplore.scenario.text.load_actions import ACTION_WORDS, read_action
from xenexplore.scenario.text.load_buffers import read_buffer
from xenexplore.scenario.text.load_guest import read_guest
from xenexplore.scenario.text.notes import read_note
from xenexplore.scenario.text.record_words import attribute_words, first_line
from xenexplore.scenario.text.vocabulary import attribute_of

__all__ = ["Key", "Table", "scenario_format"]

_INNER: dict[str, tuple[type, ...]] = {"place": (BufferSpec, Contents), "write": (Contents,)}
_HELP = {
    "option": "labels of the options that it applies to; default: all.",
    "p2m": "page size of the P2M.",
    "preempt_after": "a single preemption point, instead of preempt.",
}
_VCPUS = ("vcpu", "subject", "first_vcpu")


@dataclass(slots=True)
class Key:
    """One key of a table.

    Attributes:
        name: as it is written.
        kind: what it takes: ``text``, ``number``, ``true or false``, ``list of texts``,
            ``list of numbers``, ``address``, ``list of frames``, ``table``, ``list``, ``value``.
        values: the words that it takes; empty for any.
        low: the lowest number, or None.
        high: the highest number, or None.
        default: what holds where it is not given; None where nothing does.
        required: whether it must be there.
        example: a value.
        help: a sentence.
    """

    name: str
    kind: str
    values: tuple[str, ...] = ()
    low: int | None = None
    high: int | None = None
    default: object = None
    required: bool = False
    example: object = None
    help: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """One table, or one action or option.

    Attributes:
        name: its name in brackets; ``""`` for the top.
        word: the ``do`` of an action, the ``use`` of an option; else ``""``.
        many: whether it is in double brackets.
        help: a sentence.
        keys: its keys, in the order in which they are asked for.
    """

    name: str
    word: str
    many: bool
    help: str
    keys: tuple[Key, ...]


class _Asked(Fields):
    """Fields that note what they are asked for, and then answer."""

    def __init__(
        self, table: dict[str, Any], names: tuple[str, ...], path: tuple[object, ...] = ()
    ) -> None:
        super().__init__(SourceText("the example", EXAMPLE), table, path, "example")
        self.names = names
        self.noted: dict[str, Key] = {}
        self._looked_for: set[str] = set()

    def note(self, key: str, kind: str, **more: Any) -> None:
        known = self.noted.setdefault(key, Key(key, kind))
        if known.kind == "value":
            known.kind = kind
        for name, value in more.items():
            if getattr(known, name) in (None, (), False):
                setattr(known, name, value)
        known.example = self._table.get(key, known.example)

    def raw(self, key: str) -> Any:
        self.note(key, "value")
        return super().raw(key)

    def __contains__(self, key: str) -> bool:
        self.note(key, "value")
        self._looked_for.add(key)
        return super().__contains__(key)

    def word(self, key: str, default: str | None = None, words: Iterable[str] = ()) -> str:
        known = tuple(dict.fromkeys(self._general(word) for word in words))
        required = default is None and key not in self._looked_for
        self.note(key, "text", values=known, default=default, required=required)
        return super().word(key, default, words)

    def _general(self, word: str) -> str:
        if word in self.names:
            return "NAME of a buffer"
        return "buffer:NAME" if word.removeprefix("buffer:") in self.names else word

    def optional_word(self, key: str) -> str | None:
        self.note(key, "text")
        value: str | None = super().raw(key)
        return value

    def flag(self, key: str, default: bool) -> bool:
        self.note(key, "true or false", default=default)
        return super().flag(key, default)

    def optional_flag(self, key: str) -> bool | None:
        self.note(key, "true or false")
        value: bool | None = super().raw(key)
        return value

    def number(self, key: str, default: int | None = None, *, low: int = 0, high: int) -> int:
        # How high a vCPU's number may be is the guest's affair, not the format's.
        most = None if key in _VCPUS else high
        self.note(key, "number", low=low, high=most, default=default, required=default is None)
        return super().number(key, default, low=low, high=high)

    def optional_number(self, key: str, *, low: int = 0, high: int) -> int | None:
        self.note(key, "number", low=low, high=high)
        value: int | None = super().raw(key)
        return value

    def numbers(self, key: str, *, low: int = 0) -> tuple[int, ...]:
        self.note(key, "list of numbers", low=low)
        return super().numbers(key, low=low)

    def words(self, key: str) -> tuple[str, ...]:
        self.note(key, "list of texts")
        return super().words(key)

    def address(self, key: str) -> Gva | None:
        self.note(key, "address")
        return super().address(key)

    def physical(self, key: str) -> Gpa | None:
        self.note(key, "address")
        return super().physical(key)

    def frames(self, key: str) -> tuple[Gfn, ...]:
        self.note(key, "list of frames")
        return super().frames(key)

    def inner(
        self, key: str, value: object, what: str, number: int | None = None, hint: str = ""
    ) -> Fields:
        self.note(key, "table" if number is None else "list")
        return super().inner(key, value, what, number, hint)


@cache
def scenario_format() -> tuple[Table, ...]:
    """Every table of the format, each action and each option as one of its own."""
    text = tomllib.loads(EXAMPLE)
    names = tuple(buffer["name"] for buffer in text["buffer"])
    top = _Asked({k: v for k, v in text.items() if isinstance(v, str) or k == "question"}, names)
    loader.read_about(top)
    guest = _Asked(text["guest"], names)
    spec = read_guest(guest)
    dumped = _Asked(dict(DUMPED_GUEST), names)
    read_guest(dumped)
    xen = _Asked(text["xen"], names)
    loader.read_xen(xen)
    xen.noted["version"].help = _releases()
    tables = [
        Table("", "", False, "Name, title and origin of the scenario.", _worded(top, About)),
        Table("guest", "", False, GUEST_WORDS, _guest(guest, dumped)),
        Table("xen", "", False, "The release of Xen; at most one.", tuple(xen.noted.values())),
        Table("buffer", "", True, "A buffer.", _buffer(text, spec, names)),
    ]
    for word in ACTION_WORDS:
        given = next((a for a in text["action"] if a["do"] == word), None)
        asked = _Asked(given or {"do": word, **LEAST_ACTIONS[word]}, names, ("action", 0))
        record = type(read_action(asked, spec, names))
        worded = _worded(asked, record, *_INNER.get(word, ()))
        keys = tuple(_known(key, tables[2].keys) for key in worded if key.name != "do")
        tables.append(Table("action", word, True, first_line(record), keys))
    for name, option in OPTIONS.items():
        keys = (
            Key("label", "text", default=name, help="The scenario's label for this use of it."),
        )
        tables.append(Table("option", name, True, option.title, (*keys, *_parameters(name))))
    expect = _Asked(text["expect"][0], names)
    loader.read_expect(expect, ("registered",))
    tables.append(Table("expect", "", True, "The expected outcome.", _worded(expect, Expectation)))
    note = _Asked(text["note"][0], names)
    read_note(note, ("registered",))
    tables.append(
        Table("note", "", True, "A bookmark, or a note on a step.", _worded(note, StepNote))
    )
    return tuple(tables)


def _known(key: Key, buffer: tuple[Key, ...]) -> Key:
    """A key whose kind no example shows, as the buffer's table has it."""
    if key.kind != "value":
        return key
    return next((known for known in buffer if known.name == key.name), key)


def _guest(built: _Asked, dumped: _Asked) -> tuple[Key, ...]:
    """The keys of a guest that is built, then those of one that is a memory image."""
    keys = {key.name: key for key in _worded(dumped, GuestSpec, ImageSource)}
    known = {key.name: key for key in _worded(built, GuestSpec, ImageSource)}
    own = {name: known[name] for name in known if name not in DUMPED_GUEST}
    return (*own.values(), *(keys[name] for name in DUMPED_GUEST))


def _releases() -> str:
    return f"{', '.join(RELEASES[:-1])} or {RELEASES[-1]}; a point release is its series'."


def _buffer(text: dict[str, Any], spec: GuestSpec, names: tuple[str, ...]) -> tuple[Key, ...]:
    """Every buffer of the example: no one has all of the ways to fill it."""
    found: dict[str, Key] = {}
    for table in text["buffer"]:
        asked = _Asked(table, names)
        read_buffer(asked, spec, names)
        for key in _worded(asked, BufferSpec, Contents):
            known = found.setdefault(key.name, key)
            if known.example is None:
                known.example = key.example
            if known.kind == "value":
                known.kind = key.kind
    return tuple(found.values())


def _parameters(name: str) -> Iterable[Key]:
    """The parameters of an option, from its own table."""
    kinds: dict[type, str] = {
        str: "text", int: "number", bool: "true or false", tuple: "list of texts",
    }  # fmt: skip
    for one in OPTIONS[name].parameters:
        values = tuple(map(str, one.choices)) if isinstance(one.default, str) else ()
        default = list(one.default) if isinstance(one.default, tuple) else one.default
        yield Key(
            one.name, kinds[type(one.default)], values=values, default=default, help=one.help,
            low=0 if type(one.default) is int else None,
        )  # fmt: skip


def _worded(asked: _Asked, *records: type) -> tuple[Key, ...]:
    """The keys that were asked for, with the words of the records that they become."""
    words: dict[str, str] = {}
    for record in records:
        words = attribute_words(record) | words
    for key in asked.noted.values():
        key.help = key.help or _HELP.get(key.name, "") or words.get(attribute_of(key.name), "")
    return tuple(asked.noted.values())
