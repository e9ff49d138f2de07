"""Where in a TOML text each key stands: what tomllib does not say."""

from __future__ import annotations

import re

__all__ = ["KeyLines"]

_HEADER = re.compile(r"\s*\[\[?\s*([A-Za-z0-9_.-]+)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""\s*([A-Za-z0-9_."'\[\]-]+)\s*=""")


class KeyLines:
    """Line numbers of tables and of their keys.

    Tables are named as the loader does: ``("guest",)``, ``("buffer", 0)`` for
    the first ``[[buffer]]``, ``()`` for the top.

    Args:
        text: the TOML text; what it says is not validated here.
    """

    def __init__(self, text: str) -> None:
        self._lines = text.splitlines()
        self._at: dict[tuple[object, ...], int] = {(): 1}
        table: tuple[object, ...] = ()
        counts: dict[str, int] = {}
        closing = ""
        for number, line in enumerate(self._lines, 1):
            if closing:
                closing = "" if closing in line else closing
                continue
            header = _HEADER.match(line)
            if header:
                name = header[1]
                if line.lstrip().startswith("[["):
                    table = (name, counts.setdefault(name, 0))
                    counts[name] += 1
                else:
                    table = tuple(name.split("."))
                self._at.setdefault(table, number)
                continue
            key = _KEY.match(line)
            if key:
                steps = tuple(key[1].replace('"', "").replace("'", "").split("."))
                for length in range(1, len(steps) + 1):
                    self._at.setdefault((*table, *steps[:length]), number)
            closing = _opened(line)

    def line(self, table: tuple[object, ...], key: str = "") -> int:
        """Line of a key of a table, or of the table itself, from 1.

        A key inside an inline table is looked for from its outermost key's line on.
        """
        steps = key.split(".") if key else []
        for length in range(len(steps), -1, -1):
            path = (*table, *steps[:length])
            found = self._at.get(path, self._at.get((*path, 0)))
            if found is not None:
                return self._inner(found, steps[length:])
        return 1

    def _inner(self, start: int, steps: list[str]) -> int:
        """The first line from ``start`` on that has ``step =`` for the last step."""
        if not steps:
            return start
        pattern = re.compile(rf"(^|[\s{{,\[]){re.escape(steps[-1])}\s*=")
        for number in range(start, len(self._lines) + 1):
            line = self._lines[number - 1]
            if number > start and _HEADER.match(line):
                break
            if pattern.search(line):
                return number
        return start


def _opened(line: str) -> str:
    """The quotes of a multi-line string that this line opens and does not close, or ``""``."""
    for quotes in ('"""', "'''"):
        if line.count(quotes) % 2:
            return quotes
    return ""
