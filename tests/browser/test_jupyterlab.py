"""The notebooks and the widgets in a real JupyterLab, in Chromium: run, then operated by hand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import lab as jupyter
from browser.at_the_prompt import EXPLORER
from browser.conftest import within
from browser.folded import views_come_up_when_unfolded
from browser.lab import ALL_LATE, OPEN_WITHOUT_KERNEL, SAVE, TOKEN, Lab
from browser.seen import missing, scroll_through, wait_for_views
from browser.test_accessibility import RULES
from playwright.sync_api import Browser, Locator, Page, expect

SEND = 'xe.load("evtchn-send-from-stack")'
WIDGETS = (
    f'import xenexplore as xe\nxe.Stepper(xe.run({SEND}, "giant-map"))',
    f"xe.ComparisonView(xe.compare({SEND}))",
    "xe.Workbench()",
    'xe.RecordingBrowser("pvh")',
    EXPLORER,
)


@pytest.fixture(scope="module", params=["JupyterLab Light", "JupyterLab Dark"])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with jupyter.serve(tmp_path_factory.mktemp("lab"), theme=request.param) as running:
        yield running
        assert running.complaints == []


# What no theme changes is seen in one of them.
in_one_theme = pytest.mark.parametrize("lab", ["JupyterLab Light"], indirect=True)


def view(page: Page, cell: int) -> Locator:
    return page.locator(".jp-CodeCell").nth(cell).locator(".jp-OutputArea-child")


def step(root: Locator) -> int:
    return int(root.get_attribute("data-step") or -1)


def test_the_widgets_by_hand(lab: Lab, browser: Browser) -> None:
    """One session for all: starting a kernel is what costs.

    In the dark theme every model's module is late for anywidget, as on a machine that is busy.
    """
    dark = lab.theme == "JupyterLab Dark"
    page = lab.page(browser, script=ALL_LATE if dark else "")
    lab.write("widgets.ipynb", *WIDGETS)
    found = lab.run_all(page, "widgets.ipynb")
    assert (found["errors"], found["ran"], found["views"]) == ([], len(WIDGETS), len(WIDGETS))
    in_the_theme(lab, page)
    the_stepper(page)
    the_comparison(page)
    the_workbench(page)
    the_recording_browser(page)
    no_violation_of_wcag(page)
    assert lab.late >= len(WIDGETS) or not dark
    lab.shut_down(page)
    assert lab.kernels() == []


def in_the_theme(lab: Lab, page: Page) -> None:
    light = page.locator("body").get_attribute("data-jp-theme-light") == "true"
    root = view(page, 0).locator(".xe")
    root.wait_for()
    scheme = root.evaluate("el => getComputedStyle(el).colorScheme")
    assert scheme == ("light" if light else "dark")
    paper = root.evaluate("el => getComputedStyle(el).backgroundColor")
    shade = sum(int(part) for part in paper.strip("rgb()").split(",")[:3]) / 3
    assert shade > 200 if light else shade < 60


def the_stepper(page: Page) -> None:
    root = view(page, 0).locator(".xe")
    assert step(root) > 10  # it opens where the bytes move
    root.get_by_role("button", name="Next step").focus()
    page.keyboard.press("Home")
    expect(root).to_have_attribute("data-step", "0")
    before, cells = step(root), page.locator(".jp-Cell").count()
    root.get_by_role("button", name="Next step").click()
    expect(root).to_have_attribute("data-step", str(before + 1))
    page.keyboard.press("ArrowRight")
    expect(root).to_have_attribute("data-step", str(before + 2))
    page.keyboard.press("j")
    page.keyboard.press("a")  # would insert a cell above, if the lab heard it
    expect(root).to_have_attribute("data-step", str(before + 3))
    said = re.compile(f"^step {before + 3} of ")
    expect(root.get_by_role("slider")).to_have_attribute("aria-valuetext", said)
    page.keyboard.press("End")
    last = int(root.get_by_role("slider").get_attribute("max") or 0)
    expect(root).to_have_attribute("data-step", str(last))
    assert page.locator(".jp-Cell").count() == cells


def the_comparison(page: Page) -> None:
    root = view(page, 1).locator(".xe-comparison")
    root.get_by_role("button", name="at their ends").click()
    walks = root.locator(
        ".xe-sheet tr", has=page.get_by_role("rowheader", name="walks", exact=True)
    )
    assert walks.locator("td").first.inner_text() == "1"
    root.get_by_role("button", name="in lockstep").click()
    root.get_by_role("button", name="Next step").first.focus()
    before = step(root)
    page.keyboard.press("ArrowRight")
    expect(root).to_have_attribute("data-step", str(before + 1))


def the_workbench(page: Page) -> None:
    cell = view(page, 2)
    text, root = cell.locator("textarea"), cell.locator(".xe")
    cell.get_by_label("Option", exact=True).select_option("number-bit")
    expect(root).to_contain_text("O2")
    assert 'use = "number-bit"' in text.input_value()
    # By keyboard: the list takes the next option, and text is typed.
    cell.get_by_label("Option", exact=True).focus()
    cells = page.locator(".jp-Cell").count()
    page.keyboard.press("Home")
    expect(root).to_contain_text("O0")
    cell.get_by_role("button", name="Python", exact=True).focus()
    page.keyboard.press("a")
    assert page.locator(".jp-Cell").count() == cells
    text.fill(text.input_value().replace('title = "', 'title = "Typed: '))
    page.keyboard.press("Tab")
    expect(root.locator("h2").first).to_contain_text("Typed: ")
    text.fill(text.input_value().replace('place = "stack"', 'place = "stak"'))
    page.keyboard.press("Control+Enter")
    expect(text).to_be_focused()
    expect(cell.locator("pre[role=status]")).to_contain_text("stak")
    expect(root.locator("h2").first).to_contain_text("Typed: ")  # the last good one stays
    cell.get_by_role("button", name="Undo").click()
    expect(text).to_have_value(re.compile('place = "stack"'))
    expect(cell.locator("pre[role=status]")).to_have_count(0)
    cell.get_by_role("button", name="all options").click()
    expect(cell.locator(".xe-comparison")).to_contain_text("12 options")


def the_recording_browser(page: Page) -> None:
    cell = view(page, 3)
    cell.get_by_label("Hypercall", exact=True).select_option(label="event_channel_op send (1,389)")
    expect(cell).to_contain_text("1,389 of 1,389 calls")
    calls = cell.get_by_role("listbox", name="Recorded calls")
    calls.get_by_role("option").first.click()
    root = cell.locator(".xe")
    expect(root).to_contain_text("Recorded: event_channel_op")
    expect(root).to_contain_text("O0")
    cell.get_by_label("Option", exact=True).select_option("software-tlb")
    expect(root).to_contain_text("O7")
    root.evaluate("view => view.classList.add('the-one-before')")
    calls.focus()
    page.keyboard.press("ArrowDown")
    chosen = calls.get_by_role("option", selected=True)
    expect(chosen).to_have_attribute("data-at", "1")
    page.keyboard.press("Home")
    expect(chosen).to_have_attribute("data-at", "0")
    # A call that is chosen again comes back into sight.
    calls.evaluate("box => { box.scrollTop = box.scrollHeight }")
    expect(chosen).to_have_count(0)
    page.keyboard.press("Home")
    expect(chosen).to_have_attribute("data-at", "0")
    page.keyboard.press("ArrowDown")
    expect(chosen).to_have_attribute("data-at", "1")
    cell.get_by_role("searchbox", name="Search", exact=False).first.fill("dom1 vmalloc")
    expect(cell).to_contain_text("of 1,389 calls")
    calls.evaluate("box => { box.scrollTop = box.scrollHeight }")
    expect(calls.get_by_role("option").last).to_contain_text("event_channel_op send")
    cell.get_by_role("searchbox", name="Search", exact=False).first.fill("")
    chosen.click()
    expect(cell.locator(".the-one-before")).to_have_count(0)
    expect(root).to_contain_text("O7")
    root.get_by_role("button", name="Next step").focus()
    page.keyboard.press("Home")
    expect(root).to_have_attribute("data-step", "0")
    root.get_by_role("button", name="Next step").click()
    expect(root).to_have_attribute("data-step", "1")
    all_of_them = cell.get_by_role("button", name="all options")
    all_of_them.click()
    expect(cell.locator(".xe-comparison")).to_contain_text("12 options")
    cell.get_by_role("button", name="one option").click()
    expect(cell.locator(".xe-comparison")).to_have_count(0)
    cell.get_by_role("button", name="Scenario").click()
    expect(cell.locator("pre[role=status]")).to_contain_text("[[buffer]]")
    cell.get_by_role("searchbox", name="Search", exact=False).first.fill("#2621")
    expect(calls.get_by_role("option")).to_have_count(1)
    calls.get_by_role("option").click()
    expect(root).to_contain_text("Recorded: event_channel_op")


def no_violation_of_wcag(page: Page) -> None:
    """axe-core on the outputs, ipywidgets' own controls included."""
    found = Axe().run(page, context=".jp-OutputArea-child", options=RULES).response
    assert len(found["passes"]) > 10
    assert [(rule["id"], [n["html"] for n in rule["nodes"]]) for rule in found["violations"]] == []


