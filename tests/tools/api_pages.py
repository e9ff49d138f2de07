"""Make the API pages from the docstrings: ``python tests/tools/api_pages.py FOLDER``.

One HTML page per module, written by pdoc; start at ``FOLDER/index.html``.
The pages are not committed: ``build/api`` is ignored by git.
"""

from __future__ import annotations

import importlib
import pkgutil
import sys
import warnings
from pathlib import Path

import pdoc
import pdoc.render

import xenexplore
import xenexplore.render.text.scenario_format as format_page
from xenexplore.site.api_pages import load_names

_EXPECTED = (
    # An alias that is text at run time ("bool | None") stays text on the page.
    "Error parsing type annotation",
    # A package without __all__ brings its modules along, which are named here too.
    r"The module specification '.*' adds a module named .*, but a module with this name",
)


def modules() -> list[str]:
    """Every module of the package; ``__main__`` would run the command."""
    found = pkgutil.walk_packages(xenexplore.__path__, "xenexplore.")
    return ["xenexplore", *sorted(m.name for m in found if not m.name.endswith("__main__"))]


def with_formats() -> str:
    """The docstring of the page about formats, with the reference that the command prints."""
    head, _, _ = (format_page.__doc__ or "").partition("\n\n```")
    return f"{head}\n\n```text\n{''.join(format_page.format_text())}```\n"


def make(folder: Path, names: list[str]) -> None:
    """Write the pages of some modules; an unexpected warning is an error.

    Raises:
        UserWarning: a name of some ``__all__`` does not exist, or a docstring cannot be read.
    """
    for name in ["xenexplore", *names]:
        load_names(importlib.import_module(name))
    format_page.__doc__ = with_formats()
    pdoc.render.configure(docformat="google")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        for text in _EXPECTED:
            warnings.filterwarnings("ignore", text, UserWarning)
        pdoc.pdoc(*names, output_directory=folder)


if __name__ == "__main__":
    make(Path(sys.argv[1]), modules())
    print(Path(sys.argv[1]).resolve() / "index.html")
