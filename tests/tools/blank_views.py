"""Load a notebook in JupyterLab again and again, and count the views that come up blank.

Usage: PYTHONPATH=.:tests python tests/tools/blank_views.py [--loads N] [--fresh N]
       [--size WIDTHxHEIGHT ...] [--notebook NAME] [--pictures FOLDER]

At each window size the notebook is opened by its address, run with Run All and
scrolled through (`--fresh` times), then opened anew on its live kernel in another
window and scrolled through (the rest of `--loads`), all with JupyterLab's own
defaults.  Prints a line for each load; exits with 1 if any view was blank.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from browser import lab as jupyter
from browser.conftest import chromium, within
from browser.lab import SAVE, TOKEN, Lab
from browser.seen import missing, scroll_through, wait_for_views
from playwright.sync_api import Browser, Page, TimeoutError  # noqa: A004

SIZES = ("1440x900", "1280x720", "1024x768", "800x600")
PAUSES = (40, 120, 300)  # ms at each stop of the wheel: in haste, as one reads, slowly
# What is in the place of a view: the text of each output, in short.
OUTPUTS = """() => [...document.querySelectorAll(".jp-OutputArea-output")].map(
  output => (output.innerText || output.innerHTML).trim().slice(0, 100))"""
HEARD: list[str] = []  # the console of the page that is open


def window(lab: Lab, browser: Browser, size: str, notebook: str) -> Page:
    """A new window on the notebook's address, as a person's bookmark opens it."""
    width, height = map(int, size.split("x"))
    page = browser.new_context(viewport={"width": width, "height": height}).new_page()
    page.set_default_timeout(120_000)
    page.on("console", lambda message: HEARD.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: HEARD.append(f"error: {error}"))
    HEARD.clear()
    page.goto(f"{lab.url}/lab/tree/{notebook}?token={TOKEN}&reset")
    page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer").wait_for()
    return page


def scrolled(page: Page, views: int, pause: int) -> list[str]:
    """What is missing after the way down, and after all that is expected has come."""
    scroll_through(page, pause)
    try:
        wait_for_views(page, views)
    except TimeoutError:
        return [f"not all of {views} views came"]
    page.mouse.wheel(0, -1_000_000)
    page.wait_for_timeout(pause)
    scroll_through(page, pause)
    return missing(page)


def keep(page: Page, folder: Path, name: str) -> None:
    """What a blank load looked like, and what its page said."""
    folder.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=folder / f"{name}.png")
    told = "\n".join([*HEARD, "", *page.evaluate(OUTPUTS)])
    (folder / f"{name}.txt").write_text(told, encoding="utf-8")


def at_size(lab: Lab, browser: Browser, size: str, args: argparse.Namespace) -> tuple[int, int]:
    """How many loads were made, and how many had a blank view."""
    notebook, loads, fresh = args.notebook, args.loads, args.fresh
    blank = 0
    found: dict[str, Any] = {}
    page: Page | None = None
    for load in range(loads):
        begun, pause = time.monotonic(), PAUSES[load % len(PAUSES)]
        if load < fresh:
            if page:
                lab.shut_down(page)
            page = window(lab, browser, size, notebook)
            found = lab.run_all(page, notebook)
            within(page, SAVE)
        else:
            assert page, "the first load is a fresh one"
            page.context.close()
            page = window(lab, browser, size, notebook)
        lost = scrolled(page, found["views"], pause)
        blank += bool(lost)
        if lost and args.pictures:
            keep(page, args.pictures, f"{size}-{load}")
        print(
            f"{'BLANK' if lost else 'ok   '} {size} {'fresh   ' if load < fresh else 'reopened'}",
            f"{found['views']} views, {pause} ms, {time.monotonic() - begun:.1f} s",
            *lost, flush=True,
        )  # fmt: skip
    if page:
        lab.shut_down(page)
    return loads, blank


def main() -> int:
    """Every size, and the sum."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--loads", type=int, default=20, help="loads at each size (20)")
    parser.add_argument(
        "--fresh", type=int, default=5, help="of these, with a new kernel, at least 1 (5)"
    )
    parser.add_argument("--size", action="append", help=f"by default {', '.join(SIZES)}")
    parser.add_argument("--pictures", type=Path, help="a folder for what blank loads looked like")
    parser.add_argument("--notebook", default="00_start_here.ipynb")
    args = parser.parse_args()
    loads = blank = 0
    with (
        chromium() as browser,
        tempfile.TemporaryDirectory() as folder,
        jupyter.serve(Path(folder)) as lab,
    ):
        for size in args.size or SIZES:
            made, bad = at_size(lab, browser, size, args)
            loads, blank = loads + made, blank + bad
    print(f"{loads} loads, {blank} with a blank view")
    return 1 if blank else 0


if __name__ == "__main__":
    sys.exit(main())
