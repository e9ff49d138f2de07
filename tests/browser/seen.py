"""Whether a person sees what a view has drawn: each of its parts has a box on the page.

Text in the document is not enough: a browser can leave out what it was told to skip.
"""

from __future__ import annotations

from browser.conftest import within
from playwright.sync_api import Page

__all__ = ["missing", "scroll_through", "wait_for_views"]

# Of every view, scrolled to as a person would: the parts that have no box.  A part that a view
# does not have is missing as well, but for the sheet (a comparison's) and the stepper's own parts.
MISSING = """async () => {
  const frame = () => new Promise(done => requestAnimationFrame(done));
  const stepper = [".xe-say", ".xe-count", ".xe-mapsvg", ".xe-pathbox",
                   ".is-drawn .xe-box, .xe:not(.is-drawn) .xe-row",
                   ".xe-line svg", ".xe-stop", ".xe-sofar td", "input[type=range]"];
  const comparison = [".xe-sheet th", ".xe-sheet td", ".xe-crow:not(.is-equal) td",
                      "input[type=range]"];
  const found = [];
  for (const [at, root] of [...document.querySelectorAll(".xe")].entries()) {
    root.scrollIntoView({ block: "start" });
    for (let frames = 0; frames < 3; frames++) await frame();
    const how = { contentVisibilityAuto: true, visibilityProperty: true };
    const folded = [".xe-verdict", ".xe-unfold"];
    const several = root.matches(".is-folded") ? folded : comparison;
    const parts = root.matches(".xe-comparison") ? several : stepper;
    for (const part of parts) {
      const element = root.querySelector(part), box = element?.getBoundingClientRect();
      const seen = element?.checkVisibility(how);
      if (!seen || box.width < 1 || box.height < 2) found.push(`view ${at}: ${part}`);
    }
  }
  return found;
}"""
# Of the wheel, from the top of a notebook to its end: 60 screens are 100.
TURNS = 400
ROOTS = """() => [...document.querySelectorAll(".xe")].filter(
  root => !root.parentElement.closest(".xe")).length"""


def missing(page: Page) -> list[str]:
    """The parts of the page's views that nobody can see; none if all is well."""
    found: list[str] = within(page, MISSING)
    return found


def scroll_through(page: Page, pause: int) -> None:
    """Turn the wheel from the notebook's top to its end, resting ``pause`` ms at each stop."""
    outer = page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer")
    box = outer.bounding_box()
    assert box, "no notebook is open"
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    before = -1.0
    for _ in range(TURNS):
        if (at := float(outer.evaluate("element => element.scrollTop"))) == before:
            return
        before = at
        page.mouse.wheel(0, int(box["height"] * 0.6))
        page.wait_for_timeout(pause)
    raise AssertionError(f"the notebook has no end: {before} px after {TURNS} turns")


def wait_for_views(page: Page, count: int, patience: float = 60_000) -> None:
    """Until ``count`` views are in the document; one inside another is not counted."""
    page.wait_for_function(f"({ROOTS})() >= {count}", timeout=patience)
