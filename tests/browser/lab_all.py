"""Run every notebook in a real JupyterLab, in both themes: ``python -m browser.lab_all`` in tests/.

Not part of the suite, which runs two of them there: each takes a kernel and
some seconds.  Prints a line for each; exits with 1 if any failed.  ``tests/tools/screens.py``
measures how long they are.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from browser import lab as jupyter
from browser.conftest import chromium
from playwright.sync_api import Browser


def run_in(browser: Browser, theme: str, folder: Path) -> int:
    failed = 0
    with jupyter.serve(folder, theme=theme) as lab:
        for file in sorted(lab.folder.glob("*.ipynb")):
            begun = time.monotonic()
            page = lab.page(browser, width=1440)
            found = lab.run_all(page, file.name)
            if found["views"]:
                page.locator(".xe").first.wait_for()
            page.wait_for_timeout(500)
            shown = page.locator(".xe").count()
            broken = page.get_by_text("Error displaying widget").count()
            lab.shut_down(page)
            good = not found["errors"] and found["ran"] == found["cells"] and not broken
            good = good and shown >= found["views"] and not lab.kernels() and not lab.complaints
            failed += not good
            print(
                f"{'ok  ' if good else 'FAIL'} {theme[11:]:5} {file.stem:28}",
                f"{found['ran']:3} cells {found['views']:3} views",
                f"{time.monotonic() - begun:5.1f} s",
                *found["errors"],
                *lab.complaints,
                flush=True,
            )
            lab.complaints.clear()
    return failed


def main() -> int:
    """Both themes, every notebook."""
    failed = 0
    with chromium() as browser:
        for theme in sys.argv[1:] or ("JupyterLab Light", "JupyterLab Dark"):
            with tempfile.TemporaryDirectory() as folder:
                failed += run_in(browser, theme, Path(folder))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
