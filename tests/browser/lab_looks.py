"""How workbench, recording browser and explorer look in JupyterLab, held as the views are.

Each is seen in the two themes, in a large and a small window, and once in forced colours.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from browser.lab import Lab
from browser.looks import USUAL, blocks, hold
from playwright.sync_api import Locator, Page

__all__ = ["LOOKS", "NAMES", "hold_their_looks"]

SIZES = {"1440x900": (1440, 900), "1024x768": (1024, 768)}
FORCED = "1024x768 forced colours"
FORMS = {
    "JupyterLab Light": ["1440x900", FORCED],
    "JupyterLab Dark": ["1024x768"],
}
NAMES = ("workbench", "recordings", "explorer")
LOOKS = [f"{name} {theme}, {form}" for theme in FORMS for form in FORMS[theme] for name in NAMES]


def hold_their_looks(lab: Lab, page: Page, cells: dict[str, Locator]) -> None:
    """Compare what a reader sees of each widget when its cell's outputs are scrolled to the top."""
    usual = page.viewport_size
    assert usual is not None
    seen: dict[str, Any] = {}
    for form in FORMS[lab.theme]:
        width, height = SIZES[form.split()[0]]
        page.set_viewport_size({"width": width, "height": height})
        page.emulate_media(**{**USUAL, "forced_colors": "active" if form == FORCED else "none"})
        for name, cell in cells.items():
            cell.scroll_into_view_if_needed()
            cell.evaluate("cell => cell.scrollIntoView({ block: 'start' })")
            page.mouse.move(0, 0)
            page.wait_for_timeout(200)  # the notebook lays its cells out, then the view itself
            shot = page.screenshot(animations="disabled")
            look = f"{name} {lab.theme}, {form}"
            if folder := os.environ.get("XENEXPLORE_PICTURES"):
                Path(folder, f"{look}.png").write_bytes(shot)
            seen[look] = blocks(shot)
    page.emulate_media(**USUAL)
    page.set_viewport_size(usual)
    hold(seen)
