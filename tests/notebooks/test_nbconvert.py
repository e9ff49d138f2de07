"""What nbconvert makes of a saved notebook, with no kernel: every view, and a talk."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter, SlidesExporter

NOTEBOOK = Path(__file__).resolve().parents[2] / "notebooks" / "02_directmap.ipynb"
VIEW = "application/vnd.jupyter.widget-view+json"


def views(notebook: nbformat.NotebookNode) -> list[str]:
    """What the saved outputs have of each view: its picture as HTML."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [
        output["data"]["text/html"]
        for output in outputs
        if "data:image/svg+xml" in output.get("data", {}).get("text/html", "")
    ]


def test_html_has_every_view_as_a_picture_with_its_text() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    shown = views(notebook)
    source = "".join(cell.source for cell in notebook.cells if cell.cell_type == "code")
    assert len(shown) == len(re.findall(r"xe\.(?:Stepper|ComparisonView)\(", source)) >= 3
    page, _ = HTMLExporter().from_notebook_node(notebook)
    for html in shown:
        picture = re.search(r'src="(data:image/svg\+xml;base64,[^"]+)"', html)
        assert picture is not None
        assert picture[1] in page
    assert page.count("as text</summary>") >= len(shown)


def test_slides_are_a_talk_without_the_claims() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    begins = [cell for cell in notebook.cells if cell.metadata.slideshow.slide_type == "slide"]
    claims = [cell for cell in notebook.cells if "claims" in cell.metadata.get("tags", ())]
    page, _ = SlidesExporter().from_notebook_node(notebook)
    talk = page[page.rindex('class="slides"') :]
    assert len(re.findall(r"<section>\s*<section", talk)) == len(begins) >= 4
    assert claims
    assert all(f'id="cell-id={cell.id}"' not in talk for cell in claims)
    assert talk.count("data:image/svg+xml;base64,") == len(views(notebook))
