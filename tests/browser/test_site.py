from __future__ import annotations

import functools
import json
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser.firefox import firefox
from playwright.sync_api import Browser, Page, expect

from xenexplore.render.web.page import trace_html
from xenexplore.scenario.library.builtin import builtin_text, load_builtin
from xenexplore.scenario.run.runner import compare, run
from xenexplore.scenario.text.links import Link, decode_link, encode_link


class _Quiet(SimpleHTTPRequestHandler):
    """Serves a folder below a path; as plain a server as there is."""

    def log_message(self, *_: Any) -> None:
        pass

    def translate_path(self, path: str) -> str:
        assert path.startswith("/some/where/"), path
        return super().translate_path(path.removeprefix("/some/where"))


@pytest.fixture(scope="module")
def served(site_folder: Path) -> Iterator[tuple[str, ThreadingHTTPServer]]:
    handler = functools.partial(_Quiet, directory=str(site_folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/some/where/", server
    server.shutdown()
    server.server_close()


class Opened:
    """Pages of the site; what a page should not do is kept."""

    def __init__(self, browser: Browser, base: str) -> None:
        self.browser, self.base = browser, base
        self.complaints: list[str] = []

    def page(self, place: str, *, width: int = 1280, **context: Any) -> Page:
        made = self.browser.new_context(viewport={"width": width, "height": 900}, **context)
        page = made.new_page()
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self._judge(request.url))
        page.goto(self.base + place)
        return page

    def _judge(self, url: str) -> None:
        if not url.startswith((self.base, "data:", "blob:")):
            self.complaints.append(f"request: {url}")


@pytest.fixture
def opened(browser: Browser, served: tuple[str, ThreadingHTTPServer]) -> Iterator[Opened]:
    pages = Opened(browser, served[0])
    yield pages
    for context in list(browser.contexts):
        context.close()
    assert pages.complaints == []


PLACES = (
    "index.html",
    "questions/q1.html",
    "designs/software-tlb.html",
    "scenarios.html",
    "catalogue/index.html",
    "catalogue/vcpu_op.html?xen=4.20",
    "catalogue/changes.html",
    "notebooks/00_start_here.html",
    "notebooks/12_at_the_prompt.html",
    "api.html",
    "contributing.html",
    "view.html#s=wrong-vcpu&o=software-tlb&step=32",
    "view.html#s=straddle",
)


# Hundreds of alike sections, rows, items and words of code, for which axe takes minutes: what has
# no kind of element in a kind of element that the rest has not is taken away.
THINNED = """() => {
  const met = new Set(), kept = [];
  const alike = ".pdoc section, .pdoc .classattr, li, tbody tr, pre span";
  const parts = document.querySelectorAll(alike);
  for (const part of [...parts].reverse()) {
    const kinds = [part, ...part.querySelectorAll("*")].map((one) => `
      ${one.parentElement.tagName} ${one.tagName} ${one.className}`);
    const before = met.size;
    for (const kind of kinds) met.add(kind);
    if (met.size > before || kept.some((one) => part.contains(one))) kept.push(part);
    else part.remove();
  }
  return kept.length;
}"""
# Where every colour of the site occurs.
DARK = (
    "api.html",
    "questions/q1.html",
    "notebooks/00_start_here.html",
    "view.html#s=wrong-vcpu&o=software-tlb&step=32",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_and_fit_a_phone(opened: Opened, scheme: str) -> None:
    page = opened.page("index.html", color_scheme=scheme)
    for place in PLACES if scheme == "light" else DARK:
        page.goto("about:blank")
        page.goto(opened.base + place)
        if "#s=" in place:
            page.wait_for_selector("#view .xe")
        assert page.evaluate(THINNED) < 200
        found = Axe().run(page).response["violations"]
        assert [(place, one["id"], one["nodes"][0]["html"][:200]) for one in found] == []
    if scheme == "dark":
        return
    # A phone; and 1280 pixels at 200%, which is a page of 640.
    for width in (390, 640):
        page.set_viewport_size({"width": width, "height": 800})
        for place in PLACES:
            page.goto("about:blank")
            page.goto(opened.base + place)
            if "#s=" in place:
                page.wait_for_selector("#view .xe")
            over = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert (place, width, over) == (place, width, 0)


def test_a_link_leads_to_its_step_and_the_address_follows(opened: Opened) -> None:
    page = opened.page("#s=wrong-vcpu&o=tlb%2C%20subject&step=5")  # the site alone is named
    page.wait_for_selector("#view .xe")
    assert page.url.startswith(opened.base + "view.html#")
    assert page.locator(".xe-count").inner_text().split() == ["step", "5", "/", "49"]
    assert page.locator("[name=option]").input_value() == "tlb, subject"
    page.locator("#view .xe").press("ArrowRight")
    _at(page, "#s=wrong-vcpu&o=tlb%2C%20subject&step=6")
    page.select_option("[name=option]", "phys-twins")
    page.wait_for_selector(".xe-option >> text=O12")
    _at(page, "#s=wrong-vcpu&o=phys-twins")
    page.go_back()
    page.wait_for_selector(".xe-option >> text=O7")
    assert page.locator("[name=option]").input_value() == "tlb, subject"
    _at(page, "#s=wrong-vcpu&o=tlb%2C%20subject&step=6")
    page.select_option("[name=scenario]", "straddle")
    page.wait_for_selector(".xe-comparison")
    assert page.title().startswith("48 bytes at page offset 4080")


def _at(page: Page, fragment: str) -> None:
    """Wait until the address ends so; the page's policy lets no script be awaited."""
    for _ in range(100):
        if page.evaluate("location.hash") == fragment:
            return
        page.wait_for_timeout(20)
    raise AssertionError(page.url)


def test_what_is_copied_and_saved(opened: Opened, tmp_path: Path) -> None:
    page = opened.page(
        "about.html",
    )
    # A clipboard of the test's own: the browser's is the whole machine's.
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard',"
        " { value: { writeText: async (text) => { window.copied = text; } } })"
    )
    page.goto(opened.base + "view.html#s=wrong-vcpu&o=software-tlb")
    page.wait_for_selector("#view .xe")

    def copied(act: str) -> str:
        page.evaluate("document.getElementById('said').textContent = ''")
        page.click(f"[data-do={act}]")
        page.wait_for_selector("#said >> text=copied.")
        found: str = page.evaluate("window.copied")
        return found

    link = copied("link")
    assert link == opened.base + "view.html#s=wrong-vcpu&o=software-tlb&step=32"
    mail = copied("mail")
    assert "O7 software-tlb: wrong bytes" in mail
    assert f"\n{link}\nxenexplore run wrong-vcpu --option software-tlb --step 32\n" in mail
    assert "step 32 of 49: 48 bytes move to guest frame 0x2cb1c: the wrong frame" in mail
    assert max(len(line) for line in mail.splitlines() if "://" not in line) <= 72
    trace = run(load_builtin("wrong-vcpu"), "software-tlb")
    assert copied("svg") == trace.svg()
    for label, shown in (("software-tlb", trace), ("", compare(load_builtin("wrong-vcpu")))):
        page.select_option("[name=option]", label)
        page.wait_for_selector(".xe-comparison" if not label else ".xe-stage")
        page.wait_for_timeout(100)
        with page.expect_download() as saved:
            page.click("[data-do=file]")
        saved.value.save_as(tmp_path / "one.html")
        assert (tmp_path / "one.html").read_text("utf-8") == trace_html(shown)


def test_links_are_packed_alike_by_python_and_the_page(opened: Opened) -> None:
    page = opened.page("view.html")
    links = [
        Link(text=builtin_text("straddle"), option="tlb, \u00e9 %&=#", step=7),
        Link(text='name = "\u2603 \U0001f600"\r\n\ufeff', column="a+b", step=-1),
        Link(scenario="wrong-vcpu", option="'()*!~", step=None),
    ]
    records = [
        {k: getattr(one, k) for k in ("scenario", "text", "option", "column", "step")}
        for one in links
    ]
    both = page.evaluate(
        """async ([records, encoded]) => {
          const { encodeLink, decodeLink } = await import("./assets/links.js");
          const made = await Promise.all(records.map(encodeLink));
          return [made, await Promise.all(encoded.map(decodeLink))];
        }""",
        [records, [encode_link(one) for one in links]],
    )
    assert [decode_link(one) for one in both[0]] == links
    assert both[1] == records
    # What is wrong with a link is said in the same words.
    bad = [
        "#",
        "#s=a&z=b",
        "#s=",
        "#s=%ff",
        "#s=a&step=-1",
        "#z=",
        "#z=a+b",
        "#z=abcde",
        "#s=a&s=b",
    ]
    bad += [encode_link(links[0])[:50], encode_link(Link(text="x" * (5 << 20)))]
    said = page.evaluate(
        """async (links) => {
          const { decodeLink } = await import("./assets/links.js");
          const said = (one) => decodeLink(one).then(() => "", (error) => error.message);
          return Promise.all(links.map(said));
        }""",
        bad,
    )
    for link, words in zip(bad, said, strict=True):
        with pytest.raises(Exception, match="link") as caught:
            decode_link(link)
        assert str(caught.value) == words, json.dumps(link[:60])


def test_a_damaged_link_gets_one_sentence(opened: Opened) -> None:
    page = opened.page("view.html#z=eNrLS8xNVbBVUMo7vFKJCwAe")
    page.wait_for_selector("#said.wrong")
    said = page.locator("#said").inner_text()
    assert said == "link: z: expected a scenario, packed, got a part of one, or a changed one; a mail reader may have truncated it: copy the whole link again"  # fmt: skip # noqa: E501
    for place, words in (
        ("#s=nowhere", "this site has no scenario 'nowhere'"),
        ("#s=straddle&o=nothing", "straddle has no design 'nothing': it has linear-walk"),
        (encode_link(Link(text=builtin_text("straddle"))), "made without the part that runs it"),
    ):
        page.goto(opened.base + "view.html" + place)
        page.wait_for_selector(f"#said.wrong >> text={words}")
    assert page.locator("#source").input_value() == builtin_text("straddle")


def test_search_finds_sub_ops(opened: Opened) -> None:
    page = opened.page("catalogue/index.html")
    page.fill("#search", "evtchn send")
    assert "evtchn_op" not in page.locator(".listed tbody tr:visible").first.inner_text()
    assert page.locator("#count").inner_text() == "1 entry"
    page.fill("#search", "XENMEM_maximum_gpfn")
    assert page.locator("#count").inner_text() == "1 entry"


def test_one_release_of_xen_is_chosen(opened: Opened) -> None:
    page = opened.page("catalogue/index.html")
    page.select_option("#xen", "4.22")
    page.fill("#search", "XENPF_getidletime")
    page.wait_for_url("**/index.html?xen=4.22#q=XENPF_getidletime")
    page.click(".listed tbody tr:visible a")
    page.wait_for_selector("#getidletime")
    assert page.locator("#xen").input_value() == "4.22"
    assert page.locator("#getidletime div[data-xen]:visible").count() == 1
    every = page.locator("#getidletime div[data-xen]").count()
    page.select_option("#xen", "")
    assert page.locator("#getidletime div[data-xen]:visible").count() == every == 2


def test_a_notebooks_views_are_alive(opened: Opened) -> None:
    page = opened.page("notebooks/00_start_here.html")
    view = page.locator(".live .xe").first
    view.scroll_into_view_if_needed()
    expect(view).to_have_attribute("data-step", "15")
    view.focus()
    page.keyboard.press("ArrowLeft")
    expect(view).to_have_attribute("data-step", "14")
    view.get_by_role("button", name="Copy link").click()
    expect(view.locator(".xe-share output")).to_have_text("Copied.")
    assert page.locator(".live").first.locator("> pre").count() == 0
    page.locator('[data-view="1"]').scroll_into_view_if_needed()
    page.wait_for_selector('[data-view="1"] .xe-comparison')
    with page.expect_download() as saved:
        page.locator('[data-view="1"]').get_by_role("button", name="Save SVG").click()
    labels = ["linear-walk", "giant-map", "software-tlb", "number-bit", "bounce", "fastabi"]
    shown = compare(load_builtin("evtchn-send-from-stack"), labels)
    assert Path(saved.value.path()).read_text("utf-8") == shown.svg()
    assert page.locator(".live > img").count() == 0


def test_the_keyboard_reaches_the_content_first(opened: Opened) -> None:
    page = opened.page("questions/q1.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("Boolean(document.activeElement.closest('main'))")


def test_firefox_shows_the_site(site_folder: Path, tmp_path: Path) -> None:
    handler = functools.partial(_Quiet, directory=str(site_folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/some/where/"
    places = {
        "index.html": "nothing to install",
        "view.html#s=wrong-vcpu&o=software-tlb&step=32": "step 32 / 49",
        "notebooks/00_start_here.html": "step 15 / 16",
        "catalogue/vcpu_op.html?xen=4.20": "register_runstate_phys_area",
    }
    with firefox(tmp_path / "home") as browser:
        for place, words in places.items():
            browser.open("about:blank")
            browser.open(base + place)
            for _ in range(100):
                text = " ".join(str(browser.evaluate("document.body.innerText")).split())
                if words in text:
                    break
                time.sleep(0.05)
            assert words in text, (place, text[:300])
        elsewhere = [one for one in browser.requests if not one.startswith((base, "about:"))]
        assert [one for one in elsewhere if not one.startswith(("data:", "blob:"))] == []
        assert browser.errors == []
    server.shutdown()
    server.server_close()


def test_paper_has_the_page_without_its_controls(opened: Opened) -> None:
    page = opened.page("questions/q1.html")
    page.emulate_media(media="print")
    assert not page.locator("nav").is_visible()
    assert page.locator("table.verdicts").is_visible()


def _kept(page: Page) -> None:
    """Wait until the browser keeps the site."""
    for _ in range(300):
        if page.evaluate(
            "navigator.serviceWorker.getRegistration().then((r) => Boolean(r && r.active))"
        ):
            return
        page.wait_for_timeout(50)
    raise AssertionError("the service worker does not come up")


def test_the_second_visit_needs_no_server(browser: Browser, site_folder: Path) -> None:
    handler = functools.partial(_Quiet, directory=str(site_folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    base = f"http://127.0.0.1:{server.server_port}/some/where/"
    page = browser.new_context().new_page()
    page.goto(base)
    _kept(page)
    server.shutdown()
    server.server_close()
    for place, words in (
        ("", "How Xen finds hypercall buffers"),
        ("designs/", "Proposed by"),
        ("view.html#s=wrong-vcpu&o=software-tlb&step=32", "the wrong frame"),
    ):
        page.goto(base + place)
        page.wait_for_selector(f"text={words}")
    page.context.close()
