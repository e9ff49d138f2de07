"""Line of each key in a TOML text, which tomllib does not give."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

__all__ = ["KeyLines"]

_HEADER = re.compile(r"[ \t]*\[\[?\s*([A-Za-z0-9_.-]+)\s*\]\]?[ \t]*$")
_KEY = re.compile(r"""[ \t]*([A-Za-z0-9_."'\[\]-]+(?:\s*\.\s*[A-Za-z0-9_."'\[\]-]+)*)\s*=""")
# Comments, then the four kinds of strings, the multi-line ones first.
_OPAQUE = re.compile(
    r'#[^\n]*|"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL
)


class KeyLines:
    """Line numbers of tables, of their keys, and of what is inside their values.

    Tables are named as the loader does: ``("guest",)``, ``("buffer", 0)`` for
    the first ``[[buffer]]``, ``()`` for the top; a number after a key is an
    element of its list.

    Args:
        text: the TOML text; what it says is not validated here.
        numbers: the number that each of its lines is called by in messages, where the
            text was taken out of a longer one; default: from 1.
    """

    def __init__(self, text: str, numbers: Sequence[int] = ()) -> None:
        self._text = text
        self._numbers = numbers
        self._masked = _OPAQUE.sub(_blank, text)
        self._at: dict[tuple[object, ...], int] = {(): 0}
        table: tuple[object, ...] = ()
        counts: dict[str, int] = {}
        inside = 0  # end of the value that is being passed over
        for start, line in _lines(self._masked):
            if start < inside:
                continue
            header = _HEADER.match(line)
            if header:
                name = header[1]
                if line.lstrip().startswith("[["):
                    table = (name, counts.setdefault(name, 0))
                    counts[name] += 1
                else:
                    table = tuple(name.split("."))
                self._at.setdefault(table, start)
                continue
            key = _KEY.match(text, start)
            if key and "=" in line:
                steps = _steps(key[1])
                for length in range(1, len(steps)):
                    self._at.setdefault((*table, *steps[:length]), start)
                self._at.setdefault((*table, *steps), start)
                inside = _end(self._masked, key.end())

    def line(self, table: tuple[object, ...], key: str = "") -> int:
        """Line of a key of a table, or of the table itself, from 1.

        What has no line of its own (a key of an inline table, an element of a list)
        is looked for inside the innermost value that has one.
        """
        path = (*table, *(key.split(".") if key else ()))
        for length in range(len(path), -1, -1):
            found = self._at.get(path[:length], self._at.get((*path[:length], 0)))
            if found is not None:
                return self._number(self._inner(found, path[length:]))
        return self.called(1)

    def called(self, line: int) -> int:
        """Name of a line of this text, from 1, in messages."""
        if not self._numbers:
            return line
        return self._numbers[min(line, len(self._numbers)) - 1]

    def _number(self, offset: int) -> int:
        return self.called(self._text.count("\n", 0, offset) + 1)

    def _inner(self, start: int, steps: Sequence[object]) -> int:
        """Start of the innermost of ``steps`` that can be found."""
        place = start
        while steps:
            parts = list(_parts(self._masked, place))
            if isinstance(steps[0], int):
                if steps[0] >= len(parts):
                    return place
                place, steps = parts[steps[0]], steps[1:]
                continue
            for length in range(len(steps), 0, -1):
                wanted = r"\s*\.\s*".join(re.escape(str(step)) for step in steps[:length])
                pattern = re.compile(rf"[\"']?{wanted}[\"']?\s*[=.]")
                found = next((at for at in parts if pattern.match(self._text, at)), None)
                if found is not None:
                    place, steps = found, steps[length:]
                    break
            else:
                return place
        return place


def _blank(found: re.Match[str]) -> str:
    """As long as what it stands for, with the line ends kept."""
    return re.sub(r"[^\n]", "_" if found[0][0] != "#" else " ", found[0])


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """Offset and content of every line."""
    start = 0
    for line in text.split("\n"):
        yield start, line
        start += len(line) + 1


def _steps(key: str) -> tuple[str, ...]:
    return tuple(step.strip().strip("\"'") for step in key.split("."))


def _end(masked: str, start: int) -> int:
    """End of the value that begins at an offset: its line, or the line of its last bracket."""
    depth = 0
    for at in range(start, len(masked)):
        letter = masked[at]
        if letter in "[{":
            depth += 1
        elif letter in "]}":
            depth -= 1
        elif letter == "\n" and depth <= 0 and masked[start:at].strip():
            return at
    return len(masked)


def _parts(masked: str, start: int) -> Iterator[int]:
    """Start of each part of the first list or inline table from an offset on."""
    opened = re.compile(r"[\[{]").search(masked, start)
    depth, fresh = 0, False
    for at in range(opened.start() if opened else len(masked), len(masked)):
        letter = masked[at]
        if fresh and not letter.isspace() and letter not in "]}":
            yield at
            fresh = False
        if letter in "[{":
            depth += 1
            fresh = fresh or depth == 1
        elif letter in "]}":
            depth -= 1
            if not depth:
                return
        elif letter == "," and depth == 1:
            fresh = True
