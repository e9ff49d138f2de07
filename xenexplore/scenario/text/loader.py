"""Load a scenario's text.  Every error names the file, the line and the field.

The format is TOML; the tables are ``[guest]``, ``[xen]``, ``[[buffer]]``, ``[[action]]``,
``[[option]]``, ``[[expect]]`` and ``[[note]]``, after a few lines about the scenario itself.
A key that is not known is refused: a misspelt parameter must not become a
default in silence.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from xenexplore.errors import MachineError, ReleaseError, ScenarioError
from xenexplore.files import TEXT_LIMIT, read_text
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypercalls.releases import RELEASES, release_of
from xenexplore.hypervisor.outcome import Counts
from xenexplore.options.outside import names_file
from xenexplore.options.registry import OPTIONS, known_designs, variant
from xenexplore.options.variant import Variant
from xenexplore.scenario.model.about import About
from xenexplore.scenario.model.action_records import ActionSpec, Place, Setup
from xenexplore.scenario.model.scenario import Expectation, Scenario
from xenexplore.scenario.text.fields import Fields, SourceText, nearest
from xenexplore.scenario.text.load_actions import read_action
from xenexplore.scenario.text.load_buffers import read_buffer
from xenexplore.scenario.text.load_guest import read_guest
from xenexplore.scenario.text.notes import read_note
from xenexplore.scenario.text.vocabulary import GUEST, LISTS, XEN, XEN_DEFAULTS
from xenexplore.steps import ERRNOS, Status

__all__ = [
    "STATUSES",
    "load_scenario",
    "parse_scenario",
    "read_about",
    "read_expect",
    "read_xen",
    "scenario_text",
]

STATUSES = tuple(Status)

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]*")
_COUNTS = tuple(Counts.__dataclass_fields__)


def load_scenario(source: str, *, limit: int | None = None) -> Scenario:
    """Read a scenario from a file, or from standard input (``"-"``).

    Args:
        source: the file's path, or ``"-"``.
        limit: most bytes of text; None for 4 MiB.

    Raises:
        ScenarioError: the text is malformed, not UTF-8, or longer than the limit.
        OSError: the file cannot be read.
    """
    text = scenario_text(source, limit=limit)
    if source == "-":
        return parse_scenario(text, "standard input")
    return parse_scenario(text, source, folder=str(Path(source).parent))


def scenario_text(source: str, *, limit: int | None = None) -> str:
    """The text of a scenario, as :func:`load_scenario` reads it.

    Raises:
        ScenarioError: it is not UTF-8, or longer than the limit.
        OSError: the file cannot be read.
    """
    most = TEXT_LIMIT if limit is None else limit
    return read_text(source, most, what="a scenario", error=ScenarioError)


def parse_scenario(
    text: str, source: str = "a scenario", *, numbers: Sequence[int] = (), folder: str = ""
) -> Scenario:
    r"""Read a scenario from its text.

    Args:
        text: the TOML text.
        source: its name in messages.
        numbers: what each line is called in messages, where the text was taken out of a
            longer one (a mail); default: from 1.
        folder: where relative names of files in it begin; ``""``: the working directory.

    Raises:
        ScenarioError: it is malformed; names line and field, and the nearest valid word.

    >>> parse_scenario('name = "x"\ntitle = "Nothing happens"')
    <Scenario x: pvh guest, 0 actions, every option>
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _toml_error(SourceText(source, text, numbers), text, error) from None
    except RecursionError:
        raise ScenarioError(
            source,
            f"line {numbers[0] if numbers else 1}",
            expected="TOML",
            got="tables or arrays nested too deeply",
        ) from None
    reading = SourceText(source, text, numbers)
    top = Fields(reading, tables, (), "")
    about = read_about(top)
    guest = read_guest(_table(reading, top, GUEST), folder)
    xen = read_xen(_table(reading, top, XEN))
    found = {name: _tables(reading, top, name) for name in LISTS}
    top.finish()
    names = _names(found["buffer"])
    buffers = tuple(read_buffer(fields, guest, names, xen) for fields in found["buffer"])
    actions = _actions(found["action"], guest, names, xen)
    options = _options(found["option"])
    labels = tuple(option.label for option in options)
    expects = tuple(read_expect(fields, labels) for fields in found["expect"])
    notes = tuple(read_note(fields, labels) for fields in found["note"])
    return Scenario(
        about=about,
        guest=guest,
        xen=xen,
        buffers=buffers,
        actions=actions,
        options=options,
        expects=expects,
        notes=notes,
        source=source,
    )


