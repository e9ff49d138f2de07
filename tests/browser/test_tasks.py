"""Five tasks of readers, each in as few actions as a view promises; a key or a click is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from browser import made
from browser.conftest import Open
from playwright.sync_api import Locator, Page, expect

from xenexplore.render.text.run.trace import trace_text
from xenexplore.render.web.page import save_html


class Reader:
    """Somebody in front of a page, who counts what they have to do."""

    def __init__(self, page: Page) -> None:
        self.page, self.actions = page, 0

    def press(self, key: str) -> None:
        self.page.keyboard.press(key)
        self.actions += 1

    def type(self, text: str) -> None:
        self.page.keyboard.type(text)
        self.actions += 1

    def click(self, what: Locator) -> None:
        what.click()
        self.actions += 1


@pytest.fixture
def read(open_page: Open, tmp_path: Path) -> Callable[[object, int | None], Reader]:
    def opened(shown: object, step: int | None = None) -> Reader:
        save_html(shown, tmp_path / "page.html")  # type: ignore[arg-type]
        return Reader(open_page(tmp_path / "page.html", step=step))

    return opened


def test_find_the_frame_that_holds_the_buffer(read: Callable[..., Reader]) -> None:
    """A newcomer, from the first step of a run."""
    reader = read(made.stack_send(), 0)
    reader.press("End")  # the call has returned
    reader.press("ArrowLeft")  # its last step before
    frame = reader.page.locator(".xe-box.is-guest_frame:not(.is-ahead)")
    expect(frame).to_contain_text("06bf7")
    assert reader.actions <= 3


def test_see_why_one_registration_over_the_directmap_misses(read: Callable[..., Reader]) -> None:
    reader = read(made.stack_send(), 0)
    reader.press("/")
    reader.type("miss")
    expect(reader.page.locator(".xe-worth")).to_contain_text("registered, the address is not")
    assert reader.actions <= 2


def test_who_is_right_who_is_cheapest_what_is_lost(read: Callable[..., Reader]) -> None:
    """A reviewer, who has opened a comparison and has done nothing yet."""
    reader = read(made.options())
    said = reader.page.locator(".xe-verdict")
    for word in ("Right: all", "the fewest table entries", "reads 28"):
        expect(said).to_contain_text(word)
    expect(said).to_be_in_viewport()
    assert reader.actions == 0


def test_which_steps_make_a_count(read: Callable[..., Reader]) -> None:
    reader = read(made.options())
    counts = reader.page.locator(".xe-crow", has_text="P2M lookups")
    reader.click(counts.locator(".xe-num").first)
    steps = reader.page.locator(".xe-why td button")
    expect(steps).to_have_count(made.options().rows[0].trace.outcome.calls.p2m_lookups)
    reader.click(steps.nth(2))
    expect(reader.page.locator(".xe-detail .xe-say")).to_contain_text("P2M")
    assert reader.actions <= 2


def test_answer_a_mail_with_the_run_as_text(read: Callable[..., Reader]) -> None:
    reader = read(made.wrong_vcpu())
    reader.page.evaluate(
        "navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve() }"
    )
    reader.click(reader.page.get_by_role("button", name="Copy mail text"))
    expect(reader.page.locator(".xe-share output")).to_have_text("Copied.")
    assert reader.page.evaluate("window.copied") == trace_text(made.wrong_vcpu())
    assert reader.actions == 1
