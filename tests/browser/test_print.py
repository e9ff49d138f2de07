"""On paper nothing is lost: every column and every text lies within the page's box."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import made
from browser.conftest import Open, drawn
from playwright.sync_api import Page

from xenexplore.render.web.page import save_html

PAPERS = {"A4": (718, 1047), "A4 across": (1047, 718), "letter": (740, 980)}  # px, less margins

# Texts and pictures that stick out of the paper, or out of a box that cuts what sticks out.
CUT = """() => {
  const over = [];
  const wide = document.documentElement.clientWidth;
  const say = (what, element) => {
    const name = element.className.baseVal ?? element.className;
    over.push(`${what}: ${name} ${element.textContent.slice(0, 30)}`);
  };
  const unseen = ".xe-sr, .xe-hide, .xe-controls";
  const seen = element => element.checkVisibility() && !element.closest(unseen);
  for (const element of document.querySelectorAll(".xe *")) {
    if (!seen(element)) continue;
    const box = element.getBoundingClientRect();
    if (box.right > wide + 1 || box.left < -1) say("off the paper", element);
    const style = getComputedStyle(element);
    const cuts = style.overflowX !== "visible" || style.overflowY !== "visible";
    if (cuts && !element.ownerSVGElement && element.tagName !== "svg"
        && (element.scrollHeight > element.clientHeight + 1
            || element.scrollWidth > element.clientWidth + 1)) say("cut", element);
  }
  for (const svg of document.querySelectorAll(".xe-mapsvg, .xe-line svg")) {
    const box = svg.getBoundingClientRect();
    for (const text of svg.querySelectorAll("text")) {
      const { top, bottom, left, right } = text.getBoundingClientRect();
      if (top < box.top - 2 || bottom > box.bottom + 2
          || left < box.left - 2 || right > box.right + 2) say("off the picture", text);
    }
  }
  return over;
}"""
HEADS = "all => all.map(head => head.textContent.trim())"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("print")
    shown = {"options": made.options(), "stack": made.stack_send(), "wrong": made.wrong_vcpu()}
    for name, trace in shown.items():
        save_html(trace, folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in shown}


def print_on(page: Page, paper: str) -> None:
    """The page as it is laid out for paper; Chromium says so to the page before it prints."""
    width, height = PAPERS[paper]
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    page.set_viewport_size({"width": width, "height": height})
    drawn(page)


@pytest.mark.parametrize("paper", PAPERS)
@pytest.mark.parametrize("width", [800, 1440])
@pytest.mark.parametrize("name", ["options", "stack", "wrong"])
def test_nothing_is_cut_on_paper(
    open_page: Open, files: dict[str, Path], name: str, width: int, paper: str
) -> None:
    page = open_page(files[name], width=width)
    print_on(page, paper)
    assert page.evaluate(CUT) == []


def test_every_option_and_every_cell_is_on_paper(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["options"])
    sheet = page.locator(".xe-sheet table")
    heads = sheet.locator("thead th").evaluate_all(HEADS)
    cells = sheet.locator("tbody td").evaluate_all(HEADS)
    assert len(heads) == len(made.options().rows) > 4
    print_on(page, "A4")
    bands = page.locator(".xe-bands table")
    assert bands.locator("thead th").evaluate_all(HEADS) == heads
    assert sorted(bands.locator("tbody td").evaluate_all(HEADS)) == sorted(cells)
    assert bands.locator("tbody th").first.text_content() == "now"
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert bands.count() == 0


def test_the_judge_sees_what_is_cut(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"])
    print_on(page, "A4")
    page.evaluate("document.querySelector('.xe-rows').style = 'height: 40px; overflow: hidden'")
    assert any(found.startswith("cut: xe-rows") for found in page.evaluate(CUT))
    page.evaluate("document.querySelector('.xe-say').style = 'width: 2000px'")
    assert any("off the paper: xe-say" in found for found in page.evaluate(CUT))


def test_the_browser_tells_the_page_before_it_prints(
    open_page: Open, files: dict[str, Path]
) -> None:
    page = open_page(files["options"])
    page.evaluate(
        "addEventListener('beforeprint',"
        " () => window.bands = document.querySelectorAll('.xe-bands table').length)"
    )
    page.pdf(format="A4")
    assert page.evaluate("window.bands") == 2
    assert page.locator(".xe-bands table").count() == 0
