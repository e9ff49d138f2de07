"""What CONTRIBUTING names is there: files, tests, and names of modules that it tells to edit."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")
_QUOTED = re.compile(r"`([^`]+)`")
_PATH = re.compile(r"(?:xenexplore|tests|data|render|steps|options|hypervisor|hypercalls)/[\w./-]+")
_ROOM = ("", "xenexplore/", "xenexplore/hypercalls/", "tests/")


def _paths() -> list[str]:
    quoted = "\n".join(_QUOTED.findall(re.sub(r"```.*?```", "", TEXT, flags=re.DOTALL)))
    return [path.rstrip("./") for path in _PATH.findall(quoted)]


def test_every_file_that_it_names_exists() -> None:
    named = [path for path in _paths() if not path.endswith(("_", "<"))]
    assert len(named) > 30
    found = {path: [(ROOT / room / path) for room in _ROOM] for path in named}
    gone = {
        path
        for path, places in found.items()
        if not any(place.exists() or place.with_suffix(".py").exists() for place in places)
    }
    assert gone == set()


def test_every_test_that_it_names_is_one() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)", TEXT)
    assert len(named) >= 4
    for file, test in named:
        assert f"def {test}(" in (ROOT / file).read_text("utf-8"), (file, test)


def test_every_name_that_it_says_to_edit_is_in_its_module() -> None:
    named = re.findall(r"`(\w+)` (?:in|of)\s+`(xenexplore/[\w/]+\.py)`", TEXT)
    assert len(named) >= 3
    for name, file in named:
        assert re.search(rf"\b{name}\b", (ROOT / file).read_text("utf-8")), (name, file)
