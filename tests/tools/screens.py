"""How many screens each notebook is long, in JupyterLab as it is installed.

``python tests/tools/screens.py [NAME ...]`` opens each in a window of 1440x900, and prints how
long it is with its saved outputs and after every cell was run; a screen is what the notebook's
panel shows at once; of named ones each cell's share.  Status 1 where the longer of the two is
over a limit: five screens for 00, eight for any, 60 in all.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from browser import lab as jupyter
from browser.conftest import chromium, within
from browser.lab import NOTEBOOKS, Lab
from browser.seen import scroll_through
from playwright.sync_api import Page

FIRST, EACH, ALL = 5, 8, 60
OPEN = """async path => {
  await window.jupyterapp.restored;
  const panel = await window.jupyterapp.commands.execute(
    "docmanager:open", { path, factory: "Notebook" });
  await panel.context.ready;
  await panel.sessionContext.ready;
}"""
# Cells out of sight have an estimated height only, so all were scrolled through; views and
# pictures come up when they come up.
SCREENS = """async () => {
  const panel = window.jupyterapp.shell.currentWidget.content;
  panel.notebookConfig = { ...panel.notebookConfig, windowingMode: "none" };
  let heights = [], same = 0;
  for (let tries = 0; tries < 30 && same < 3; tries++) {
    await new Promise(done => setTimeout(done, 1000));
    const found = panel.widgets.map(cell => cell.node.offsetHeight);
    same = String(found) === String(heights) ? same + 1 : 0;
    heights = found;
  }
  return [heights, panel.node.querySelector(".jp-WindowedPanel-outer").clientHeight];
}"""


def screens(lab: Lab, page: Page, path: str) -> tuple[list[float], list[float]]:
    """How long each cell of a notebook is, as it is opened, and with every cell run."""
    within(page, OPEN, path)
    scroll_through(page, 150)
    heights, view = within(page, SCREENS)
    opened = [height / view for height in heights]
    found = lab.run_all(page, path)
    assert not found["errors"], (path, found["errors"])
    scroll_through(page, 150)
    heights, view = within(page, SCREENS)
    lab.close_all(page)
    return opened, [height / view for height in heights]


def main(names: list[str]) -> int:
    """Print a table; 1 where a limit is passed."""
    paths = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))
    wanted = [path for path in paths if not names or path.stem in names]
    longest: dict[str, float] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        jupyter.serve(Path(folder)) as lab,
    ):
        page = lab.page(browser, width=1440, height=900)
        page.set_default_timeout(180_000)
        print("screens as opened, and run:")
        for path in wanted:
            opened, run = screens(lab, page, path.name)
            longest[path.stem] = max(sum(opened), sum(run))
            print(f"  {path.stem:28} {sum(opened):5.1f} {sum(run):5.1f}", flush=True)
            for cell, both in enumerate(zip(opened, run, strict=True)):
                if names:
                    print("    cell {:2} {:24.2f} {:5.2f}".format(cell, *both))
        page.context.close()
    limits = {name: FIRST if name.startswith("00") else EACH for name in longest}
    over = [name for name, count in longest.items() if count > limits[name]]
    total = sum(longest.values())
    print(f"  {'together':28} {total:5.1f}  over the limit: {', '.join(over) or 'none'}")
    return int(bool(over) or (not names and total > ALL))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
