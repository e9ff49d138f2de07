"""The notebooks as pages: their text, code and outputs, and their views alive.

By a template of our own: nothing is asked of another host, which nbconvert's pages do.  A view is
drawn by the site's own module from the runs that the site has; what has no kernel here is shown
as the notebook keeps it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, Final

from xenexplore.errors import InputError
from xenexplore.files.shipped import shipped
from xenexplore.site.markdown import markdown_html
from xenexplore.site.notebook_views import saved_view, view_record
from xenexplore.site.pool import TextPool
from xenexplore.site.runs import packed
from xenexplore.site.shell import page

__all__ = ["notebook_files", "notebook_list", "notebooks"]

_FIRST: Final = "00_start_here.ipynb"
_PICTURE: Final = re.compile(r'src="data:image/svg\+xml;base64,([^"]*)"')
_STYLE: Final = re.compile(r' style="([^"]*)"')
_EMPTY_HEAD: Final = re.compile(r"<th[^>]*></th>")
_SCROLLED: Final = re.compile(r"<(?:table|pre)\b")
_TITLE: Final = re.compile(r"^# (.+)$", re.MULTILINE)


def notebooks() -> list[Path]:
    """The saved notebooks, in order: in the wheel or in the checkout; none where there are none."""
    folder = shipped("lab_notebooks", "notebooks", _FIRST)
    return sorted(folder.glob("[0-9][0-9]_*.ipynb")) if folder else []


def notebook_files(
    path: Path, known: frozenset[str], beside: frozenset[str]
) -> tuple[dict[str, bytes], tuple[str, str]]:
    """The files of one notebook, and its row in the list: name, title.

    Args:
        path: of the notebook.
        known: names of the scenarios whose runs the site has.
        beside: names of its notebooks.

    Raises:
        InputError: it is not a notebook.
    """
    name = path.stem
    try:
        cells = json.loads(path.read_text("utf-8"))["cells"]
    except (ValueError, KeyError) as error:
        raise InputError(path, "", expected="a notebook", got=str(error)) from None
    made = _Notebook(name, known, beside)
    body = "".join(made.cell(cell) for cell in cells)
    title = next((m[1] for cell in cells if (m := _TITLE.search(_joined(cell["source"])))), name)
    head = f'<p class="lead">Notebook <code>{escape(path.name)}</code>, as saved: views can be \
stepped here, code runs in JupyterLab (<code>xenexplore lab</code>).</p>'
    here = f"notebooks/{name}.html"
    files = made.files
    files[here] = page(
        title, f'<article class="notebook" data-notebook="{name}">{head}{body}</article>',
        here=here, styles=("stepper.css",), script="notebook.js",
    ).encode()  # fmt: skip
    record = {"views": made.views, **made.pool.shared()}
    files[f"data/notebooks/{name}.trace"] = packed(json.dumps(record, separators=(",", ":")))
    return files, (name, title)


def _joined(source: str | list[str]) -> str:
    return source if isinstance(source, str) else "".join(source)


class _Notebook:
    """State of one notebook's cells so far."""

    def __init__(self, name: str, known: frozenset[str], beside: frozenset[str]) -> None:
        self.name, self.known, self.beside = name, known, beside
        self.files: dict[str, bytes] = {}
        self.views: list[dict[str, Any]] = []
        self.pool = TextPool()

    def cell(self, cell: dict[str, Any]) -> str:
        source = _joined(cell["source"])
        if cell["cell_type"] == "markdown":
            return f'<div class="prose">{markdown_html(source, self._place)}</div>'
        code = f'<pre class="code" tabindex="0"><code>{escape(source)}</code></pre>'
        if "claims" in cell["metadata"].get("tags", ()):
            code = f"<details><summary>the assertions, as code</summary>{code}</details>"
        return code + "".join(self._outputs(cell.get("outputs", ())))

    def _place(self, href: str) -> str:
        """Another notebook, as a page."""
        name = href.partition("#")[0].removesuffix(".ipynb")
        return f"{name}.html" if name in self.beside else ""

    def _outputs(self, outputs: Sequence[dict[str, Any]]) -> Iterator[str]:
        for output in outputs:
            data = output.get("data", {})
            if "text/html" in data:
                yield self._html(_joined(data["text/html"]))
            else:
                text = _joined(output.get("text") or data.get("text/plain", ""))
                yield f'<pre class="output" tabindex="0">{escape(text)}</pre>'

    def _html(self, html: str) -> str:
        view = saved_view(html)
        record = view_record(view, self.known, self.pool) if view else None
        still = _STYLE.sub(_class, _PICTURE.sub(self._picture, html))
        if record is None:
            still = _EMPTY_HEAD.sub("<td></td>", still)
            still = _SCROLLED.sub(lambda match: f'{match[0]} tabindex="0"', still)
            return f'<div class="output scroll">{still}</div>'
        self.views.append(record)
        return f'<div class="output live" data-view="{len(self.views) - 1}">{still}</div>'

    def _picture(self, match: re.Match[str]) -> str:
        number = sum(1 for place in self.files if place.endswith(".svg")) + 1
        place = f"{self.name}-{number}.svg"
        self.files[f"notebooks/{place}"] = base64.b64decode(match[1])
        return f'src="{place}" loading="lazy"'


def _class(match: re.Match[str]) -> str:
    """A page's policy takes no styles in it: what they say, as classes."""
    style = match[1]
    kinds = [
        name
        for name, sign in (("right", "text-align:right"), ("mono", "monospace"))
        if sign in style
    ]
    return f' class="{" ".join(kinds)}"' if kinds else ""


def notebook_list(rows: Sequence[tuple[str, str]]) -> str:
    """The notebooks of a site."""
    items = "".join(
        f'<li><a href="{name}.html">{escape(title)}</a> <small>{escape(name)}</small></li>'
        for name, title in rows
    )
    body = f"""<h1>Notebooks</h1>
<p class="lead">These pages have live views; <code>xenexplore lab</code> opens the notebooks in
JupyterLab, where their code runs.</p>
{f'<ol class="books" start="0">{items}</ol>' if items else "<p>This installation has none.</p>"}"""
    return page("Notebooks", body, here="notebooks/index.html")
