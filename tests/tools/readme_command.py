"""Print a command of the README, to the letter: ``readme_command.py lab|test``."""

from __future__ import annotations

import sys
from pathlib import Path

README = Path(__file__).resolve().parents[2] / "README.md"


def command_of(what: str) -> str:
    """The shell block under ``<!-- WHAT command -->``."""
    mark = f"<!-- {what} command -->\n```sh\n"
    text = README.read_text(encoding="utf-8")
    assert text.count(mark) == 1, f"README.md has no one {what} command"
    return text.split(mark)[1].split("\n```")[0]


if __name__ == "__main__":
    print(command_of(sys.argv[1]))
