"""The linked views: what they show at a step, and that pointing at one lights the others."""

from __future__ import annotations

from pathlib import Path

import pytest
from browser import made
from browser.conftest import Open
from playwright.sync_api import expect

from xenexplore.render.web.page import save_html
from xenexplore.scenario.library.builtin import builtin_text, find_scenario
from xenexplore.scenario.run.runner import compare, run
from xenexplore.scenario.run.trace import Trace


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("views")
    for name, trace in (
        ("stack", made.stack_send()), ("wrong", made.wrong_vcpu()), ("private", made.private()),
    ):  # fmt: skip
        save_html(trace, folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in ("stack", "wrong", "private")}


def test_the_frame_has_two_addresses(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=16)
    assert page.locator(".xe-curve-alias").count() == 1  # dashed: the directmap's mapping
    assert page.locator(".xe-curve-now").count() == 0  # not translated yet
    assert page.locator(".xe-reg").count() == 1
    note = page.locator(".xe-worth").inner_text()
    assert "The frame is registered, the address is not" in note
    page.get_by_role("slider").fill("17")  # the lookup of the frame that the walk found
    assert page.locator(".xe-curve-now").count() == 1
    desc = page.locator(".xe-mapsvg desc").text_content()
    assert desc == "Linear ffffc90000613b2c is guest-physical 06bf7b2c."


def test_the_wrong_frame_is_drawn_and_the_right_one(
    open_page: Open, files: dict[str, Path]
) -> None:
    page = open_page(files["wrong"], step=32)
    for cls in (".xe-curve-wrong", ".xe-curve-meant", ".xe-cross", ".xe-meant"):
        assert page.locator(cls).count() == 1, cls
    expect(page.locator(".xe-rowitem.is-now .xe-side")).to_contain_text("WRONG")
    expect(page.locator(".xe-rowitem.is-now .xe-below")).to_contain_text("the caller meant")
    expect(page.locator(".xe-worth .is-bad").first).to_contain_text("the caller meant")


def test_which_table_was_asked_and_which_was_meant(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["wrong"], step=28)
    assert page.locator(".xe-tag").count() == 0
    page.get_by_role("slider").fill("29")
    tables = page.locator(".xe-tlb").evaluate_all(
        "all => all.map(t => [t.querySelector('b').textContent,"
        " [...t.querySelectorAll('.xe-tag')].map(x => x.textContent).join(),"
        " t.querySelector('.xe-stats').textContent])"
    )
    assert tables == [
        ["vCPU 0", "asked: hit", "1 hit · 1 miss"],
        ["vCPU 1", "meant, not asked", ""],
    ]
    page.locator('[data-act="table"]').first.click()
    assert page.locator(".xe-tlb").first.locator("table").count() == 0


def test_registrations_arrive_one_by_one(open_page: Open, files: dict[str, Path]) -> None:
    trace = made.wrong_vcpu()
    inserts = [node.index for node in trace.steps if node.step.kind == "tlb-insert"]
    page = open_page(files["wrong"], step=inserts[0] - 1)
    assert page.locator(".xe-tlb tbody tr").count() == 0
    page.locator(".xe").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".xe-tlb tbody tr.is-new").count() == 1
    page.keyboard.press("ArrowRight")
    assert page.locator(".xe-tlb tbody tr.is-new").count() == 0
    page.get_by_role("slider").fill(str(inserts[1]))
    assert page.locator(".xe-tlb tbody tr").count() == 2


def test_private_and_shared_pages_are_told_apart(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["private"], step=0)
    assert page.locator(".xe-mapsvg pattern").count() == 1
    assert page.locator("rect.xe-private").count() > 0
    before = page.locator(".xe-buf.is-shared").count()
    flips = [n.index for n in made.private().steps if n.step.kind == "flip"]
    page.get_by_role("slider").fill(str(flips[-1]))
    assert page.locator(".xe-buf.is-shared").count() == before + len(flips)
    page.get_by_role("slider").fill("0")
    assert page.locator(".xe-buf.is-shared").count() == before


def test_pointing_at_a_number_lights_it_everywhere(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=17)
    page.keyboard.press("r")
    page.locator('.xe-row .xe-n[data-k="gfn:6bf7"]').first.hover()
    assert page.locator(".xe-mapsvg .is-lit").count() >= 2
    assert page.locator(".xe-rows .is-lit").count() >= 2
    page.mouse.move(2, 2)
    page.locator(".xe-head").hover()
    assert page.locator(".is-lit").count() == 0
    page.locator(".xe-mapsvg .xe-buf").first.click()
    assert page.locator(".is-lit").count() > 0
    expect(page.locator(".xe-readout")).to_contain_text("stack: 4 KiB")
    page.locator(".xe").focus()
    page.keyboard.press("ArrowRight")
    assert page.locator(".is-lit").count() > 0  # a selection stays while we step
    page.mouse.move(2, 2)
    page.keyboard.press("Escape")
    assert page.locator(".is-lit").count() == 0