@in_one_theme
def test_a_view_in_a_tab_of_its_own(lab: Lab, browser: Browser) -> None:
    page = lab.page(browser)
    page.evaluate("void window.jupyterapp.commands.execute('launcher:create')")
    page.locator(".jp-LauncherCard:visible", has_text="Xen Workbench").first.click()
    tab = page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab.lm-mod-current", has_text=": view")
    tab.wait_for()
    expect(page.locator(".jp-LinkedOutputView:visible .xe").first).to_be_visible()
    lab.shut_down(page)
    assert lab.kernels() == []


def test_a_notebook_runs_to_its_end(lab: Lab, browser: Browser) -> None:
    """One in each theme; ``python -m browser.lab_all`` runs them all."""
    page = lab.page(browser, width=900)
    light = page.locator("body[data-jp-theme-light=true]").count()
    name = "00_start_here" if light else "04_whose_tlb"
    found = lab.run_all(page, f"{name}.ipynb")
    assert found["errors"] == []
    assert found["ran"] == found["cells"] > 0
    expect(page.locator(".xe").nth(found["views"] - 1)).to_be_attached()
    assert page.locator(".xe").count() >= found["views"] > 0
    assert page.get_by_text("Error displaying widget").count() == 0
    assert page.get_by_text("Loading widget").count() == 0
    lab.shut_down(page)
    assert lab.kernels() == []


