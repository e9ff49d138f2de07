"""The module as JupyterLab calls it: ``render({model, el})``, with a model that records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from browser import made
from browser.conftest import Open, drawn, within
from playwright.sync_api import Page, expect

from xenexplore.render.web.page import comparison_json, web_module, web_style
from xenexplore.render.web.view_data import trace_view_json

# A model like anywidget's, in memory.
MODEL = """
const state = {
  data: document.getElementById("data").textContent,
  position: { turn: 1, step: START, by: "", seq: 0 },
};
const listeners = new Map();
window.saved = [];
window.listening = () => [...listeners.values()].reduce((sum, set) => sum + set.size, 0);
window.listenersOf = name => [...(listeners.get(name) ?? [])];
window.model = {
  get: name => state[name],
  set: (name, value) => {
    state[name] = value;
    (listeners.get(`change:${name}`) || []).forEach(f => f());
  },
  save_changes: () => { window.saved.push(state.position.step); window.told?.(state.position); },
  on: (name, f) => listeners.set(name, (listeners.get(name) || new Set()).add(f)),
  off: (name, f) => listeners.get(name)?.delete(f),
};
// The kernel: a step that it sets, and what comes back of what it was told.
window.kernel = step => window.model.set(
  "position", { turn: state.position.turn + 1, step, by: "", seq: 0 });