def _toml_error(reading: SourceText, text: str, error: tomllib.TOMLDecodeError) -> ScenarioError:
    """The error of tomllib, with its line, in our form."""
    what, _, rest = str(error).partition(" (at ")
    line = re.match(r"line (\d+)", rest)
    number = int(line[1]) if line else text.count("\n") + 1
    lines = text.splitlines()
    shown = repr(lines[number - 1].strip()[:60]) if number <= len(lines) else "the end of the text"
    place = f"line {reading.lines.called(number)}"
    return ScenarioError(reading.source, place, expected="TOML", got=shown, hint=what.lower())


def _one_line(top: Fields, key: str) -> str:
    """A text that is printed as it stands: one line, and nothing that steers a terminal."""
    word = top.word(key)
    if any(unicodedata.category(letter) in ("Cc", "Zl", "Zp") for letter in word):
        top.fail(key, expected="one line, no control characters", got=repr(word[:60]))
    return word


def _table(text: SourceText, top: Fields, name: str) -> Fields:
    table = top.raw(name)
    if table is not None and not isinstance(table, dict):
        top.fail(name, expected=f"a table [{name}]", got=_shown(table))
    return Fields(text, table or {}, (name,), name)


def _tables(text: SourceText, top: Fields, name: str) -> list[Fields]:
    tables = top.raw(name)
    if tables is None:
        return []
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        top.fail(name, expected=f"tables [[{name}]]", got=_shown(tables))
    return [
        Fields(text, table, (name, index), _called(name, index, table))
        for index, table in enumerate(tables)
    ]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "one table in single brackets"
    tables = isinstance(value, list) and all(isinstance(item, dict) for item in value)
    return "tables in double brackets" if tables else repr(value)


def _called(name: str, index: int, table: dict[str, Any]) -> str:
    own = table.get("name") if name == "buffer" else None
    return f"buffer {own!r}" if isinstance(own, str) else f"{name} {index + 1}"


def read_about(top: Fields) -> About:
    """The lines about the scenario itself."""
    name = top.word("name")
    if not _NAME.fullmatch(name):
        top.fail("name", expected="lowercase letters, digits, dashes, dots", got=repr(name))
    return About(
        name=name,
        title=_one_line(top, "title"),
        question=top.words("question"),
        asked=top.word("asked", "").strip("\n"),
        ours=top.word("ours", "").strip("\n"),
        text=top.word("text", "").strip("\n"),
    )


def read_xen(fields: Fields) -> str:
    """The table ``[xen]``: which Xen the guest runs on."""
    version = fields.word("version", XEN_DEFAULTS["version"])
    fields.finish()
    try:
        return release_of(version)
    except ReleaseError:
        fields.fail(
            "version", expected=f"a Xen that the catalogue describes: {', '.join(RELEASES)}",
            got=repr(version),
        )  # fmt: skip


