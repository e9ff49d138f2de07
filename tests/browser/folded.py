"""Views in what a notebook folds: under a heading, and an output that was put away."""

from __future__ import annotations

import nbformat
from browser.lab import Lab
from browser.seen import missing
from playwright.sync_api import Browser, expect

__all__ = ["views_come_up_when_unfolded"]

RUN = 'xe.Stepper(xe.run(xe.load("evtchn-send-from-stack"), "giant-map"))'
CELLS = (
    nbformat.v4.new_code_cell("import xenexplore as xe"),
    nbformat.v4.new_markdown_cell("## More", metadata={"jp-MarkdownHeadingCollapsed": True}),
    nbformat.v4.new_code_cell(RUN),
    nbformat.v4.new_markdown_cell("## On"),
    nbformat.v4.new_code_cell(
        'xe.ComparisonView(xe.compare(xe.load("straddle"), ["linear-walk", "number-bit"]))'
    ),
)
# A cell that is run shows its output again.
PUT_AWAY = "() => { window.jupyterapp.shell.currentWidget.content.widgets[4].outputHidden = true }"


def views_come_up_when_unfolded(lab: Lab, browser: Browser) -> None:
    """Nothing is seen of them before; all of it afterwards, and they hear keys."""
    page = lab.page(browser)
    notebook = nbformat.v4.new_notebook(cells=list(CELLS))
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3 (ipykernel)"}
    nbformat.write(notebook, lab.folder / "folded.ipynb")
    found = lab.run_all(page, "folded.ipynb")
    assert (found["errors"], found["ran"], found["views"]) == ([], 3, 2)
    page.evaluate(PUT_AWAY)
    expect(page.locator(".xe:visible")).to_have_count(0)
    page.locator(".jp-showHiddenCellsButton").click()
    stepper = page.locator(".xe").first
    expect(stepper).to_be_visible()
    page.locator(".jp-Placeholder:visible").first.click()
    expect(page.locator(".xe-comparison")).to_be_visible()
    assert missing(page) == []
    stepper.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    expect(stepper).to_have_attribute("data-step", "1")
    assert missing(page) == []
    lab.shut_down(page)
