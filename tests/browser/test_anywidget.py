"""The module as JupyterLab calls it: ``render({model, el})``, with a model that records."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from browser import made
from browser.conftest import Open
from playwright.sync_api import Page, expect

from xenexplore.render.web.page import comparison_json, web_module, web_style

# A model like anywidget's, in memory.
MODEL = """
const state = { data: document.getElementById("data").textContent, step: START };
const listeners = new Map();
window.saved = [];
window.listening = () => [...listeners.values()].reduce((sum, set) => sum + set.size, 0);
window.model = {
  get: name => state[name],
  set: (name, value) => {
    state[name] = value;
    (listeners.get(`change:${name}`) || []).forEach(f => f());
  },
  save_changes: () => window.saved.push(state.step),
  on: (name, f) => listeners.set(name, (listeners.get(name) || new Set()).add(f)),
  off: (name, f) => listeners.get(name)?.delete(f),
};
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
    return open_page(page_of(made.stack_send().to_json(), 5, tmp_path))


def test_the_step_goes_both_ways(stepper: Page) -> None:
    root = stepper.locator(".xe")
    expect(root).to_have_attribute("data-step", "5")
    assert stepper.evaluate("saved") == []
    root.focus()
    stepper.keyboard.press("ArrowRight")
    assert stepper.evaluate("model.get('step')") == 6
    stepper.wait_for_function("saved.length > 0")
    assert stepper.evaluate("saved") == [6]
    stepper.evaluate("model.set('step', 12)")
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
    other = made.wrong_vcpu().to_json().decode()
    stepper.evaluate(
        # A step that is still on its way to the kernel is about the run before.
        "data => { document.querySelector('.xe').dispatchEvent("
        "new KeyboardEvent('keydown', { key: 'ArrowRight', bubbles: true }));"
        " model.set('step', 32); model.set('data', data); }",
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


def test_cleaning_up_leaves_nothing(stepper: Page) -> None:
    assert stepper.evaluate("listening()") == 2  # to the data and to the step
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
    page.evaluate("model.set('step', 7)")
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
