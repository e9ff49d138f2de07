"""The API pages are made from the docstrings without a warning."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from api_pages import make, modules

import xenexplore


def test_the_facades_page_names_everything_public(tmp_path: Path) -> None:
    make(tmp_path, ["xenexplore", "xenexplore.steps", "xenexplore.hypercalls"])
    page = (tmp_path / "xenexplore.html").read_text(encoding="utf-8")
    named = [
        name for name in xenexplore.__all__ if not isinstance(getattr(xenexplore, name), ModuleType)
    ]
    assert [name for name in sorted(named) if f'id="{name}"' not in page] == []


def test_the_formats_have_a_page(tmp_path: Path) -> None:
    make(tmp_path, ["xenexplore.render.text.scenario_format"])
    (file,) = tmp_path.rglob("scenario_format.html")
    page = file.read_text(encoding="utf-8")
    assert all(word in page for word in ("[[expect]]", "spare_pages", "records of", "ptpages"))


def test_every_module_has_a_page() -> None:
    root = Path(xenexplore.__file__).parent
    files = [file for file in root.rglob("*.py") if file.name != "__main__.py"]
    assert len(modules()) == len(files)
