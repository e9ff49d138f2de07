from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

CHROMIUM = os.environ.get("XENEXPLORE_CHROMIUM", "")
# ms; a busy machine has taken over 30 s for what takes one.
PATIENCE = 90_000
# Playwright puts no limit on a script, and a page's promises may never be kept.
WITHIN = """async ([given, limit]) => {
  let timer;
  const late = new Promise((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no answer in ${limit} ms`)), limit);
  });
  try { return await Promise.race([(SCRIPT)(given), late]); } finally { clearTimeout(timer); }
}"""
# Where a page is not drawn at all, no frame ever comes: a second does then.
DRAWN = """() => Promise.race([
  new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))),
  new Promise(done => setTimeout(done, 1000)),
])"""
PLACES = ("/usr/lib/chromium/chromium", "/usr/bin/chromium", "/usr/bin/chromium-browser")


def found_chromium() -> str:
    """Where Chromium is: ``XENEXPLORE_CHROMIUM``, or its usual places; ``""``: nowhere."""
    return CHROMIUM or next((place for place in PLACES if Path(place).exists()), "")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A headless Chromium, until the block ends: the tests' own, and that of tools run by hand."""
    found = found_chromium()
    assert found, "these tests drive Chromium: apt-get install chromium, or XENEXPLORE_CHROMIUM=…"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found)
        yield running
        running.close()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


def within(page: Page, script: str, given: object = None, *, limit: int = PATIENCE) -> Any:
    """What an asynchronous function of the page comes to, within so many milliseconds.

    Raises:
        Error: it took longer, or failed.
    """
    return page.evaluate(WITHIN.replace("SCRIPT", script), [given, limit])


def drawn(page: Page) -> None:
    """Wait for a frame: of the steps within one, a stepper draws the last."""
    page.evaluate(DRAWN)


Told = TypeVar("Told")


def told_by(process: subprocess.Popen[bytes], log: Path, ask: Callable[[], Told | None]) -> Told:
    """What a program that was just started has to tell, asked for until it does, for two minutes.

    Raises:
        AssertionError: it ended, or does not tell; with the end of its log.
    """
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if (told := ask()) is not None:
            return told
        time.sleep(0.05)
    raise AssertionError(log.read_text("utf-8", "replace")[-2000:])


Open = Callable[..., Page]


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Open]:
    """Open a file with the network cut; any console message or request outside fails the test."""
    contexts = []
    complaints: list[str] = []

    def open_file(
        file: Path, *, step: int | None = None, width: int = 1200, scheme: str = "light",
        scripts: bool = True, motion: str = "no-preference",
    ) -> Page:  # fmt: skip
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme,
            java_script_enabled=scripts, offline=True, reduced_motion=motion,
        )  # fmt: skip
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.on("console", lambda message: complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
        page.on("request", lambda request: _judge(request.url, complaints))
        page.goto(f"file://{file}" + ("" if step is None else f"#step={step}"))
        return page

    yield open_file
    for context in contexts:
        context.close()
    assert complaints == []


def linked_to(page: Page, step: str) -> None:
    """Wait until the page's address names a step; the page's policy lets no script be awaited."""
    for _ in range(100):
        if page.evaluate("location.hash") == f"#step={step}":
            return
        page.wait_for_timeout(20)
    raise AssertionError(page.evaluate("location.href"))


def _judge(url: str, complaints: list[str]) -> None:
    if not url.startswith(("file://", "data:")):
        complaints.append(f"request: {url}")
