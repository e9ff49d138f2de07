"""The offline page in a real Firefox: it steps by key, by mouse and by link, and asks nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from browser.firefox import Firefox, firefox

from xenexplore.render.web.page import save_html
from xenexplore.scenario.library.builtin import find_scenario
from xenexplore.scenario.run.runner import run

RIGHT, HOME, END = "\ue014", "\ue011", "\ue010"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Firefox, str]]:
    folder = tmp_path_factory.mktemp("firefox")
    file = folder / "wrong-vcpu.html"
    save_html(run(find_scenario("wrong-vcpu"), "software-tlb"), file)
    with firefox(folder / "home") as browser:
        yield browser, file.as_uri()


def _text(browser: Firefox) -> str:
    return str(browser.evaluate("document.body.innerText"))


def test_a_deep_link_opens_at_its_step(page: tuple[Firefox, str]) -> None:
    browser, url = page
    browser.open(f"{url}#step=32")
    assert "step 32 / 49" in " ".join(_text(browser).split())
    assert "wrong frame" in _text(browser)


def test_keys_step(page: tuple[Firefox, str]) -> None:
    browser, url = page
    browser.open(url)
    browser.press(HOME)
    browser.press(RIGHT)
    browser.press(RIGHT)
    assert "step 2 / 49" in " ".join(_text(browser).split())
    browser.press(END)
    assert "step 49 / 49" in " ".join(_text(browser).split())


def test_the_mouse_steps(page: tuple[Firefox, str]) -> None:
    browser, url = page
    browser.open(f"{url}#step=3")
    where = browser.evaluate(
        "(() => { const b = [...document.querySelectorAll('button')]"
        ".find(b => /next/i.test(b.title + b.ariaLabel));"
        " b.scrollIntoView({block: 'center'}); const r = b.getBoundingClientRect();"
        " return JSON.stringify([r.x + r.width / 2, r.y + r.height / 2]); })()"
    )
    x, y = (int(float(number)) for number in where.strip("[]").split(","))
    browser.click(x, y)
    assert "step 4 / 49" in " ".join(_text(browser).split())


def test_nothing_is_asked_of_the_network_and_nothing_complains(page: tuple[Firefox, str]) -> None:
    browser, url = page
    browser.open(url)
    browser.press(RIGHT)
    assert [r for r in browser.requests if not r.startswith(("file:", "about:", "data:"))] == []
    assert browser.errors == []