def test_the_map_zooms_and_stays_true_to_order(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=16)
    regions = page.locator(".xe-region[data-va]").evaluate_all(
        "all => all.map(r => [r.dataset.va, Number(r.getAttribute('y'))])"
    )
    assert [va for va, _ in regions] == [va for va, _ in sorted(regions, key=lambda r: -r[1])]
    assert [int(va, 16) for va, _ in regions] == sorted(int(va, 16) for va, _ in regions)
    page.locator(".xe").focus()
    for keys, title in (("+", "region"), ("+", "page"), ("-", "region"), ("0", "space")):
        page.keyboard.press(keys)
        expect(page.locator(".xe-mapsvg title")).to_contain_text(f"{title} view")
    page.get_by_role("button", name="page", exact=True).click()
    sizes = page.locator(".xe-region[data-va]").evaluate_all(
        "all => all.map(r => Number(r.getAttribute('height')))"
    )
    assert len(sizes) == 3  # the page and its neighbours, all as tall
    assert max(sizes) - min(sizes) < 0.01


def test_the_map_by_keyboard(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=16)
    page.locator(".xe-mapbox").focus()
    page.keyboard.press("ArrowDown")
    first = page.locator(".xe-readout").text_content()
    page.keyboard.press("ArrowDown")
    assert first
    assert page.locator(".xe-readout").text_content() not in ("", first)
    assert page.locator(".is-cursor").count() == 1


@pytest.mark.parametrize("width", [380, 600, 900, 1200, 1600])
def test_nothing_runs_over_the_side(open_page: Open, files: dict[str, Path], width: int) -> None:
    page = open_page(files["wrong"], step=32, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    boxes = [page.locator(f".xe-{name}").bounding_box() for name in ("map", "path")]
    assert all(boxes)
    beside = boxes[0]["y"] == boxes[1]["y"]  # type: ignore[index]
    assert beside is (width >= 900)


def test_light_and_dark_differ(open_page: Open, files: dict[str, Path]) -> None:
    colours = []
    for scheme in ("light", "dark"):
        page = open_page(files["stack"], scheme=scheme)
        colours.append(page.locator(".xe").evaluate("el => getComputedStyle(el).backgroundColor"))
    assert colours == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]


def test_no_motion_for_those_who_want_none(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=12, motion="reduce")
    css = "el => getComputedStyle(el).transitionDuration"
    assert page.locator(".xe-rowitem").first.evaluate(css) == "0s"


@pytest.mark.parametrize("kind", ["path", "comparison", "chosen", "own"])
def test_the_python_that_shows_the_same_runs(kind: str, open_page: Open, tmp_path: Path) -> None:
    scenario = find_scenario("wrong-vcpu")
    if kind == "own":
        own = tmp_path / "own.toml"
        own.write_text(builtin_text("wrong-vcpu").replace("size = 48", "size = 64"), "utf-8")
        scenario = find_scenario(str(own))
    shown = {
        "path": lambda: run(scenario, "tlb, subject"),
        "comparison": lambda: compare(scenario),
        "chosen": lambda: compare(scenario, ["linear-walk", "O12"]),
        "own": lambda: run(scenario, "O7"),
    }[kind]()
    file = tmp_path / "page.html"
    save_html(shown, file)
    page = open_page(file)
    page.locator("details.xe-about > summary").first.click()
    code = page.locator(".xe-python pre").first
    assert code.is_visible()
    text = code.inner_text().replace("FILE", str(tmp_path / "own.toml"))
    last = text.rindex("\nxe.")
    names: dict[str, object] = {}
    exec(text[:last], names)
    view = eval(text[last:].strip(), names)
    again = view.trace if isinstance(shown, Trace) else view.comparison
    assert again == shown
    view.close()


def test_no_text_of_the_map_is_cut_at_any_width(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=10)
    cut = """() => {
      const svg = document.querySelector(".xe-mapsvg").getBoundingClientRect();
      const box = document.querySelector(".xe-mapbox").getBoundingClientRect();
      const right = Math.min(svg.right, box.right) + 0.5, left = svg.left - 0.5;
      return [...document.querySelectorAll(".xe-mapsvg text")].filter(text => {
        const place = text.getBoundingClientRect();
        return place.right > right || place.left < left;
      }).map(text => text.textContent);
    }"""
    for width in (*range(405, 1500, 60), 897, 898, 899, 1167, 1168, 1169):
        page.set_viewport_size({"width": width, "height": 900})
        # The map is drawn anew in a frame or two; on a busy machine that takes its time.
        for _ in range(50):
            page.wait_for_timeout(60)
            if not page.evaluate(cut):
                break
        assert page.evaluate(cut) == [], width
        assert page.evaluate("document.documentElement.scrollWidth") <= width


# A browser that gives what was drawn no boxes, until the view is put into the page once more.
UNBOXED = """() => {
  const root = document.querySelector(".xe"), item = root.querySelector(".xe-mapsvg");
  window.put = 0;
  new MutationObserver(changes => {
    if (!changes.some(change => [...change.addedNodes].includes(root))) return;
    window.put += 1;
    delete item.getClientRects;
  }).observe(root.parentNode, { childList: true });
  item.getClientRects = () => [];
}"""


def test_a_view_without_boxes_is_laid_out_anew(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"])
    root = page.locator(".xe")
    root.get_by_role("button", name="Next step").focus()
    page.wait_for_timeout(400)  # it is told that it is in sight before it has no boxes
    page.evaluate(UNBOXED)
    for margin, put in (("5000px", 0), ("", 1), ("5000px", 1), ("", 1)):  # out of sight, and back
        page.evaluate(f"document.querySelector('main').style.marginTop = '{margin}'")
        page.wait_for_timeout(400)
        assert page.evaluate("window.put") == put
    expect(root.get_by_role("button", name="Next step")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(root.locator(".xe-mapsvg")).to_be_visible()
