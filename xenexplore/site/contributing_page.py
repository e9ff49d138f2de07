"""CONTRIBUTING as a page."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from xenexplore.errors import InputError
from xenexplore.site.markdown import markdown_html
from xenexplore.site.shell import page

__all__ = ["contributing_page"]

_PACKAGE: Final = Path(__file__).resolve().parent.parent
# In the wheel, and in a checkout.
_PLACES: Final = (
    _PACKAGE / "CONTRIBUTING.md", _PACKAGE.parent / ".github" / "CONTRIBUTING.md"
)  # fmt: skip


def contributing_page() -> str:
    """The page.

    Raises:
        InputError: the installation is incomplete.
    """
    found = next((path for path in _PLACES if path.is_file()), None)
    if found is None:
        raise InputError(
            _PACKAGE, "CONTRIBUTING.md", expected="it in the package", got="none",
            hint="install xenexplore again",
        )  # fmt: skip
    body = f'<article class="prose notebook">{markdown_html(found.read_text("utf-8"))}</article>'
    return page("Contributing", body, here="contributing.html")
