"""A few screenshots, kept as references: the pages look as they did, within a tolerance.

Text is drawn a little differently by each version of a browser and of its
fonts, so the comparison forgives single pixels and asks about areas: both
pictures are averaged over blocks of 8 by 8 pixels first.
"""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from browser.conftest import Open
from matplotlib.image import imread
from numpy.typing import NDArray
from playwright.sync_api import Page

from xenexplore.render.web.page import save_html
from xenexplore.scenario.library.builtin import find_scenario
from xenexplore.scenario.run.runner import compare, run

KEPT = Path(__file__).resolve().parents[1] / "golden" / "browser"
BLOCK = 8
#: Blocks may differ by this share of full scale ...
DEPTH = 0.12
#: ... in at most this share of them.
SHARE = 0.02

VIEWS = {
    "stepper-light-1200": ("wrong-vcpu", "software-tlb", 32, 1200, "light"),
    "stepper-dark-600": ("wrong-vcpu", "software-tlb", 32, 600, "dark"),
    "stepper-walk-light-1200": ("evtchn-send-from-stack", "giant-map", 13, 1200, "light"),
    "comparison-light-1200": ("wrong-vcpu", "", 28, 1200, "light"),
}


def _shot(open_page: Open, folder: Path, name: str, *, away: int = 0) -> bytes:
    scenario, option, step, width, scheme = VIEWS[name]
    loaded = find_scenario(scenario)
    file = folder / f"{name}.html"
    save_html(run(loaded, option) if option else compare(loaded), file)
    page: Page = open_page(file, step=step + away, width=width, scheme=scheme, motion="reduce")
    return page.screenshot()


def _blocks(png: bytes) -> NDArray[np.float64]:
    """Mean of red, green and blue over each block of pixels, 0 to 1."""
    pixels = np.asarray(imread(io.BytesIO(png)), np.float64)[:, :, :3]
    high, wide = pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK
    cut = pixels[: high * BLOCK, : wide * BLOCK]
    return cut.reshape(high, BLOCK, wide, BLOCK, 3).mean(axis=(1, 3))


def _share_that_differs(one: bytes, other: bytes) -> float:
    left, right = _blocks(one), _blocks(other)
    assert left.shape == right.shape
    return float((np.abs(left - right).max(axis=2) > DEPTH).mean())


@pytest.mark.parametrize("name", VIEWS)
def test_a_page_looks_as_it_did(name: str, open_page: Open, tmp_path: Path) -> None:
    shot, kept = _shot(open_page, tmp_path, name), KEPT / f"{name}.png"
    if os.environ.get("XENEXPLORE_UPDATE_GOLDEN") == "1":
        kept.parent.mkdir(exist_ok=True)
        kept.write_bytes(shot)
    assert kept.exists(), "run with XENEXPLORE_UPDATE_GOLDEN=1, and look at the picture"
    assert _share_that_differs(shot, kept.read_bytes()) <= SHARE


@pytest.mark.parametrize(("name", "away"), [("stepper-light-1200", -6), ("stepper-dark-600", -6)])
def test_the_tolerance_notices_another_step(
    name: str, away: int, open_page: Open, tmp_path: Path
) -> None:
    other = _shot(open_page, tmp_path, name, away=away)
    assert _share_that_differs(other, (KEPT / f"{name}.png").read_bytes()) > SHARE


def test_no_reference_is_unused() -> None:
    assert {path.stem for path in KEPT.glob("*.png")} == set(VIEWS)
