"""Read one table of a scenario's text, field by field; refuse what is not understood."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar

from xenexplore.addr import Gfn, Gpa, Gva, Space, parse_address
from xenexplore.errors import AddressError, ScenarioError
from xenexplore.scenario.text.key_lines import KeyLines

__all__ = ["Fields", "SourceText", "nearest"]

S = TypeVar("S", bound=Space)

_EXAMPLES: dict[type[Space], str] = {
    Gva: "0xffffc90000613b2c",
    Gpa: "0x6bf7b2c",
    Gfn: "0x6bf7",
}


def nearest(wanted: object, words: Iterable[str]) -> str:
    """``did you mean 'x'?`` for the word closest to ``wanted``, or ``""``."""
    found = difflib.get_close_matches(str(wanted), list(words), n=1, cutoff=0.4)
    return f"did you mean {found[0]!r}?" if found else ""


class SourceText:
    """The text being read: its name and where its keys stand.

    Attributes:
        source: the file's or built-in's name.
        lines: where its keys stand.
    """

    def __init__(self, source: str, text: str, numbers: Sequence[int] = ()) -> None:
        self.source = source
        self.lines = KeyLines(text, numbers)


class Fields:
    """One table; every field is taken once, what is left over is refused.

    Args:
        text: what is being read.
        table: the table as tomllib gives it.
        path: its name, e.g. ``("buffer", 0)``.
        what: its name for readers, e.g. ``"buffer 'op'"``.
    """

    def __init__(
        self, text: SourceText, table: Mapping[str, Any], path: tuple[object, ...], what: str
    ) -> None:
        self._text = text
        self._table = table
        self._path = path
        self._taken: list[str] = []
        self.what = what

    @property
    def line(self) -> int:
        """Line of the table."""
        return self._text.lines.line(self._path)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key that the table has."""
        return tuple(self._table)

    def __contains__(self, key: str) -> bool:
        return key in self._table

    def fail(self, key: str, *, expected: str, got: str, hint: str = "") -> NoReturn:
        """Raise the error for a field (``""``: for the table); names line and field."""
        line = self._text.lines.line(self._path, key)
        parts = [f"line {line}", self.what, f"field {key}" if key else ""]
        place = ", ".join(part for part in parts if part)
        raise ScenarioError(self._text.source, place, expected=expected, got=got, hint=hint)

    def raw(self, key: str) -> Any:
        """The field as it is, or None; counts as taken."""
        self._taken.append(key)
        return self._table.get(key)

    def missing(self, key: str, expected: str) -> NoReturn:
        """Raise the error for a field that must be there; a misspelt one is pointed at."""
        left = [name for name in self._table if name not in self._taken]
        close = difflib.get_close_matches(key, left, n=1, cutoff=0.6)
        hint = f"is {close[0]!r} meant?" if close else ""
        self.fail("", expected=f"{key} = {expected}", got="no such field", hint=hint)

    def word(self, key: str, default: str | None = None, words: Iterable[str] = ()) -> str:
        """A string; one of ``words`` if there are any."""
        value = self.raw(key)
        known = tuple(map(str, words))
        expected = f"one of {', '.join(known)}" if known else "text in quotes"
        if value is None:
            if default is None:
                self.missing(key, expected)
            return default
        if not isinstance(value, str) or (known and value not in known):
            self.fail(key, expected=expected, got=repr(value), hint=nearest(value, known))
        return value

    def optional_word(self, key: str) -> str | None:
        """A string, or None."""
        return self.word(key) if self._has(key) else None

    def _has(self, key: str) -> bool:
        """Whether the field is there; counts as taken."""
        self._taken.append(key)
        return key in self._table

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self.raw(key)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.fail(key, expected="true or false", got=repr(value))
        return value

    def optional_flag(self, key: str) -> bool | None:
        """True, false, or None."""
        return self.flag(key, False) if self._has(key) else None

    def number(self, key: str, default: int | None = None, *, low: int = 0, high: int) -> int:
        """An integer from ``low`` to ``high``."""
        value = self.raw(key)
        expected = f"a whole number from {low} to {high}"
        if value is None:
            if default is None:
                self.missing(key, expected)
            return default
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            self.fail(key, expected=expected, got=repr(value))
        return value

    def optional_number(self, key: str, *, low: int = 0, high: int) -> int | None:
        """An integer, or None."""
        return self.number(key, low=low, high=high) if self._has(key) else None

    def numbers(self, key: str, *, low: int = 0) -> tuple[int, ...]:
        """A list of integers of at least ``low``, ascending; empty by default."""
        value = self.raw(key)
        if value is None:
            return ()
        right = isinstance(value, list) and all(type(item) is int and item >= low for item in value)
        if not right or sorted(set(value)) != value:
            self.fail(key, expected=f"ascending numbers from {low}", got=repr(value))
        return tuple(value)

    def words(self, key: str) -> tuple[str, ...]:
        """A string, or a list of strings; empty by default."""
        value = self.raw(key)
        if value is None:
            return ()
        if isinstance(value, str):
            return (value,)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self.fail(key, expected="text, or a list of texts", got=repr(value))
        return tuple(value)

    def address(self, key: str) -> Gva | None:
        """A linear address as text, or None."""
        value = self.raw(key)
        return None if value is None else self._space(key, value, Gva)

    def physical(self, key: str) -> Gpa | None:
        """A guest-physical address as text, or None."""
        value = self.raw(key)
        return None if value is None else self._space(key, value, Gpa)

    def frames(self, key: str) -> tuple[Gfn, ...]:
        """A list of guest frames as text; empty by default."""
        value = self.raw(key)
        if value is None:
            return ()
        if not isinstance(value, list):
            self.fail(key, expected='a list of frames, e.g. ["0x6bf7"]', got=repr(value))
        return tuple(self._space(key, item, Gfn) for item in value)

    def _space(self, key: str, value: object, space: type[S]) -> S:
        example = _EXAMPLES[space]
        if not isinstance(value, str) or not value.startswith("0x"):
            expected = f'hexadecimal in quotes, e.g. "{example}"'
            self.fail(key, expected=expected, got=repr(value))
        try:
            return parse_address(value, space)
        except AddressError as error:
            self.fail(key, expected=error.expected, got=repr(value))

    def inner(
        self, key: str, value: object, what: str, number: int | None = None, hint: str = ""
    ) -> Fields:
        """An inline table as fields of its own.

        Args:
            key: the field that holds it.
            value: what is there.
            what: its name for readers.
            number: which element it is, where the field is a list.
            hint: what to do if it is not a table.
        """
        place = () if number is None else (number,)
        if not isinstance(value, dict):
            line = self._text.lines.line((*self._path, key, *place))
            parts = [f"line {line}", self.what, f"field {key}"]
            raise ScenarioError(
                self._text.source, ", ".join(part for part in parts if part),
                expected="{ name = value, ... }", got=repr(value), hint=hint,
            )  # fmt: skip
        return Fields(self._text, value, (*self._path, key, *place), f"{self.what}, {what}")

    def finish(self) -> None:
        """Refuse what was not taken."""
        for key in self._table:
            if key not in self._taken:
                left = [name for name in self._taken if name not in self._table]
                known = ", ".join(sorted(set(self._taken)))
                hint = nearest(key, left) or nearest(key, self._taken)
                self.fail(key, expected=f"one of {known}", got=repr(key), hint=hint)
