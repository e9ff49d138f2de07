"""The API pages are made from the docstrings without a warning."""

from __future__ import annotations

from pathlib import Path

import xenexplore
from api_pages import make, modules


def test_the_facades_page_names_everything_public(tmp_path: Path) -> None:
    make(tmp_path, ["xenexplore", "xenexplore.steps"])
    page = (tmp_path / "xenexplore.html").read_text(encoding="utf-8")
    assert [name for name in xenexplore.__all__ if f'id="{name}"' not in page] == []


def test_every_module_has_a_page() -> None:
    root = Path(xenexplore.__file__).parent
    files = [f for f in root.rglob("*.py") if f.name != "__main__.py" and "lab_notebooks" not in f.parts]
    assert len(modules()) == len(files)
