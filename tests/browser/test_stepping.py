"""The offline page in a real browser: it steps by key and by mouse, and says what was recorded."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from browser import made
from browser.conftest import Open, drawn, linked_to, within
from playwright.sync_api import Page, expect

from xenexplore.hypervisor.outcome import counts_of
from xenexplore.render.svg.views import svg_of
from xenexplore.render.web.page import opening_step, save_html
from xenexplore.scenario.run.trace import Trace
from xenexplore.steps import Phase

# The stepper's words for Counts' fields.
NAMES = {
    "exits": "exits", "copies": "copies", "walks": "walks", "page-table reads": "pte_reads",
    "P2M lookups": "p2m_lookups", "P2M entry reads": "p2m_entry_reads",
    "TLB lookups": "tlb_lookups", "TLB hits": "tlb_hits", "TLB compares": "tlb_compares",
    "registrations": "tlb_inserts", "purges": "tlb_purges", "list reads": "list_reads",
    "bytes from guest": "bytes_from_guest", "bytes to guest": "bytes_to_guest",
    "bytes in registers": "register_bytes", "guest translations": "guest_translations",
    "guest bytes copied": "guest_bytes_copied", "guest bytes written": "guest_bytes_written",
    "encryption flips": "flips", "unchecked accesses": "unchecked",
}  # fmt: skip


MADE = {
    "stack": made.stack_send, "wrong": made.wrong_vcpu, "private": made.private,
    "straddle": made.straddling,
}  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exports")
    paths = {
        "stack": made.stack_send(),
        "wrong": made.wrong_vcpu(),
        "many": made.many_sends(),
        "private": made.private(),
        "straddle": made.straddling(),
    }
    for name, trace in paths.items():
        save_html(trace, folder / f"{name}.html")
    return {name: folder / f"{name}.html" for name in paths}


def shown(page: Page) -> int:
    drawn(page)
    return int(page.locator(".xe").get_attribute("data-step") or -1)


def said(page: Page) -> str:
    drawn(page)
    return page.get_by_role("slider").get_attribute("aria-valuetext") or ""


def saying(trace: Trace, index: int) -> str:
    return f"step {index} of {len(trace) - 1}: {trace.steps[index].step.say()}"


# What a reader sees after moving the slider to each of some steps, in one go.
VISIT = """async steps => {
  const root = document.querySelector(".xe"), slider = root.querySelector("input");
  const found = [];
  for (const step of steps) {
    slider.value = step;
    slider.dispatchEvent(new Event("input"));
    await new Promise(done => requestAnimationFrame(done));
    const rows = [...root.querySelectorAll(".xe-sofar tbody tr")];
    found.push({
      said: slider.getAttribute("aria-valuetext"),
      cite: root.querySelector(".xe-cite").textContent,
      counts: Object.fromEntries(rows.map(row => [row.cells[0].textContent,
        [...row.cells].slice(1).map(cell => Number(cell.textContent.replace(/,/g, "")))])),
    });
  }
  return found;
}"""


def visit(page: Page, steps: list[int]) -> list[dict[str, Any]]:
    return within(page, VISIT, steps)


def recorded(trace: Trace, index: int) -> dict[str, Any]:
    return {
        "said": saying(trace, index),
        "cite": str(trace.steps[index].step.cite),
        "counts": expected_counts(trace, index),
    }


def at(page: Page, index: int) -> None:
    """Wait for a step (not by a predicate in the page: its policy forbids eval)."""
    expect(page.locator(".xe")).to_have_attribute("data-step", str(index))


def expected_counts(trace: Trace, index: int) -> dict[str, list[int]]:
    """``[once, calls]`` (or ``[calls]`` where nothing is done once) after a step."""
    inside: set[int] = set()
    for node in trace.steps:
        parent = node.parent
        set_up = parent >= 0 and (
            parent in inside
            or (isinstance(s := trace.steps[parent].step, Phase) and s.name == "setup")
        )
        if set_up:
            inside.add(node.index)
    sums = []
    for ours in (True, False):
        nodes = [n for n in trace.steps[: index + 1] if (n.index in inside) is ours]
        sums.append(counts_of(nodes).as_json())
    once, calls = sums
    whole = trace.outcome.setup.as_json(), trace.outcome.calls.as_json()
    any_once = any(whole[0].values())
    return {
        name: [once[field], calls[field]] if any_once else [calls[field]]  # type: ignore[misc]
        for name, field in NAMES.items()
        if whole[0][field] or whole[1][field]
    }


def test_stepping_through_by_key(open_page: Open, files: dict[str, Path]) -> None:
    trace = made.stack_send()
    page = open_page(files["stack"], step=0)
    page.locator(".xe").focus()
    for index in range(len(trace)):
        assert said(page) == saying(trace, index)
        page.keyboard.press("ArrowRight")
    assert shown(page) == len(trace) - 1
    expect(page.locator(".xe-say")).to_have_text(trace.steps[-1].step.say())


@pytest.mark.parametrize("name", MADE)
def test_every_step_says_and_counts_what_was_recorded(
    open_page: Open, files: dict[str, Path], name: str
) -> None:
    trace = MADE[name]()
    steps = list(range(len(trace)))
    assert visit(open_page(files[name]), steps) == [recorded(trace, index) for index in steps]


def test_counts_survive_jumps_across_checkpoints(open_page: Open, files: dict[str, Path]) -> None:
    trace = made.many_sends()
    page = open_page(files["many"], step=700)
    steps = [700, *random.Random(5).sample(range(len(trace)), 12)]
    steps += [255, 256, 257, len(trace) - 1, 0, 512]
    assert visit(page, steps) == [recorded(trace, index) for index in steps]


def test_a_long_path_makes_no_larger_page_than_a_short_one(
    open_page: Open, files: dict[str, Path]
) -> None:
    sizes = []
    for name, step in (("stack", 12), ("many", 700)):
        page = open_page(files[name], step=step)
        sizes.append(page.evaluate("document.querySelectorAll('*').length"))
    assert sizes[1] < 1.5 * sizes[0]


@pytest.mark.parametrize(
    ("keys", "index"),
    [
        (["End"], 20), (["End", "Home"], 0), (["j", "j", "j"], 3), (["j", "j", "k"], 1),
        (["ArrowLeft"], 0), (["End", "ArrowRight"], 20), (["ArrowRight", "ArrowLeft"], 0),
        (["PageDown"], 3), (["PageDown", "PageDown"], 4), (["PageDown"] * 3, 6),
        (["End", "PageUp"], 6), (["End", "PageUp", "PageUp"], 4),
    ],
)  # fmt: skip
def test_keys(open_page: Open, files: dict[str, Path], keys: list[str], index: int) -> None:
    page = open_page(files["stack"], step=0)
    page.locator(".xe").focus()
    for key in keys:
        page.keyboard.press(key)
    assert shown(page) == index


def test_mouse_on_rows_line_and_buttons(open_page: Open, files: dict[str, Path]) -> None:
    trace = made.stack_send()
    page = open_page(files["stack"], step=6)
    page.get_by_role("button", name="Next step").click()
    assert said(page) == saying(trace, 7)
    page.get_by_role("button", name="Previous step").click()
    assert shown(page) == 6
    page.locator(".xe-box", has_text="L3 [0]").click()
    assert shown(page) == 12
    page.keyboard.press("r")
    page.locator(".xe-row", has_text="L2 [3]").click()
    assert shown(page) == 14
    expect(page.locator(".xe-rowitem.is-now .xe-label")).to_have_text("L2 [3]")
    page.locator('.xe-stop[data-go="16"]').click()
    expect(page.locator(".xe-rowitem.is-now .xe-label")).to_have_text("L1 [19]")
    expect(page.locator(".xe-stop.is-now text")).to_have_text("L1")
    page.locator(".xe-scrub input").click(position={"x": 3, "y": 10})
    assert shown(page) == 0


@pytest.mark.parametrize("name", ["stack", "straddle", "private"])
def test_keys_go_on_after_a_click_on_a_row(
    open_page: Open, files: dict[str, Path], name: str
) -> None:
    """The row that has the focus is drawn anew at the end of its unit."""
    page = open_page(files[name])
    page.locator(".xe").focus()
    page.keyboard.press("Home")
    last = int(page.get_by_role("slider").get_attribute("max") or 0)
    page.keyboard.press("PageDown")
    page.locator(".xe-row").last.click()
    begun = shown(page)
    for _ in range(last - begun):
        page.keyboard.press("ArrowRight")
    assert shown(page) == last
    page.locator(".xe-stop").first.click()
    page.keyboard.press("ArrowRight")
    assert shown(page) > 0


def test_bits_keep_the_focus_on_their_button(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=16)
    page.keyboard.press("r")
    button = page.get_by_role("button", name="Bits of the level 3 entry")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_be_focused()
    expect(button).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "false")


def test_deep_link_both_ways(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=13)
    assert shown(page) == 13
    page.locator(".xe").focus()
    page.keyboard.press("ArrowRight")
    linked_to(page, "14")
    page.evaluate("location.hash = '#step=4'")
    at(page, 4)
    page.evaluate("location.hash = '#step=999999'")
    at(page, 20)
    page.evaluate("location.hash = '#step=2'")
    at(page, 2)
    page.evaluate("location.hash = '#step=end'")
    at(page, 20)


@pytest.mark.parametrize("name", MADE)
def test_without_a_link_it_opens_where_the_still_picture_is(
    open_page: Open, files: dict[str, Path], name: str
) -> None:
    trace = MADE[name]()
    page = open_page(files[name])
    at(page, opening_step(trace))
    assert page.evaluate("location.hash") == ""
    assert f"step {opening_step(trace)} of " in svg_of(trace)


def test_play_runs_to_the_end_and_stops(open_page: Open, files: dict[str, Path]) -> None:
    last = len(made.private()) - 1
    page = open_page(files["private"], step=0)
    page.get_by_label("Speed").select_option("20")
    page.locator(".xe").focus()
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    at(page, last)
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    page.get_by_role("button", name="Play").click()  # from the end it begins again
    page.get_by_role("button", name="Pause").click()
    assert shown(page) < last


def test_entry_bits_on_demand(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=16)
    page.locator(".xe").focus()
    assert page.locator(".xe-bits").count() == 0
    page.keyboard.press("Enter")
    entry = made.stack_send().steps[16].step.entry  # type: ignore[attr-defined]
    on = page.locator(".xe-bits .xe-bit").evaluate_all(
        "bits => bits.map(bit => bit.classList.contains('is-on') ? 1 : 0)"
    )
    assert int("".join(map(str, on)), 2) == entry
    assert f"{entry:016x}" in (page.locator(".xe-bits title").text_content() or "")
    page.keyboard.press("Enter")
    assert page.locator(".xe-bits").count() == 0
    page.get_by_role("button", name="Bits of the level 3 entry").click()
    assert page.locator(".xe-bits").count() == 1
    assert shown(page) == 16


def test_groups_fold_and_are_stepped_over(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=11)
    page.locator(".xe-bracket", has_text="copy in").click()
    assert shown(page) == 6  # the group that we were inside of
    assert page.locator('.xe-stop[data-go="11"]').count() == 0
    page.locator(".xe").focus()
    page.keyboard.press("ArrowRight")
    assert shown(page) == 20
    page.keyboard.press("ArrowLeft")
    assert shown(page) == 6
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    assert shown(page) == 7


def test_rows_say_what_is_done_now_and_ahead(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["stack"], step=12)
    rows = page.locator(".xe-rowitem").evaluate_all(
        "rows => rows.map(r => [r.querySelector('.xe-label').textContent,"
        " ['is-done', 'is-now', 'is-ahead'].filter(c => r.classList.contains(c)).join()])"
    )
    assert rows == [
        ["handle", "is-done"], ["TLB v0", "is-done"],
        ["L4 [402]", "is-done"], ["L3 [0]", "is-now"], ["L2 [3]", "is-ahead"],
        ["L1 [19]", "is-ahead"], ["P2M", "is-ahead"], ["P2M", "is-ahead"],
        ["bytes", "is-ahead"],
    ]  # fmt: skip
    missed = page.locator(".xe-rowitem.is-miss-tone .xe-side").first
    assert missed.text_content() == "miss"


def test_pieces_of_a_straddling_copy(open_page: Open, files: dict[str, Path]) -> None:
    page = open_page(files["straddle"])
    trace = made.straddling()
    copy = next(n for n in trace.steps if n.step.kind == "copy" and n.step.size == 48)  # type: ignore[attr-defined]
    page.get_by_role("slider").fill(str(copy.index))
    assert page.locator(".xe-chunks button").count() == 2
    page.locator(".xe-chunks button").nth(1).click()
    second = [n for n in trace.steps if n.parent == copy.index and n.step.kind == "piece"][1]
    assert shown(page) == second.index
    page.get_by_role("slider").fill(str(copy.index + 13))
    # The first piece has its curve; the second has none before its walk is over.
    assert page.locator(".xe-curve-done").count() + page.locator(".xe-curve-now").count() >= 1
