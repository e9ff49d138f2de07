"""Static form of a value in a notebook: text in columns, folded or not, and pictures, as HTML."""

from __future__ import annotations

import base64
import html

from xenexplore.render.drawing.theme import dark_rules

__all__ = ["behind_html", "folded_html", "picture_html", "text_html"]

#: The dark form of a picture that is in no theme's colours: lightness turned round, hues kept.
_INVERTED = "svg{filter:invert(0.91) hue-rotate(180deg)}"


def text_html(text: str) -> str:
    """Text in columns; ``<code>``, since some pages set a bare ``<pre>`` in their own font."""
    return f"<pre><code>{html.escape(text, quote=False)}</code></pre>"


def folded_html(text: str) -> str:
    """The same, folded away under "as text"."""
    return f"<details><summary>as text</summary>{text_html(text)}</details>"


def behind_html(said: str, rest: str) -> str:
    """One sentence, the rest folded away behind it."""
    return f"<details><summary>{html.escape(said)}</summary>{rest}</details>"


def picture_html(svg: str, alt: str) -> str:
    """A picture that survives everywhere: an ``<img>`` that carries its SVG.

    Inline ``<svg>`` is stripped from notebooks that are not trusted, and a page
    with a policy would refuse its styles.  The picture is light on every page but
    those that ask for a dark one (``color-scheme``), as our extension of JupyterLab does.
    """
    start = svg.index(">", svg.index("<svg")) + 1
    rules = f"<style>@media(prefers-color-scheme:dark){{{dark_rules(svg) or _INVERTED}}}</style>"
    encoded = base64.b64encode(f"{svg[:start]}{rules}{svg[start:]}".encode()).decode()
    source = f"data:image/svg+xml;base64,{encoded}"
    style = "color-scheme:light;max-height:max(400px,60vh)"  # a window or a slide shows it whole
    return f'<img alt="{html.escape(alt)}" src="{source}" style="{style}">'
