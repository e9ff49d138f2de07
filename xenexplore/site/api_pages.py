"""The names that ``import xenexplore as xe`` gives, from their docstrings, by pdoc."""

from __future__ import annotations

import importlib.util
import re
import warnings
from html import escape, unescape
from importlib import resources
from types import ModuleType
from typing import Final

from xenexplore.site.shell import linked, page

__all__ = ["api_page", "has_pdoc", "load_names"]

_HERE: Final = "api.html"
_WITHOUT: Final = """<h1>API</h1>
<p>This copy was made without pdoc, which generates this page: <code>pip install
'xenexplore[docs]'</code>, and make the site again. At a prompt: <code>help(xe.run)</code>.</p>"""
# Headings of sections in a docstring have one id in every docstring; empty links have no name.
_IDS: Final = re.compile(r'(<h[1-6]) id="[^"]*"')
_EMPTY: Final = re.compile(r'<a class="headerlink"[^>]*></a>|<input id="[^>]*>|<label class[^>]*></label>')  # fmt: skip # noqa: E501
_STYLE: Final = re.compile(r' style="[^"]*"')
_MAIL: Final = re.compile(r'<a href="([^"]*&#[^"]*)">[^<]*</a>')
_ANCHOR: Final = re.compile(r' id="([^"]*)"')
_WITHIN: Final = re.compile(r'<a href="#([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)
_POINTS: Final = re.compile(r'( id="| href="#)([^"]*)"')
_LEVELS: Final = re.compile(r"(</?h)[56]\b")


def has_pdoc() -> bool:
    """Whether it is installed."""
    return importlib.util.find_spec("pdoc") is not None


def load_names(module: ModuleType) -> None:
    """Load every public name: some modules do on first use, and pdoc lists what is loaded."""
    for name in getattr(module, "__all__", ()):
        setattr(module, name, getattr(module, name))


def api_page() -> str:
    """The page; without pdoc it says so."""
    if not has_pdoc():
        return page("API", _WITHOUT, here=_HERE)
    import pdoc.doc
    import pdoc.render

    import xenexplore

    load_names(xenexplore)
    rooms = {
        name: room
        for name in xenexplore.__all__
        if isinstance(room := getattr(xenexplore, name), ModuleType)
    }
    for room in rooms.values():
        load_names(room)
    with (
        resources.as_file(resources.files("xenexplore.site") / "assets" / "api") as folder,
        warnings.catch_warnings(),
    ):
        # An alias that is text at run time ("bool | None") stays text on the page.
        warnings.filterwarnings("ignore", "Error parsing type annotation", UserWarning)
        pdoc.render.configure(
            docformat="google", show_source=False, search=False, template_directory=folder
        )
        module = pdoc.doc.Module(xenexplore)
        html = pdoc.render.html_module(module, {"xenexplore": module})
        for name, room in rooms.items():
            part = pdoc.doc.Module(room)
            inner = pdoc.render.html_module(part, {part.modulename: part})
            html += f'<section id="{name}"><h2>xe.{name}</h2>{_below(name, inner)}</section>'
    for pattern, plain in ((_IDS, r"\1"), (_EMPTY, ""), (_STYLE, ""), (_LEVELS, r"\g<1>3")):
        html = pattern.sub(plain, html)
    html = _MAIL.sub(_message, html).replace("::</p>", ":</p>")
    anchors = set(_ANCHOR.findall(html))
    # pdoc links to members that it does not show, such as traits.
    html = _WITHIN.sub(lambda match: match[0] if match[1] in anchors else match[2], html)
    names = "".join(f'<li><a href="#{name}">{escape(name)}</a></li>' for name in xenexplore.__all__)
    body = f"""<h1>API</h1>
<p class="lead">The names of <code>import xenexplore as xe</code>, from the docstrings.</p>
<details class="names"><summary>{len(xenexplore.__all__)} names</summary><ul>{names}</ul></details>
<div class="pdoc"><h2>xe</h2>{html}</div>"""
    return page("API", body, here=_HERE)


def _below(name: str, html: str) -> str:
    """A part of the page with anchors of its own."""
    return _POINTS.sub(lambda match: f'{match[1]}{name}.{match[2]}"', html)


def _message(match: re.Match[str]) -> str:
    """A Message-ID, which pdoc takes for an address and hides from robots, each time otherwise."""
    href = unescape(match[1])
    return linked(f"<{href.removeprefix('mailto:')}>") if href.startswith("mailto:") else match[0]