LONG = 'print("\\n".join(f"line {n}" for n in range(70)))'
FAR_APART = (WIDGETS[0], LONG, WIDGETS[1], LONG, f"import xenexplore as xe\n{LONG}", WIDGETS[0])


@in_one_theme
def test_no_view_is_blank(lab: Lab, browser: Browser) -> None:
    """JupyterLab skips the cells that are out of sight, and draws into them all the same.

    ``tests/tools/blank_views.py`` does this with a notebook, many times over.
    """
    lab.write("apart.ipynb", *FAR_APART)
    page = lab.page(browser, width=1024, height=768)
    found = lab.run_all(page, "apart.ipynb")
    assert (found["errors"], found["views"]) == ([], 3)
    within(page, SAVE)
    wait_for_views(page, 3)
    scroll_through(page, 60)
    assert missing(page) == []
    # In another window, by its address, while the kernel lives.
    page.context.close()
    page = lab.window(browser, width=1280, height=720)
    page.goto(f"{lab.url}/lab/tree/apart.ipynb?token={TOKEN}&reset")
    page.locator(".jp-NotebookPanel:visible .jp-WindowedPanel-outer").wait_for()
    scroll_through(page, 60)
    wait_for_views(page, 3)
    assert missing(page) == []
    # What is not laid out is missing, though its text is in the document.
    page.evaluate("document.querySelectorAll('.xe-pathbox')[1].style.contentVisibility = 'hidden'")
    assert missing(page) == ["view 2: .is-drawn .xe-box, .xe:not(.is-drawn) .xe-row"]
    # ipywidgets gives up where a model is restored too late: each time the view is asked for again.
    for _ in range(2):
        page.evaluate(LOSE)
        assert page.get_by_text("Error displaying widget").count() == 1
        wait_for_views(page, 3)
        assert page.get_by_text("Error displaying widget").count() == 0
    # With the kernel gone, its view is the picture that was saved.
    lab.shut_down(page)
    page = lab.window(browser)
    page.goto(f"{lab.url}/lab/tree/apart.ipynb?token={TOKEN}&reset")
    pictures = page.locator(".jp-OutputArea-output.jupyter-widgets img")
    expect(pictures).to_have_count(3)
    assert page.locator(".xe").count() == page.get_by_text("Error displaying widget").count() == 0
    lab.shut_down(page)
    # Opened with no kernel, too; one that is started later shows the views.
    page = lab.page(browser)
    within(page, OPEN_WITHOUT_KERNEL, "apart.ipynb")
    pictures = page.locator(".jp-OutputArea-output img")
    expect(pictures).to_have_count(3)
    within(page, START_KERNEL)
    wait_for_views(page, 3)
    lab.shut_down(page)


