"""CONTRIBUTING as a page."""

from __future__ import annotations

from xenexplore.errors import InputError
from xenexplore.files.shipped import PACKAGE, shipped
from xenexplore.site.markdown import markdown_html
from xenexplore.site.shell import page

__all__ = ["contributing_page"]


def contributing_page() -> str:
    """The page.

    Raises:
        InputError: the installation is incomplete.
    """
    found = shipped("CONTRIBUTING.md", ".github/CONTRIBUTING.md")
    if found is None:
        raise InputError(
            PACKAGE, "CONTRIBUTING.md", expected="it in the package", got="none",
            hint="install xenexplore again",
        )  # fmt: skip
    body = f'<article class="prose notebook">{markdown_html(found.read_text("utf-8"))}</article>'
    return page("Contributing", body, here="contributing.html")
