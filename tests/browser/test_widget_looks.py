"""How the lab's forms look: each alone on the page, live, held to what was looked at and kept.

The forms are ipywidgets, which need JupyterLab to come up at all.  Once they have, each is taken
out of it and stands alone in the window: no toolbar, busy sign or version of JupyterLab is in its
picture.  Pictures are compared as in test_references.py, and updated in the same way.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import lab as jupyter
from browser.at_the_prompt import EXPLORER
from browser.conftest import drawn, within
from browser.test_references import BLOCK, KEPT, SHARE, SMALL, USUAL, blocks, differing
from playwright.sync_api import Browser, Page

LOOKS = KEPT.with_name("widget_looks.json")
CELLS = {
    "workbench": "import xenexplore as xe\nxe.Workbench()",
    "recordings": 'xe.RecordingBrowser("pvh")',
    "explorer": EXPLORER,
}
#: Window, theme, and what else a reader's system asks for.
FORMS: dict[str, tuple[int, int, str, dict[str, str]]] = {
    "1440x900": (1440, 900, "JupyterLab Light", {}),
    "1024x768": (1024, 768, "JupyterLab Light", {}),
    "forced colours": (1024, 768, "JupyterLab Light", {"forced_colors": "active"}),
    "paper": (718, 1047, "JupyterLab Light", {"media": "print"}),
    "1440x900 dark": (1440, 900, "JupyterLab Dark", {}),
    "1024x768 dark": (1024, 768, "JupyterLab Dark", {}),
    "high contrast": (1024, 768, "JupyterLab Dark High Contrast", {}),
}
STEADY = 100
# The forms' own elements, moved to a page of their own behind which JupyterLab is hidden.
MOVE = """count => {
  const forms = [...document.querySelectorAll(".jp-OutputArea-output .widget-vbox")].filter(
    form => !form.parentElement.closest(".widget-vbox"));
  if (forms.length !== count) throw new Error(`${forms.length} forms`);
  const style = document.createElement("style");
  style.textContent = `
    body { overflow: auto !important; background: var(--jp-layout-color0) !important; }
    body > :not(#alone) { display: none !important; }
    #alone > .widget-vbox:not(.is-shown) { display: none; }
    #alone { padding: 8px; } #alone > * { overflow: visible; }
    * { transition: none !important; animation: none !important; caret-color: transparent; }`;
  document.head.append(style);
  const alone = document.createElement("main");
  alone.id = "alone";
  alone.append(...forms);
  document.body.append(alone);
}"""
SHOW = """which => {
  document.activeElement?.blur();
  [...document.querySelector("#alone").children].forEach(
    (form, at) => form.classList.toggle("is-shown", at === which));
  scrollTo(0, 0);
}"""
THEME = """async theme => {
  if (document.body.dataset.jpThemeName === theme) return;
  await window.jupyterapp.commands.execute("apputils:change-theme", { theme });
  while (document.body.dataset.jpThemeName !== theme)
    await new Promise(done => setTimeout(done, 20));
}"""


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    with jupyter.serve(tmp_path_factory.mktemp("looks")) as lab:
        lab.write("forms.ipynb", *CELLS.values())
        page = lab.page(browser, width=1440)
        page.emulate_media(reduced_motion="reduce")
        assert lab.run_all(page, "forms.ipynb")["errors"] == []
        outputs = page.locator(".jp-OutputArea-output")
        for number in range(len(CELLS)):
            outputs.nth(number).scroll_into_view_if_needed()
            outputs.nth(number).locator(".xe-say").wait_for()
        calls = page.get_by_role("listbox", name="Recorded calls")
        calls.get_by_role("option").nth(9).wait_for()
        page.evaluate(MOVE, len(CELLS))
        yield page
        lab.shut_down(page)
    assert lab.complaints == []


def steady(page: Page, form: str, which: int) -> bytes:
    """The form in a window, once two pictures of it are the same."""
    width, height, theme, asked = FORMS[form]
    within(page, THEME, theme)
    page.emulate_media(**{**USUAL, **asked})  # type: ignore[arg-type]
    page.set_viewport_size({"width": width, "height": height})
    page.evaluate(SHOW, which)
    drawn(page)
    before = page.screenshot()
    for _ in range(STEADY):
        page.wait_for_timeout(60)
        if (shot := page.screenshot()) == before:
            return shot
        before = shot
    raise AssertionError(f"{form}: {STEADY} pictures, each other than the one before")


def test_forms_look_as_they_did(page: Page) -> None:
    looks, small, wide = {}, {}, {}
    for form in FORMS:
        for number, name in enumerate(CELLS):
            shot = steady(page, form, number)
            if folder := os.environ.get("XENEXPLORE_PICTURES"):
                Path(folder, f"{name} {form}.png").write_bytes(shot)
            looks[f"{name} {form}"] = blocks(shot)
            small |= {f"{name} {form}": found for found in [page.evaluate(SMALL)] if found}
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            wide |= {f"{name} {form}": over} if over > 0 else {}
    assert (small, wide) == ({}, {})
    if os.environ.get("XENEXPLORE_UPDATE_GOLDEN") == "1":
        written = {name: [bytes(line).hex() for line in look] for name, look in looks.items()}
        LOOKS.write_text(json.dumps(written, indent=0) + "\n", encoding="utf-8")
    kept = json.loads(LOOKS.read_text(encoding="utf-8"))
    shares = {name: differing(look, kept[name]) for name, look in looks.items()}
    assert {name: share for name, share in shares.items() if share > SHARE} == {}
    assert set(kept) == set(looks)
    # Forms, themes and what a system asks for are told apart by it.
    for one, other in (("1440x900", "1440x900 dark"), ("1024x768", "forced colours")):
        for name in CELLS:
            assert differing(looks[f"{name} {one}"], kept[f"{name} {other}"]) > SHARE
    assert looks["explorer 1440x900"].shape == (900 // BLOCK, 1440 // BLOCK)
