"""Damage done to version 2 recordings: each mutation, and what must come of it.

Run as a program it makes as many as it is told, of a recording of one CPU, also in parts:
``python tests/mutated_recordings.py COUNT FILE [FIRST]``.
"""

from __future__ import annotations

import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from xenexplore.errors import RecordingError
from xenexplore.recording.format.reader import read_recording

Lines = list[bytes]
Mutate = Callable[[Lines, random.Random], None]
_LINES, _LEAST = 24, 4  # of a slice: lines, and hypercalls among them
_COUNTS = ("i", "ix", "il", "ic", "iw", "ip", "im", "imd", "ld", "st", "ldx", "irq", "ctx")


def _pick(lines: Lines, chance: random.Random, key: str) -> tuple[int, dict[str, Any]]:
    rows = [at for at, line in enumerate(lines) if key in json.loads(line)]
    at = chance.choice(rows)
    return at, json.loads(lines[at])


def _put(lines: Lines, at: int, record: dict[str, Any]) -> None:
    lines[at] = json.dumps(record, separators=(",", ":")).encode()


def cut_line(lines: Lines, chance: random.Random) -> None:
    """The file ends in the middle of a line."""
    at = chance.randrange(1, len(lines))
    lines[at] = lines[at][: chance.randrange(1, len(lines[at]))]
    del lines[at + 1 :]


def lost_line(lines: Lines, chance: random.Random) -> None:
    """A hypercall's record is gone: what follows refers to it."""
    at, _ = _pick(lines[:-1], chance, "k")
    del lines[at]


def reordered(lines: Lines, chance: random.Random) -> None:
    """Two hypercalls with all that belongs to them have changed places."""
    starts = [at for at, line in enumerate(lines) if b'"k"' in line]
    first = chance.randrange(len(starts) - 2)
    a, b, c = starts[first : first + 3]
    lines[a:c] = lines[b:c] + lines[a:b]


def wrong_pcpu(lines: Lines, chance: random.Random) -> None:
    """A record of a physical CPU that the machine does not have."""
    at, record = _pick(lines, chance, "p")
    _put(lines, at, {**record, "p": record["p"] + chance.randrange(1, 9)})


def other_version(lines: Lines, chance: random.Random) -> None:
    """A header of a version to come."""
    header = json.loads(lines[0])
    header["meta"]["version"] = chance.choice((0, 3, 4, 100, "2", None, 2.0))
    _put(lines, 0, header)


def negative_count(lines: Lines, chance: random.Random) -> None:
    """A count below zero."""
    at, record = _pick(lines, chance, "i")
    name = chance.choice([name for name in _COUNTS if name in record])
    _put(lines, at, {**record, name: -chance.randrange(1, 1 << 40)})


def wrong_type(lines: Lines, chance: random.Random) -> None:
    """A number that is none."""
    at, record = _pick(lines, chance, "p")
    name = chance.choice([name for name in record if type(record[name]) is int])
    _put(lines, at, {**record, name: chance.choice(("7", None, 1.5, [], True))})


def entered_twice(lines: Lines, chance: random.Random) -> None:
    """Two hypercalls with one place in the order of entry."""
    starts = [at for at, line in enumerate(lines) if b'"k"' in line]
    at = chance.choice(starts[1:])
    record = json.loads(lines[at])
    _put(lines, at, {**record, "o": chance.randrange(record["o"])})


def garbage(lines: Lines, chance: random.Random) -> None:
    """A line of anything."""
    lines[chance.randrange(1, len(lines))] = chance.randbytes(chance.randrange(1, 60)).replace(
        b"\n", b""
    )


MUTATIONS: Sequence[Mutate] = (
    cut_line, lost_line, reordered, wrong_pcpu, other_version, negative_count, wrong_type,
    entered_twice, garbage,
)  # fmt: skip


def check(lines: Lines, mutate: Mutate, seed: int, path: Path) -> str:
    """Damage a recording of one CPU; what is wrong with the answer, or ``""``."""
    chance = random.Random(f"{mutate.__name__} {seed}")
    damaged = list(lines[:1])
    while sum(b'"k"' in line for line in damaged) < _LEAST:
        damaged[1:] = _slice(lines, chance.randrange(max(len(lines) - _LINES, 1)))
    mutate(damaged, chance)
    path.write_bytes(b"\n".join(damaged) + (b"" if mutate is cut_line else b"\n"))
    try:
        read_recording(path)
    except RecordingError as error:
        text = str(error)
        if "\n" in text or ": line " not in text or ": expected " not in text:
            return f"not one clear error: {text}"
        return ""
    except Exception as error:  # noqa: BLE001
        return f"{type(error).__name__} escaped: {error}"
    return "no error"


def _slice(lines: Lines, start: int) -> Lines:
    """Some hypercalls from the middle, numbered from 0 again."""
    wanted = list(lines[1 + start : 1 + start + _LINES])
    while wanted and b'"k"' not in wanted[0]:
        del wanted[0]
    records = [json.loads(line) for line in wanted]
    first = next((record["s"] for record in records if "k" in record), 0)
    for record in records:
        for name in ("s", "x", "o"):
            if name in record:
                record[name] -= first
    return [json.dumps(record, separators=(",", ":")).encode() for record in records]


def main(count: int, source: str, first: int = 0) -> int:
    """Make ``count`` mutations of a recording, from seed ``first``; print what came of each."""
    import zstandard

    with zstandard.open(source, "rb") as stream:
        lines = stream.read().splitlines()
    found: Counter[tuple[str, str]] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        for seed in range(first, first + count):
            mutate = MUTATIONS[seed % len(MUTATIONS)]
            found[mutate.__name__, check(lines, mutate, seed, Path(folder) / "r.jsonl")] += 1
    for (name, wrong), times in sorted(found.items()):
        print(f"{times:7} {name:15} {wrong or 'one clear error'}")
    return sum(times for (_, wrong), times in found.items() if wrong)


if __name__ == "__main__":
    sys.exit(bool(main(int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:]))))
