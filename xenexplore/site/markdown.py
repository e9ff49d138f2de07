"""Markdown of our own pages as HTML: notebooks and CONTRIBUTING."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from html import escape
from typing import Final
from urllib.parse import urlsplit

import mistune

__all__ = ["markdown_html"]

_LINK: Final = re.compile(r'<a href="([^"]*)"[^>]*>(.*?)</a>', re.DOTALL)


@cache
def _reader() -> Callable[[str], object]:
    return mistune.create_markdown(escape=True, plugins=["table"])


def markdown_html(text: str, place: Callable[[str], str] = lambda _: "") -> str:
    """Markdown as HTML.

    Args:
        text: Markdown; HTML in it is shown, not taken.
        place: where a link within the project leads in the site, ``""``: nowhere, it becomes
            its text.
    """

    def led(match: re.Match[str]) -> str:
        href, words = match[1], match[2]
        if urlsplit(href).scheme == "https":
            return f'<a href="{href}" rel="noreferrer">{words}</a>'
        found = "" if href.startswith("#") else place(href)  # headings have no anchors
        return f'<a href="{escape(found)}">{words}</a>' if found else words

    # What may be wider than a phone is scrolled by keyboard, too.
    return _LINK.sub(led, str(_reader()(text)).replace("<pre>", '<pre tabindex="0">'))