window.view = view;
window.cleanup = view.render({ model: window.model, el: document.getElementById("here") });
"""


def page_of(data: bytes, start: int, folder: Path) -> Path:
    module = web_module().replace("export default {", "const view = {")
    escaped = data.decode().replace("<", "\\u003c")
    file = folder / "notebook.html"
    file.write_text(
        "<!DOCTYPE html><html lang=en><meta charset=utf-8><title>cell</title>"
        f"<style>{web_style()}</style><body data-jp-theme-light=false>"
        f'<div id=here></div><script type="application/json" id=data>{escaped}</script>'
        f"<script type=module>{module}{MODEL.replace('START', str(start))}</script></body></html>",
        encoding="utf-8",
    )
    return file


@pytest.fixture
def stepper(open_page: Open, tmp_path: Path) -> Page:
    return open_page(page_of(trace_view_json(made.stack_send()), 5, tmp_path))


def test_the_step_goes_both_ways(stepper: Page) -> None:
    root = stepper.locator(".xe")
    expect(root).to_have_attribute("data-step", "5")
    assert stepper.evaluate("saved") == []
    root.focus()
    stepper.keyboard.press("ArrowRight")
    assert stepper.evaluate("model.get('position').step") == 6
    stepper.wait_for_function("saved.length > 0")
    assert stepper.evaluate("saved") == [6]
    stepper.evaluate("kernel(12)")
    expect(root).to_have_attribute("data-step", "12")
    stepper.wait_for_timeout(120)
    assert stepper.evaluate("saved") == [6]  # what came from the kernel is not sent back


def test_many_steps_are_few_messages(stepper: Page) -> None:
    stepper.evaluate(
        "for (let i = 0; i < 15; i++) document.querySelector('.xe').dispatchEvent("
        "new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }))"
    )
    stepper.wait_for_function("saved.length > 0")
    stepper.wait_for_timeout(120)
    assert stepper.evaluate("saved") == [20]


def test_another_run_takes_the_place_of_the_first(stepper: Page) -> None:
    other = trace_view_json(made.wrong_vcpu()).decode()
    stepper.evaluate(
        # A step that is still on its way to the kernel is about the run before.
        "data => { document.querySelector('.xe').dispatchEvent("
        "new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));"
        " kernel(32); model.set('data', data); }",
        other,
    )
    root = stepper.locator(".xe")
    expect(root).to_have_count(1)
    expect(root).to_have_attribute("data-step", "32")
    expect(root).to_contain_text("Xen writes vCPU 1's runstate area")
    stepper.wait_for_timeout(120)
    assert stepper.evaluate("saved") == []
    root.focus()
    stepper.keyboard.press("Home")
    stepper.wait_for_function("saved.length > 0")
    assert stepper.evaluate("saved") == [0]


# A kernel that answers what a view asks of it, and a clipboard of the test's own.
GIVEN = """answers => {
  window.asked = [];
  window.model.send = ({ share }) => {
    window.asked.push(share);
    const svg = "<svg xmlns='http://www.w3.org/2000/svg' width='4' height='2'/>";
    const told = answers[share] ?? { text: "as text", svg };
    listenersOf("msg:custom").forEach(f => f({ share: told }));
  };
  Object.defineProperty(navigator, "clipboard", { value: {
    writeText: async text => { window.copied = text; },
    write: async ([item]) => { window.copied = (await item.getType("image/png")).type; },
  } });
}"""


def test_what_a_view_gives_away_comes_from_the_kernel(stepper: Page) -> None:
    stepper.evaluate(GIVEN, {"link": {"refused": "link: no site"}, "html": {"html": "<p>one</p>"}})
    said = stepper.locator(".xe-share output")
    for kind, words in (("link", "link: no site"), ("mail text", "Copied."), ("PNG", "Copied.")):
        stepper.get_by_role("button", name=f"Copy {kind}").click()
        expect(said).to_have_text(words)
    assert stepper.evaluate("[copied, ...asked]") == ["image/png", "link", "text", "svg"]
    stepper.evaluate("model.send = () => listenersOf('msg:custom').forEach("
                     "f => f({ share: { link: 'https://example.org/#s=a' } }))")  # fmt: skip
    stepper.get_by_role("button", name="Copy link").click()
    stepper.wait_for_function("copied === 'https://example.org/#s=a'")
    stepper.evaluate("model.send = () => listenersOf('msg:custom').forEach("
                     "f => f({ share: { html: '<p>one</p>' } }))")  # fmt: skip
    with stepper.expect_download() as saved:
        stepper.get_by_role("button", name="Save one-file HTML").click()
    assert Path(saved.value.path()).read_text("utf-8") == "<p>one</p>"


# Every view sees each step that it stands at; what it tells the kernel comes back late.
WATCH = """late => {
  window.stood = [];
  const root = document.querySelector(".xe");
  new MutationObserver(() => stood.push(Number(root.dataset.step)))
    .observe(root, { attributeFilter: ["data-step"] });
  window.told = position => setTimeout(() => model.set("position", { ...position }), late);
}"""


def backward(page: Page) -> int:
    return int(page.evaluate("stood.filter((step, k) => k && step < stood[k - 1]).length"))


@pytest.mark.parametrize("late", [5, 90, 400])
@pytest.mark.parametrize("every", [33, 60, 120])
def test_steps_by_key_never_run_backwards(stepper: Page, every: int, late: int) -> None:
    """Each step that was told comes back as it was, when the view has long gone on."""
    stepper.evaluate("kernel(0)")
    stepper.evaluate(WATCH, late)
    stepper.evaluate(
        """every => new Promise(done => {
          let left = 20;
          const press = () => {
            document.querySelector(".xe").dispatchEvent(
              new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
            if (!(left -= 1)) { clearInterval(timer); done(); }
          };
          const timer = setInterval(press, every);
        })""",
        every,
    )
    stepper.wait_for_timeout(late + 400)
    assert stepper.evaluate("stood.at(-1)") == 20
    assert backward(stepper) == 0
    assert stepper.evaluate("model.get('position').step") == stepper.evaluate("saved.at(-1)") == 20


def test_play_and_the_slider_never_run_backwards(stepper: Page) -> None:
    stepper.evaluate("kernel(0)")
    stepper.evaluate(WATCH, 90)
    stepper.get_by_label("Speed").select_option("20")
    stepper.get_by_role("button", name="Play").click()
    expect(stepper.locator(".xe")).to_have_attribute("data-step", "20", timeout=20_000)
    assert backward(stepper) == 0
    stepper.evaluate("kernel(0)")
    stepper.evaluate("stood.length = 0")
    stepper.evaluate(
        """() => new Promise(done => {
          const slider = document.querySelector(".xe input[type=range]");
          let at = 0;
          const drag = () => {
            slider.value = at += 1;
            slider.dispatchEvent(new Event("input", { bubbles: true }));
            if (at === 20) { clearInterval(timer); done(); }
          };
          const timer = setInterval(drag, 25);
        })"""
    )
    stepper.wait_for_timeout(250)
    assert backward(stepper) == 0
    expect(stepper.locator(".xe")).to_have_attribute("data-step", "20")


def test_the_kernels_word_is_obeyed_while_steps_come_back(stepper: Page) -> None:
    stepper.evaluate(WATCH, 90)
    root = stepper.locator(".xe")
    root.focus()
    stepper.keyboard.press("ArrowRight")
    stepper.wait_for_function("saved.length > 0")
    stepper.evaluate("kernel(2)")
    expect(root).to_have_attribute("data-step", "2")
    stepper.wait_for_timeout(200)  # the step of before comes back
    expect(root).to_have_attribute("data-step", "2")
    assert stepper.evaluate("model.get('position').step") == 2
    # Another view of the same run is followed, in the order in which it went.
    stepper.evaluate(
        "model.set('position', { ...model.get('position'), step: 9, by: 'x', seq: 2 })"
    )
    expect(root).to_have_attribute("data-step", "9")
    stepper.evaluate(
        "model.set('position', { ...model.get('position'), step: 8, by: 'x', seq: 1 })"
    )
    stepper.wait_for_timeout(50)
    expect(root).to_have_attribute("data-step", "9")


# What another run's view is like at once, and how often its parts are drawn again after that.
TAKES = """async data => {
  const parts = [".xe-mapbox", ".xe-line"].map(name => () => document.querySelector(name));
  const sizes = () => parts.map(part => part().firstElementChild.getAttribute("width"));
  const before = sizes();
  model.set("data", data);
  const once = sizes();
  let again = 0;
  const watch = new MutationObserver(() => { again += 1; });
  for (const part of parts) watch.observe(part(), { childList: true });
  await new Promise(done => setTimeout(done, 300));
  return { before, once, after: sizes(), again };
}"""


def test_a_run_in_the_place_of_another_is_drawn_once_to_its_sizes(stepper: Page) -> None:
    drawn(stepper)
    found = within(stepper, TAKES, trace_view_json(made.wrong_vcpu()).decode())
    assert found["before"] == found["once"] == found["after"]
    assert None not in found["once"]
    assert found["again"] == 0
    # In a window of another size it is fitted as the first one is.
    stepper.set_viewport_size({"width": 700, "height": 900})
    drawn(stepper)
    narrow = within(stepper, TAKES, trace_view_json(made.stack_send()).decode())
    assert narrow["before"] == narrow["once"] == narrow["after"] != found["after"]


def test_cleaning_up_leaves_nothing(stepper: Page) -> None:
    assert stepper.evaluate("listening()") == 5  # data, position, what is picked, busy, play
    stepper.evaluate("cleanup()")
    assert stepper.locator(".xe").count() == 0
    assert stepper.evaluate("listening()") == 0


def test_the_lab_keeps_its_shortcuts_to_itself(stepper: Page) -> None:
    assert stepper.locator(".xe").get_attribute("data-lm-suppress-shortcuts") == "true"
    stepper.evaluate(
        "window.heard = []; document.addEventListener('keydown', e => heard.push(e.key))"
    )
    stepper.locator(".xe").focus()
    for key in ("j", "ArrowRight", "Enter", "Home"):
        stepper.keyboard.press(key)
    assert stepper.evaluate("heard") == []


def test_the_theme_is_the_labs(stepper: Page) -> None:
    scheme = stepper.locator(".xe").evaluate("el => getComputedStyle(el).colorScheme")
    assert scheme == "dark"
    stepper.evaluate("document.body.style.setProperty('--jp-layout-color0', 'rgb(1, 2, 3)')")
    paper = stepper.locator(".xe").evaluate("el => getComputedStyle(el).backgroundColor")
    assert paper == "rgb(1, 2, 3)"


def test_a_comparison_is_told_by_its_data(open_page: Open, tmp_path: Path) -> None:
    data = comparison_json(made.options())
    assert len(json.loads(data)["traces"]) == 8
    page = open_page(page_of(data, 3, tmp_path))
    root = page.locator(".xe-comparison")
    expect(root).to_have_attribute("data-step", "3")
    page.evaluate("kernel(7)")
    expect(root).to_have_attribute("data-step", "7")
    page.evaluate("cleanup()")
    assert page.locator(".xe").count() == 0


def test_many_mounts_leave_no_nodes(stepper: Page) -> None:
    counts = stepper.evaluate(
        """() => {
          const here = document.getElementById("here");
          const count = () => document.querySelectorAll("*").length;
          cleanup();
          const before = count();
          for (let i = 0; i < 100; i++) view.render({ model, el: here })();
          return [before, count(), listening()];
        }"""
    )
    assert counts[1:] == [counts[0], 0]
