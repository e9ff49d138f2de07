"""The first notebook in Notebook 7: run, stepped by keys, and opened again without a kernel.

``pip install notebook``, then ``python -m browser.notebook_seven [PICTURE]`` in tests/; not part
of the suite, whose machines have JupyterLab.  Both themes; a picture of the last is kept.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from browser import lab as jupyter
from browser.conftest import PATIENCE, chromium, within
from browser.lab import TOKEN, Lab
from browser.seen import missing, wait_for_views
from playwright.sync_api import Browser, Page, expect

NAME = "00_start_here.ipynb"
# As lab.py's RUN_ALL; here the notebook is what the page is.
RUN_ALL = """async () => {
  const app = window.jupyterapp;
  await app.restored;
  const panel = app.shell.currentWidget;
  await panel.context.ready;
  await panel.sessionContext.ready;
  await panel.sessionContext.session.kernel.info;
  await app.commands.execute("notebook:run-all-cells");
  const outputs = panel.content.widgets.flatMap(cell => cell.model.outputs?.toJSON() ?? []);
  await app.commands.execute("docmanager:save");
  return outputs.filter(o => o.output_type === "error" || o.name === "stderr");
}"""
END = """async () => {
  await window.jupyterapp.serviceManager.sessions.shutdownAll();
}"""


def opened(lab: Lab, browser: Browser) -> Page:
    page = lab.window(browser, width=1280, height=900)
    page.goto(f"{lab.url}/notebooks/{NAME}?token={TOKEN}")
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.content?.widgets.length > 5")
    return page


def by_hand(lab: Lab, browser: Browser) -> Page:
    """Run, step, save; then open it again, with the kernel gone."""
    page = opened(lab, browser)
    assert within(page, RUN_ALL, limit=4 * PATIENCE) == []
    wait_for_views(page, 2)
    assert missing(page) == []
    view = page.locator(".xe").first
    view.focus()
    page.keyboard.press("Home")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(view).to_have_attribute("data-step", "3")
    cells = page.locator(".jp-Cell").count()
    page.keyboard.press("a")  # would insert a cell above, if the notebook heard it
    assert page.locator(".jp-Cell").count() == cells
    within(page, END)
    page.context.close()
    page = opened(lab, browser)
    pictures = page.locator(".jp-OutputArea-output img")
    expect(pictures).to_have_count(2)
    assert page.get_by_text("Loading widget").count() == 0
    assert page.get_by_text("Error displaying widget").count() == 0
    return page


def main() -> None:
    with chromium() as browser:
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            with (
                tempfile.TemporaryDirectory() as folder,
                jupyter.serve(Path(folder), theme=theme, app="JupyterNotebookApp") as lab,
            ):
                page = by_hand(lab, browser)
                if sys.argv[1:]:
                    page.screenshot(path=sys.argv[1])
                within(page, END)
                page.context.close()
                print(f"Notebook 7, {theme}: run, stepped, without its kernel")


if __name__ == "__main__":
    main()
