"""The frame of every page: head, policy, navigation; and how text becomes HTML."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final
from urllib.parse import quote

__all__ = ["LIVE_POLICY", "POLICY", "linked", "page", "prose", "table"]

#: Nothing from elsewhere, no script or style inside a page.
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "worker-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'"
)
#: The same, and WebAssembly, for the page that runs scenarios.
LIVE_POLICY: Final = POLICY.replace("script-src 'self'", "script-src 'self' 'wasm-unsafe-eval'")
_PLACES = (
    ("index.html", "Questions"),
    ("designs/index.html", "Designs"),
    ("scenarios.html", "Scenarios"),
    ("catalogue/index.html", "Hypercalls"),
    ("recordings/index.html", "Recordings"),
    ("notebooks/index.html", "Notebooks"),
    ("api.html", "API"),
    ("about.html", "About"),
)
_MESSAGE_ID = re.compile(r"&lt;([^\s&<>]+@[^\s&<>]+)&gt;")
# The list's archive by Message-ID; a reader goes there by a click, a page never does.
_ARCHIVE = "https://lore.kernel.org/xen-devel/"


def page(
    title: str,
    body: str,
    *,
    here: str,
    styles: Sequence[str] = (),
    script: str = "",
    policy: str = POLICY,
) -> str:
    """A whole page.

    Args:
        title: of the page.
        body: what stands in its ``<main>``, as HTML.
        here: its place in the site, e.g. ``"questions/q1.html"``.
        styles: style sheets in ``assets/`` besides the site's own.
        script: a module in ``assets/`` besides the one that every page has, or ``""``.
        policy: its Content-Security-Policy.
    """
    up = "../" * here.count("/")
    places = "".join(
        f'<li><a href="{up}{place}"{_current(place, here)}>{name}</a></li>'
        for place, name in _PLACES
    )
    sheets = "".join(
        f'<link rel="stylesheet" href="{up}assets/{name}">\n' for name in ("site.css", *styles)
    )
    scripts = "".join(
        f'<script type="module" src="{up}assets/{name}"></script>\n'
        for name in ("site.js", script)
        if name
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{escape(title)}</title>
<link rel="icon" href="data:,">
{sheets}{scripts}</head>
<body>
<header class="top"><a class="skip" href="#main">Skip to the content</a>
<nav aria-label="Site"><a class="name" href="{up}index.html">xenexplore</a><ul>{places}</ul></nav>
</header>
<main id="main" tabindex="-1">
{body}
</main>
</body>
</html>
"""


def _current(place: str, here: str) -> str:
    folder = place.rpartition("/")[0]
    if place == here or (folder and here.startswith(f"{folder}/")):
        return ' aria-current="page"'
    return ""


def linked(text: str) -> str:
    """Text as HTML; a Message-ID in it leads to the list's archive."""

    def link(match: re.Match[str]) -> str:
        address = _ARCHIVE + quote(match[1], safe="@")
        return f'<a href="{address}" rel="noreferrer">&lt;{match[1]}&gt;</a>'

    return _MESSAGE_ID.sub(link, escape(text))


def prose(text: str) -> str:
    """Paragraphs, which blank lines part."""
    parts = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()))
    return "".join(f"<p>{linked(part)}</p>" for part in parts if part)


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, caption: str, cls: str = ""
) -> str:
    """A table of cells that are HTML already; the first cell of a row is its head."""
    top = "".join(f'<th scope="col">{name}</th>' for name in head)
    body = "".join(
        f'<tr><th scope="row">{row[0]}</th>'
        + "".join(f"<td>{cell}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(caption)}">'
        f'<table class="{cls}"><caption>{escape(caption)}</caption>'
        f"<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )
