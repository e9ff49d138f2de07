"""How the views look in each window, theme and on paper: held to what was looked at and kept.

A reference is a picture's mean brightness over blocks of 32 by 32 pixels.  Text is drawn a little
differently by each version of a browser and of its fonts, which moves a mean by little; a part
that is gone, moved, cut or of another colour moves many.
XENEXPLORE_UPDATE_GOLDEN=1 writes the references: look at the pictures first
(XENEXPLORE_PICTURES=FOLDER keeps them).
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import made
from browser.conftest import Open, drawn
from matplotlib.image import imread
from numpy.typing import NDArray
from playwright.sync_api import Page

from xenexplore.render.web.page import save_html

KEPT = Path(__file__).resolve().parents[1] / "golden" / "browser" / "looks.json"
BLOCK = 32
#: Blocks may differ by this much of 255 ...
DEPTH = 12
#: ... in at most this share of them.
SHARE = 0.03

#: Window, and what the reader's system asks for.
FORMS: dict[str, tuple[int, int, dict[str, str]]] = {
    "1440x900": (1440, 900, {}),
    "1440x900 dark": (1440, 900, {"color_scheme": "dark"}),
    "1280x720": (1280, 720, {}),
    "1280x720 contrast": (1280, 720, {"contrast": "more"}),
    "1280x720 dark contrast": (1280, 720, {"contrast": "more", "color_scheme": "dark"}),
    "1280x720 forced colours": (1280, 720, {"forced_colors": "active"}),
    "1024x768": (1024, 768, {}),
    "200%": (720, 450, {}),
    "390": (390, 844, {}),
    "390 dark": (390, 844, {"color_scheme": "dark"}),
    "paper": (718, 1047, {"media": "print"}),
}
USUAL = {
    "media": "screen", "color_scheme": "light", "contrast": "no-preference",
    "forced_colors": "none",
}  # fmt: skip
VIEWS = {"stepper": (made.wrong_vcpu, 32), "comparison": (made.options, 28)}

# Texts that are smaller than a reader should need, whatever the window.
SMALL = """() => [...document.querySelectorAll(".xe *")].filter(element =>
  [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim())
  && element.getClientRects().length && !element.closest(".xe-sr, .xe-hide")
).filter(element => {
  const svg = element.closest("svg");
  const scale = svg?.viewBox?.baseVal?.width
    ? svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : 1;
  return parseFloat(getComputedStyle(element).fontSize) * Math.min(scale, 1) < 11.99;
}).map(element => `${element.getAttribute("class")}: ${element.textContent.slice(0, 30)}`)"""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("looks")
    for name, (make, _) in VIEWS.items():
        save_html(make(), folder / f"{name}.html")  # type: ignore[operator]
    return {name: folder / f"{name}.html" for name in VIEWS}


def put(page: Page, form: str) -> None:
    """The page in a window, as a reader with these settings has it."""
    width, height, asked = FORMS[form]
    if asked.get("media") == "print":
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(**{**USUAL, **asked})  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": height})
    drawn(page)


def blocks(png: bytes) -> NDArray[np.uint8]:
    """Mean brightness of each block, 0 to 255."""
    pixels = np.asarray(imread(io.BytesIO(png)), np.float64)[:, :, :3].mean(axis=2)
    high, wide = pixels.shape[0] // BLOCK, pixels.shape[1] // BLOCK
    cut = pixels[: high * BLOCK, : wide * BLOCK].reshape(high, BLOCK, wide, BLOCK)
    return np.asarray(np.round(cut.mean(axis=(1, 3)) * 255), np.uint8)


def differing(one: NDArray[np.uint8], kept: list[str]) -> float:
    """The share of blocks that are not as they were."""
    other = np.array([list(bytes.fromhex(line)) for line in kept], np.uint8)
    if one.shape != other.shape:
        return 1.0
    return float((np.abs(one.astype(int) - other.astype(int)) > DEPTH).mean())


def kept() -> dict[str, list[str]]:
    found: dict[str, list[str]] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("view", VIEWS)
def test_a_view_looks_as_it_did_in_every_form(
    open_page: Open, files: dict[str, Path], view: str
) -> None:
    page = open_page(files[view], step=VIEWS[view][1], motion="reduce")
    looks: dict[str, Any] = {}
    small: dict[str, list[str]] = {}
    for form in FORMS:
        put(page, form)
        shot = page.screenshot()
        if folder := os.environ.get("XENEXPLORE_PICTURES"):
            Path(folder, f"{view} {form}.png").write_bytes(shot)
        looks[f"{view} {form}"] = blocks(shot)
        if found := page.evaluate(SMALL):
            small[form] = found
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0 or "media" in FORMS[form][2], form
    assert small == {}
    if os.environ.get("XENEXPLORE_UPDATE_GOLDEN") == "1":
        written = {name: [bytes(line).hex() for line in look] for name, look in looks.items()}
        others = kept() if KEPT.exists() else {}
        both = dict(sorted({**others, **written}.items()))
        KEPT.write_text(json.dumps(both, indent=0) + "\n", encoding="utf-8")
    shares = {name: differing(look, kept()[name]) for name, look in looks.items()}
    assert {name: share for name, share in shares.items() if share > SHARE} == {}


def test_the_tolerance_notices_another_step(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stepper"], step=26, motion="reduce")
    for form in ("1440x900", "390 dark"):
        put(page, form)
        assert differing(blocks(page.screenshot()), kept()[f"stepper {form}"]) > SHARE


def test_no_reference_is_unused() -> None:
    assert set(kept()) == {f"{view} {form}" for view in VIEWS for form in FORMS}