def test_saved_pictures_have_the_labs_colours(lab: Lab, browser: Browser) -> None:
    page = lab.page(browser)
    within(page, OPEN_WITHOUT_KERNEL, "00_start_here.ipynb")
    light = page.locator("body[data-jp-theme-light=true]").count()
    picture = page.locator(".jp-OutputArea-output img").first
    scheme = picture.evaluate("one => getComputedStyle(one).colorScheme")
    assert scheme == ("light" if light else "dark")
    lab.shut_down(page)


# What ipywidgets leaves where it found no model, in place of the first view.
LOSE = """() => {
  const { content } = window.jupyterapp.shell.currentWidget;
  const node = document.querySelector(".xe").closest(".jp-OutputArea-output");
  const below = (widget) => [...(widget.children?.() ?? [])];
  const find = (widget) => widget.node === node ? widget : below(widget).map(find).find(Boolean);
  for (const view of below(find(content.widgets[0].outputArea))) view.parent = null;
  node.classList.add("jupyter-widgets");
  node.textContent = "Error displaying widget: model not found";
}"""
START_KERNEL = """async () => {
  const { sessionContext } = window.jupyterapp.shell.currentWidget;
  await sessionContext.changeKernel({ name: "python3" });
  await window.jupyterapp.commands.execute("notebook:run-all-cells");
}"""
SLOW = f"""import time
import xenexplore as xe
shown = xe.Stepper(xe.run({SEND}, "giant-map"), step=0)
shown.observe(lambda change: time.sleep(0.15), "position")
shown"""
WATCH = """() => {
  window.stood = [];
  const root = document.querySelector(".xe");
  new MutationObserver(() => stood.push(Number(root.dataset.step)))
    .observe(root, { attributeFilter: ["data-step"] });
}"""
BACKWARD = "stood.filter((step, at) => at && step < stood[at - 1])"


@in_one_theme
def test_steps_run_forward_whatever_the_kernel_is_at(lab: Lab, browser: Browser) -> None:
    """A kernel that takes 150 ms over every step that it is told of."""
    lab.write("slow.ipynb", SLOW, "shown.step")
    page = lab.page(browser)
    assert lab.run_all(page, "slow.ipynb")["errors"] == []
    root = page.locator(".xe")
    root.wait_for()
    page.evaluate(WATCH)

    def from_the_beginning() -> None:
        root.focus()
        page.keyboard.press("Home")
        page.wait_for_timeout(600)  # the kernel tells it back
        page.evaluate("stood.length = 0")

    for every in (33, 60, 120):
        from_the_beginning()
        for _ in range(16):
            page.keyboard.press("ArrowRight")
            page.wait_for_timeout(every)
        page.wait_for_timeout(600)
        assert (page.evaluate(BACKWARD), step(root)) == ([], 16), every
    last = int(root.get_by_role("slider").get_attribute("max") or 0)
    from_the_beginning()
    root.get_by_label("Speed").select_option("20")
    root.get_by_role("button", name="Play").click()
    expect(root).to_have_attribute("data-step", str(last))
    assert page.evaluate(BACKWARD) == []
    from_the_beginning()
    box = root.get_by_role("slider").bounding_box()
    assert box
    x, y = box["x"], box["y"] + box["height"] / 2
    page.mouse.move(x + 7, y)
    page.mouse.down()
    for part in range(1, 21):
        page.mouse.move(x + 7 + (box["width"] - 14) * part / 20, y)
        page.wait_for_timeout(25)
    page.mouse.up()
    page.wait_for_timeout(600)
    assert (page.evaluate(BACKWARD), step(root)) == ([], last)
    # And the kernel knows where the view stands.
    page.evaluate(
        """async () => {
          const panel = window.jupyterapp.shell.currentWidget;
          panel.content.activeCellIndex = 1;
          await window.jupyterapp.commands.execute("notebook:run-cell");
        }"""
    )
    shown = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output")
    expect(shown).to_have_text(str(last))
    lab.shut_down(page)


@in_one_theme
def test_a_copy_is_served_and_what_a_notebook_folds_comes_up(lab: Lab, browser: Browser) -> None:
    assert Path(lab.folder).resolve() != jupyter.NOTEBOOKS
    views_come_up_when_unfolded(lab, browser)
