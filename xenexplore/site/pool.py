"""Texts that are alike, packed: what repeats stands once, numbers are columns of differences.

A text falls into pieces: lines, and in a long line the lists and words of its JSON.  A piece is a
*shape*, the text between its numbers, and the numbers.  Those of pieces of one shape are columns,
one for each place, and a column holds what each number adds to the one before it: the thousandth
turn of a loop then adds as much as the second.  ``assets/texts.js`` puts the texts together again.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["Packed", "TextPool"]

Packed = tuple[list[int], list[int]]
"""A text: the shape of each piece in order, and the columns of its shapes, as they first come."""

# What stands in a shape for a number: decimal, hexadecimal after "0x", and hexadecimal of 8 and
# of 12 digits with zeros in front.
_DECIMAL, _HEX, _HEX8, _HEX12 = "\x01\x02\x03\x04"
_NUMBER: Final = re.compile(
    r"""((?<=\b0x)(?:[1-9a-f][0-9a-f]{0,11}|0)(?![0-9a-f])
    |(?<=\b0x[0-9a-f]{4})[0-9a-f]{12}(?![0-9a-f])
    |(?<![\w.])[0-9a-f]{8}(?![\w.])
    |(?<![\w.])(?:[1-9][0-9]{0,6}|0)(?![\w.]))""",
    re.VERBOSE | re.ASCII,
)
_LONG: Final = 2000
_PIECE: Final = re.compile(r'\[[^\[\]{}]{0,400}\],?|"[^"\\]*",?|[0-9]+,?|[^"\[0-9]+|.', re.DOTALL)


class TextPool:
    r"""Texts as numbers of shapes and of columns, each of them once.

    >>> pool = TextPool()
    >>> pool.add("gfn 0x10, step 7\ngfn 0x11, step 9\n"), pool.shapes, pool.columns
    (([0, 0], [0, 1]), ['gfn 0x\x02, step \x01\n'], [[16, 1], [7, 2]])
    """

    __slots__ = ("_columns", "_known", "_shapes")

    def __init__(self) -> None:
        self._shapes: dict[str, int] = {}
        self._columns: dict[tuple[int, ...], int] = {}
        self._known: dict[str, tuple[int, list[int]]] = {}

    def add(self, text: str) -> Packed:
        """A text's pieces and columns.

        Raises:
            ValueError: it has a character by which shapes mark a number.
        """
        if not set(text).isdisjoint("\x01\x02\x03\x04"):
            raise ValueError("a packed text has no character U+0001 to U+0004")
        order: list[int] = []
        rows: dict[int, list[list[int]]] = {}
        for piece in _pieces(text):
            found = self._known.get(piece)
            if found is None:
                found = self._known[piece] = self._taken_apart(piece)
            shape, numbers = found
            order.append(shape)
            rows.setdefault(shape, []).append(numbers)
        columns = self._columns
        taken = [
            columns.setdefault(_differences(column), len(columns))
            for found in rows.values()
            for column in zip(*found, strict=True)
        ]
        return order, taken

    def _taken_apart(self, piece: str) -> tuple[int, list[int]]:
        shape, numbers = "", []
        *parts, last = _NUMBER.split(piece)
        for before, digits in zip(parts[::2], parts[1::2], strict=True):
            kind = _kind(before, digits)
            shape += before + kind
            numbers.append(int(digits, 10 if kind == _DECIMAL else 16))
        return self._shapes.setdefault(shape + last, len(self._shapes)), numbers

    @property
    def shapes(self) -> list[str]:
        """Every shape, in order of their numbers."""
        return list(self._shapes)

    @property
    def columns(self) -> list[list[int]]:
        """Every column, in order of their numbers."""
        return list(map(list, self._columns))

    def shared(self) -> dict[str, Any]:
        """Pieces that all its texts are put together from."""
        return {"shapes": self.shapes, "columns": self.columns}


def _pieces(text: str) -> Iterator[str]:
    for line in text.splitlines(keepends=True):
        if len(line) < _LONG:
            yield line
        else:
            yield from _PIECE.findall(line)


def _kind(before: str, digits: str) -> str:
    if before.endswith("0x"):
        return _HEX
    return {8: _HEX8, 12: _HEX12}.get(len(digits), _DECIMAL)


def _differences(column: tuple[int, ...]) -> tuple[int, ...]:
    return column[:1] + tuple(map(operator.sub, column[1:], column))
