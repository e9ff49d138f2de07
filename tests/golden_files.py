"""Golden text: what a view prints, byte for byte, reviewed by eye when it changes."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent / "golden"


def check_golden(name: str, text: str) -> None:
    """Compare with ``golden/<name>``; XENEXPLORE_UPDATE_GOLDEN=1 writes it instead."""
    path = FOLDER / name
    if os.environ.get("XENEXPLORE_UPDATE_GOLDEN") == "1":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
    assert path.exists(), f"no golden file {name}: set XENEXPLORE_UPDATE_GOLDEN=1 to write it"
    expected = path.read_bytes().decode("utf-8")
    assert text == expected, f"{name} differs: compare, then set XENEXPLORE_UPDATE_GOLDEN=1"
    wide = [line for line in text.splitlines() if len(line) > 72]
    assert not wide, f"{name} has lines past 72 columns"