def _names(buffers: list[Fields], known: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Every buffer's name, before any buffer is read: contents may point forwards."""
    names = list(known)
    for fields in buffers:
        name = fields.word("name")
        if not _NAME.fullmatch(name):
            fields.fail("name", expected="lowercase letters, digits, dashes, dots", got=repr(name))
        if name in names:
            fields.fail("name", expected="a name of its own", got=f"{name!r} again")
        names.append(name)
    return tuple(names)


def _actions(
    tables: list[Fields], guest: GuestSpec, names: tuple[str, ...], xen: str
) -> tuple[ActionSpec, ...]:
    """Every action; one that places a buffer makes its name known to those after it."""
    actions: list[ActionSpec] = []
    for fields in tables:
        placed = _names([fields], names) if fields.raw("do") == Place.do else names
        action = read_action(fields, guest, placed, xen)
        fields.finish()
        if isinstance(action, Setup):
            _check_setup(fields, actions)
        actions.append(action)
        names = placed
    return tuple(actions)


def _check_setup(fields: Fields, before: list[ActionSpec]) -> None:
    """The setup comes once, and after nothing that needs the design."""
    for action in before:
        if isinstance(action, Setup):
            fields.fail("do", expected="one setup", got=f"another at line {action.line}")
        if not action.by_guest:
            fields.fail(
                "do", expected="only the guest's own actions before setup",
                got=f"{action.do!r} at line {action.line}",
            )  # fmt: skip


def _options(tables: list[Fields]) -> tuple[Variant, ...]:
    options: list[Variant] = []
    for fields in tables:
        chosen = _chosen(fields)
        label = fields.word("label", chosen.label)
        if label in [other.label for other in options]:
            fields.fail(
                "label", expected="a label of its own", got=f"{label!r} again",
                hint="give each use of an option a label",
            )  # fmt: skip
        values = {key: fields.raw(key) for key in fields.keys if key not in ("use", "label")}
        for key, value in values.items():
            try:
                chosen = variant(chosen, {key: value})
            except MachineError as error:
                fields.fail(key, expected="a parameter that the option takes", got=str(error))
        options.append(variant(chosen, label=label, line=fields.line))
    return tuple(options)


def _chosen(fields: Fields) -> Variant:
    """An option by name, with parameters after a colon as everywhere; numbers are accepted."""
    use = fields.raw("use")
    if isinstance(use, str) and names_file(use):
        fields.fail("use", expected="the name of a design", got=repr(use),
                    hint="a scenario loads no file: use xe.offer(CLASS) or --design")  # fmt: skip
    if isinstance(use, str):
        try:
            return variant(use)
        except MachineError as error:
            if ":" in use:
                fields.fail("use", expected="a design and its parameters", got=str(error))
    return variant(fields.word("use", words=tuple(known_designs())))


def read_expect(fields: Fields, labels: tuple[str, ...]) -> Expectation:
    """One table ``[[expect]]``, about options of these labels."""
    options = fields.words("option")
    for label in options:
        if label not in (labels or OPTIONS):
            known = labels or tuple(OPTIONS)
            fields.fail(
                "option", expected=f"one of {', '.join(known)}", got=repr(label),
                hint=nearest(label, known),
            )  # fmt: skip
    most = (1 << 63) - 1
    expectation = Expectation(
        options=options,
        status=Status(fields.word("status", words=STATUSES)) if "status" in fields else None,
        result=_result(fields),
        right_bytes=fields.optional_number("right_bytes", high=most),
        wrong_bytes=fields.optional_number("wrong_bytes", high=most),
        lost_checks=fields.optional_number("lost_checks", high=most),
        hazards=fields.words("hazards") if "hazards" in fields else None,
        reason=fields.optional_word("reason"),
        counts=_counts(fields, "counts"),
        setup=_counts(fields, "setup"),
        line=fields.line,
    )
    fields.finish()
    if expectation == Expectation(options=options):
        fields.fail("", expected="something to check", got="none", hint="add e.g. status")
    return expectation


def _result(fields: Fields) -> int | None:
    """0, 5, -14, or the errno's name as Xen's headers spell it."""
    value = fields.raw("result")
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    if not isinstance(value, str) or value.removeprefix("-") not in ERRNOS:
        fields.fail(
            "result", expected='a number, or an errno, e.g. "EFAULT"', got=repr(value),
            hint=nearest(value, ERRNOS) if isinstance(value, str) else "",
        )  # fmt: skip
    return -ERRNOS[value.removeprefix("-")]


def _counts(fields: Fields, key: str) -> tuple[tuple[str, int], ...]:
    value = fields.raw(key)
    if value is None:
        return ()
    inner = fields.inner(key, value, key)
    for name in inner.keys:
        if name not in _COUNTS:
            inner.fail(
                name, expected=f"one of {', '.join(_COUNTS)}", got=repr(name),
                hint=nearest(name, _COUNTS),
            )  # fmt: skip
    return tuple((name, inner.number(name, high=(1 << 63) - 1)) for name in inner.keys)
