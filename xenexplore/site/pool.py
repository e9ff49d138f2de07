"""Texts that share most of their lines, with each line once."""

from __future__ import annotations

__all__ = ["LinePool"]


class LinePool:
    r"""Lines, each once; a text is their numbers.  ``view.js`` joins them again.

    >>> pool = LinePool()
    >>> [pool.add("a\nb"), pool.add("b\na\n")], pool.lines
    ([[0, 1], [1, 0, 2]], ['a', 'b', ''])
    """

    __slots__ = ("_places",)

    def __init__(self) -> None:
        self._places: dict[str, int] = {}

    def add(self, text: str) -> list[int]:
        """The numbers of a text's lines."""
        places = self._places
        return [places.setdefault(line, len(places)) for line in text.split("\n")]

    @property
    def lines(self) -> list[str]:
        """Every line, in order of their numbers."""
        return list(self._places)
