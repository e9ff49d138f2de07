"""The report as one HTML file: the same text, its figures beside it, nothing from elsewhere."""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape

from xenexplore.analysis.findings import Findings
from xenexplore.render.plots.figures import PlotFigure
from xenexplore.render.text.recorded.report import report_text

__all__ = ["report_html"]

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 52rem; }}
body {{ margin: 2rem auto; padding: 0 1rem; }}
pre {{ overflow-x: auto; line-height: 1.3; }}
figure {{ margin: 2rem 0; }}
figure svg {{ max-width: 100%; height: auto; background: white; }}
figcaption {{ font-size: 0.85rem; }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<pre tabindex="0">{text}</pre>
{figures}
</main>
</body>
</html>
"""


def report_html(findings: Findings, figures: Sequence[PlotFigure]) -> str:
    """One self-contained page."""
    parts = []
    for figure in figures:
        svg = figure.svg()[figure.svg().index("<svg") :]
        # Ids are per file: two pictures on one page must not share them.
        svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{figure.name}-", svg)
        named = f'<svg role="img" aria-label="{escape(figure.title, quote=True)}"'
        svg = svg.replace("<svg", named, 1)
        caption = f"{escape(figure.title)}. {escape(figure.caption)}"
        parts.append(f"<figure>\n{svg}<figcaption>{caption}</figcaption>\n</figure>")
    title = f"Hypercall buffers: {findings.source}"
    return _PAGE.format(
        title=escape(title), text=escape(report_text(findings)), figures="\n".join(parts)
    )
