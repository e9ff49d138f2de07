"""The processes of a machine in a folder, as /proc shows them from outside."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Process:
    """One process that is alive."""

    pid: int
    words: tuple[str, ...]

    def runs(self, program: str, word: str) -> bool:
        """Whether its command line has ``word`` next after a path that ends in ``program``."""
        pairs = zip(self.words, self.words[1:], strict=False)
        return any(one.endswith(program) and two == word for one, two in pairs)

    def shown(self) -> str:
        """For a message."""
        return " ".join(self.words)[:120]


def inside(root: Path) -> list[Process]:
    """Every process whose root directory is ``root``; the dead that nobody reaped are not."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            if (folder / "root").readlink() != root:
                continue
            state = (folder / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue  # it ended while it was looked at
        if state != "Z":
            found.append(Process(int(folder.name), tuple(words[:-1])))
    return found
