"""axe-core's WCAG 2.2 A and AA rules on the offline pages: no violation."""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import made
from browser.conftest import Open
from playwright.sync_api import Page

from xenexplore.render.web.page import save_html

RULES = {
    "runOnly": {
        "type": "tag",
        "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa"],
    },
    "rules": {"target-size": {"enabled": True}},  # of 2.2, and off by itself
}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("axe")
    shown = {"stack": made.stack_send(), "wrong": made.wrong_vcpu(), "options": made.options()}
    for name, trace in shown.items():
        save_html(trace, folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in shown}


def violations(page: Page) -> list[str]:
    found = Axe().run(page, options=RULES).response
    assert len(found["passes"]) > 10, "axe ran on next to nothing"
    return [
        f"{rule['id']}: {node['html'][:160]} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("name", "step", "width"), [("stack", 16, 1200), ("wrong", 32, 600), ("options", 14, 1200)]
)
def test_no_violation(
    open_page: Open, files: dict[str, Path], name: str, step: int, width: int, scheme: str
) -> None:
    page = open_page(files[name], step=step, width=width, scheme=scheme)
    if name == "stack":
        page.locator(".xe").focus()
        page.keyboard.press("Enter")  # an entry bit by bit
        page.locator(".xe-about summary").click()
    assert violations(page) == []


def test_axe_would_notice(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"])
    page.evaluate("document.querySelector('input[type=range]').removeAttribute('aria-label')")
    assert any(found.startswith("label") for found in violations(page))


def test_everything_can_be_reached_by_tab(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=16)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "(() => { const e = document.activeElement;"
                " return e.getAttribute('aria-label') || e.className || e.textContent; })()"
            )
        )
        if reached[-1] == reached[0] and len(reached) > 1:
            break
    text = " | ".join(map(str, reached))
    for wanted in ("Stepper:", "PVH", "space", "xe-row", "Play", "Step", "Address spaces"):
        assert wanted in text, text
