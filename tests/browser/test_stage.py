"""One stage: a step fits the window; terms are explained, steps are found, views given away."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from browser import made
from browser.conftest import Open
from playwright.sync_api import expect

from xenexplore.render.svg.views import svg_of
from xenexplore.render.views.comparison import verdict_of
from xenexplore.render.views.glossary import TOUR
from xenexplore.render.views.step_places import place_of
from xenexplore.render.web.page import save_html
from xenexplore.steps import PteRead, TlbLookup


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("stage") / "wrong.html"
    save_html(made.wrong_vcpu(), written)
    return written


# Parts of a step that have no box in the window, with the window's own height.
OUT = """names => names.filter(name => {
  const box = document.querySelector(name)?.getBoundingClientRect();
  return !box || box.height < 8 || box.top < 0 || box.bottom > innerHeight + 1
    || box.left < 0 || box.right > innerWidth + 1;
})"""
PARTS = [
    ".xe-head", ".xe-controls", ".xe-say", ".xe-mapsvg",
    ".xe.is-drawn .xe-box.is-now, .xe:not(.is-drawn) .xe-rowitem.is-now", ".xe-sofar",
    ".xe-about",
]  # fmt: skip


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (1024, 768), (880, 600), (1440, 900)])
def test_every_step_is_in_the_window(open_page: Open, file: Path, width: int, height: int) -> None:
    page = open_page(file, step=0)
    page.set_viewport_size({"width": width, "height": height})
    page.wait_for_timeout(80)
    tall = []
    for step in (0, 12, 32, 49):
        page.get_by_role("slider").fill(str(step))
        assert page.evaluate(OUT, PARTS) == [], step
        tall.append(page.locator(".xe-stage").bounding_box()["height"])  # type: ignore[index]
    assert len(set(tall)) == 1  # nothing moves as one steps
    assert page.locator(".xe").bounding_box()["height"] <= 600  # type: ignore[index]


def test_on_a_phone_nothing_is_clipped_and_buttons_are_large(open_page: Open, file: Path) -> None:
    page = open_page(file, step=32, width=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    sizes = page.locator(".xe-controls button").evaluate_all(
        "all => all.map(b => [b.offsetWidth, b.offsetHeight])"
    )
    assert sizes
    assert min(side for size in sizes for side in size) >= 44
    # What one reads in a row does not lie over what stands beside it.
    over = page.locator(".xe-row").evaluate_all(
        """rows => rows.filter(row => {
          const [a, b] = [".xe-label", ".xe-side"].map(
            name => row.querySelector(name).getBoundingClientRect());
          return a.right > b.left && a.bottom > b.top && b.bottom > a.top && b.width > 0;
        }).length"""
    )
    assert over == 0


def test_the_path_is_drawn_and_bits_that_belong_together_are_lit(
    open_page: Open, tmp_path: Path
) -> None:
    trace = made.straddling()
    save_html(trace, tmp_path / "straddle.html")
    reads = [n for n in trace.steps if isinstance(n.step, PteRead)]
    page = open_page(tmp_path / "straddle.html", step=reads[-2].index)
    l2 = reads[-2].step
    assert isinstance(l2, PteRead)
    now = page.locator(".xe-box.is-now")
    expect(now.locator(".xe-boxname")).to_have_text(f"L2 [{l2.index}]")
    ranges = page.locator(".xe-bitrange").all_text_contents()
    assert ranges == ["63:48", "47:39", "38:30", "29:21", "20:12", "11:0"]
    expect(page.locator(".xe-box.is-ahead .xe-boxname")).to_have_text(
        [re.compile("L1"), "frame", "P2M"]
    )
    now.focus()
    lit = page.locator(".xe-pathsvg .is-lit")
    expect(lit.filter(has_text="29:21")).to_have_count(1)  # the bits of the address ...
    digits = page.locator(".xe-box", has_text="L3 [").locator("tspan.is-lit").all_text_contents()
    assert int("".join(digits), 16) == l2.table.value >> 12  # ... and of the entry before
    expect(page.get_by_role("tooltip")).to_contain_text("47:39 in L4")
    page.keyboard.press("r")
    expect(page.locator(".xe-rowitem.is-now")).to_be_visible()
    expect(page.locator(".xe-drawn")).to_be_hidden()


def test_bytes_that_go_astray_have_a_branch_to_where_they_were_meant(
    open_page: Open, file: Path
) -> None:
    page = open_page(file, step=31)
    meant, wrong = page.locator(".xe-box.is-meant"), page.locator(".xe-box", has_text="WRONG")
    expect(meant).to_be_hidden()  # before the bytes move, nobody knows
    expect(wrong.locator(".xe-verdictline").first).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(meant).to_contain_text("gfn 1e831")
    expect(wrong).to_contain_text("gfn 2cb1c")
    expect(page.locator(".xe-go.is-meant path").first).to_be_visible()


def test_every_term_is_explained_by_pointer_and_by_key(open_page: Open, file: Path) -> None:
    page = open_page(file, step=32)
    tip = page.get_by_role("tooltip")
    page.locator('.xe-sofar th[data-term="count:p2m_entry_reads"]').hover()
    expect(tip).to_contain_text("Entries of P2M tables")
    page.keyboard.press("Escape")
    expect(tip).to_be_hidden()
    page.mouse.move(2, 2)
    page.locator(".xe-zoom button").last.focus()
    for _ in range(3):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.matches('.xe-row')"):
            break
    expect(tip).to_contain_text("Bytes move.")
    bare = page.evaluate(
        "[...document.querySelectorAll('.xe-label, .xe-sofar th[scope=row], .xe-status')]"
        ".filter(e => !e.dataset.term).map(e => e.textContent)"
    )
    assert bare == []


def test_the_legend_has_keys_terms_and_sources(open_page: Open, file: Path) -> None:
    page = open_page(file, step=32)
    page.keyboard.press("?")
    legend = page.get_by_role("dialog", name="Legend")
    expect(legend).to_be_focused()
    for text in ("Keys", "whole tab", "Registered", "hvm_copy", "P2M entry reads"):
        expect(legend).to_contain_text(text, ignore_case=True)
    assert legend.locator("a[href*='RELEASE-4.17']").count() > 3
    page.keyboard.press("Escape")
    expect(legend).to_be_hidden()
    page.keyboard.press("ArrowRight")
    expect(page.locator(".xe")).to_have_attribute("data-step", "33")


def test_the_tour_has_six_stops_and_can_be_left(open_page: Open, file: Path) -> None:
    page = open_page(file, step=32)
    tour = page.get_by_role("dialog", name="Tour")
    page.keyboard.press("?")
    page.get_by_role("button", name="Take the tour: six stops").click()
    for at, (part, name, text) in enumerate(TOUR):
        expect(tour).to_contain_text(f"{name} {at + 1} of {len(TOUR)}")
        expect(tour).to_contain_text(text)
        expect(page.locator(part)).to_have_class(re.compile("is-toured"))
        box, whole = tour.bounding_box(), page.locator(".xe").bounding_box()
        assert box is not None
        assert whole is not None
        assert box["x"] >= 0
        assert box["y"] + box["height"] <= whole["y"] + whole["height"] + 1
        tour.get_by_role("button", name="Done" if at == len(TOUR) - 1 else "Next").click()
    expect(tour).to_be_hidden()
    page.locator(".xe").focus()
    page.keyboard.press("t")
    expect(tour).to_be_visible()
    page.keyboard.press("Escape")
    expect(tour).to_be_hidden()
    assert page.locator(".is-toured").count() == 0
    assert page.locator(".xe").get_attribute("data-step") == "32"


def test_no_text_of_a_view_is_smaller_than_12_px(open_page: Open, file: Path) -> None:
    page = open_page(file, step=32)
    page.keyboard.press("r")
    small = page.evaluate(
        """() => [...document.querySelectorAll(".xe *")].filter(element =>
          [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim())
          && element.getClientRects().length && parseFloat(getComputedStyle(element).fontSize) < 12
        ).map(element => `${element.getAttribute("class")}: ${element.textContent}`)"""
    )
    assert small == []


def test_a_citation_is_a_link(open_page: Open, file: Path) -> None:
    link = open_page(file, step=32).locator(".xe-cite a")
    ends = re.compile(r"f=xen/arch/x86/hvm/hvm\.c;hb=RELEASE-4\.17\.0$")
    expect(link).to_have_attribute("href", ends)


def test_steps_are_found_by_word_and_by_address(open_page: Open, file: Path) -> None:
    page = open_page(file, step=0)
    lookups = [
        n.index
        for n in made.wrong_vcpu().steps
        if isinstance(n.step, TlbLookup) and n.step.asked == 0
    ]
    root = page.locator(".xe")
    page.keyboard.press("/")
    page.keyboard.type("tlb v0")
    expect(root).to_have_attribute("data-step", str(lookups[0]))
    expect(page.locator(".xe-find output")).to_have_text(f"1/{len(lookups)}")
    page.keyboard.press("Enter")
    expect(root).to_have_attribute("data-step", str(lookups[1]))
    page.keyboard.press("Escape")
    page.keyboard.press("n")
    expect(root).to_have_attribute("data-step", str(lookups[0]))
    page.keyboard.press("N")
    expect(root).to_have_attribute("data-step", str(lookups[-1]))
    page.get_by_role("searchbox").fill("0x1e831040")
    expect(page.locator(".xe-say")).to_contain_text("1e831")
    page.get_by_role("searchbox").fill("no such thing")
    expect(page.locator(".xe-find output")).to_have_text("0")


def test_a_step_is_marked_noted_and_found_again(open_page: Open, file: Path) -> None:
    page = open_page(file, step=32)
    root, flag = page.locator(".xe"), page.get_by_role("button", name="Bookmark this step (b)")
    page.keyboard.press("b")
    expect(flag).to_have_attribute("aria-pressed", "true")
    page.keyboard.type('a "wrong" frame')  # the note has the focus, and its keys are letters
    page.keyboard.press("Enter")
    page.keyboard.press("Home")
    page.keyboard.press("b")
    page.keyboard.press("Escape")
    page.keyboard.press("End")
    for key, step in (("[", "32"), ("[", "0"), ("]", "32")):
        page.keyboard.press(key)
        expect(root).to_have_attribute("data-step", step)
    expect(page.get_by_label("Note on this step")).to_have_value('a "wrong" frame')
    page.evaluate(
        "navigator.clipboard.writeText = text => { window.copied = text; return Promise.resolve() }"
    )
    page.get_by_role("button", name="Copy notes").click()
    tables = tomllib.loads(page.evaluate("window.copied"))["note"]
    trace = made.wrong_vcpu()
    places = [place_of(trace, 0), place_of(trace, 32)]
    assert [(note["at"], note.get("text", "")) for note in tables] == [
        (places[0], ""), (places[1], 'a "wrong" frame'),
    ]  # fmt: skip
    page.keyboard.press("b")
    expect(flag).to_have_attribute("aria-pressed", "false")


def test_the_whole_tab_and_back(open_page: Open, file: Path) -> None:
    page = open_page(file, step=32)
    root = page.locator(".xe")
    before = page.locator(".xe-mapbox").bounding_box()
    page.keyboard.press("f")
    box = root.bounding_box()
    assert box is not None
    assert before is not None
    assert (box["x"], box["y"], box["width"], box["height"]) == (0, 0, 1200, 900)
    assert page.locator(".xe-mapbox").bounding_box()["height"] > before["height"] + 100  # type: ignore[index]
    page.keyboard.press("ArrowLeft")
    expect(root).to_have_attribute("data-step", "31")
    page.keyboard.press("Escape")
    assert page.locator(".xe-mapbox").bounding_box() == before


def test_a_view_is_given_away(open_page: Open, file: Path) -> None:
    page = open_page(file, step=32)
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save SVG").click()
    assert saved.value.suggested_filename == "wrong-vcpu-software-tlb.svg"
    # The page's picture is the saved one, without line ends between its elements.
    picture = svg_of(made.wrong_vcpu()).replace("\n", "").replace("&#x27;", "'")
    assert Path(saved.value.path()).read_text(encoding="utf-8") == picture
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save PNG").click()
    assert Path(saved.value.path()).read_bytes()[:4] == b"\x89PNG"


def test_a_comparison_begins_with_its_verdict_and_folds_what_is_equal(
    open_page: Open, tmp_path: Path
) -> None:
    save_html(made.options(), tmp_path / "options.html")
    page = open_page(tmp_path / "options.html")
    said = page.locator(".xe-verdict").inner_text()
    assert said.replace(" ", "") == verdict_of(made.options()).replace(" ", "")
    counts = page.locator(".xe-crow")
    folded = counts.locator("visible=true").count()
    assert 0 < folded < counts.count()
    page.locator(".xe-samerows").click()
    assert counts.locator("visible=true").count() == counts.count()
    first, other = made.options().rows[0].trace.outcome, made.options().rows[-1].trace.outcome
    less = first.calls.p2m_entry_reads - other.calls.p2m_entry_reads
    cell = page.locator(".xe-crow", has_text="P2M entry reads").locator("td > button").last
    expect(cell).to_have_attribute("data-delta", f"\N{MINUS SIGN}{less}" if less else "")
