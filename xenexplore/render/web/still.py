"""Static form of a value in a notebook: text in columns, folded or not, and pictures, as HTML."""

from __future__ import annotations

import base64
import html

__all__ = ["folded_html", "picture_html", "text_html"]


def text_html(text: str) -> str:
    """Text in columns; ``<code>``, since some pages set a bare ``<pre>`` in their own font."""
    return f"<pre><code>{html.escape(text, quote=False)}</code></pre>"


def folded_html(text: str) -> str:
    """The same, folded away under "as text"."""
    return f"<details><summary>as text</summary>{text_html(text)}</details>"


def picture_html(svg: str, alt: str) -> str:
    """A picture that survives everywhere: an ``<img>`` that carries its SVG.

    Inline ``<svg>`` is stripped from notebooks that are not trusted, and a page
    with a policy would refuse its styles.
    """
    encoded = base64.b64encode(svg.encode()).decode()
    return f'<img alt="{html.escape(alt)}" src="data:image/svg+xml;base64,{encoded}">'
