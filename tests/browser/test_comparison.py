"""The comparison in a real browser: lockstep, ends, first differences, the chosen option below."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aligned_steps import aligned_steps
from browser import made
from browser.conftest import Open, linked_to
from playwright.sync_api import Page, expect

from xenexplore.render.web.page import save_html
from xenexplore.steps import Step


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    written = tmp_path_factory.mktemp("comparison") / "options.html"
    save_html(made.options(), written)
    return written


def cells(page: Page, row: str) -> list[str]:
    header = page.get_by_role("rowheader", name=row, exact=True)
    return page.locator(".xe-sheet tr", has=header).locator("td").all_inner_texts()


def positions(page: Page) -> list[str]:
    return page.locator(".xe-nowrow td .xe-cellhead small").all_inner_texts()


def test_at_their_ends_the_table_says_the_outcomes(open_page: Open, file: Path) -> None:
    page = open_page(file)
    ends = page.get_by_role("button", name="at their ends")
    expect(ends).to_have_attribute("aria-pressed", "true")  # so it opens
    page.keyboard.press("ArrowRight")
    expect(ends).to_have_attribute("aria-pressed", "false")
    ends.click()
    rows = made.options().rows
    outcomes = [row.trace.outcome for row in rows]
    assert cells(page, "walks") == [str(o.calls.walks) for o in outcomes]
    assert cells(page, "P2M lookups") == [str(o.calls.p2m_lookups) for o in outcomes]
    once = [f" + {o.setup.exits} once" if o.setup.exits else "" for o in outcomes]
    assert cells(page, "exits") == [
        f"{o.calls.exits}{more}" for o, more in zip(outcomes, once, strict=True)
    ]
    assert [cell.split()[-1] for cell in cells(page, "outcome")] == [o.status for o in outcomes]
    page.locator(".xe-samerows").click()
    assert cells(page, "result") == ["0"] * len(rows)


def test_a_number_opens_the_steps_that_make_it(open_page: Open, file: Path) -> None:
    page = open_page(file)
    rows = made.options().rows
    at = next(k for k, row in enumerate(rows) if row.trace.option.name == "software-tlb")
    page.locator(".xe-crow", has_text="P2M lookups").locator(".xe-num").nth(at).click()
    why = page.get_by_role("region", name="The steps that make a count")
    aligned = aligned_steps(rows[0].trace, rows[at].trace, "p2m_lookups")
    for side, of in enumerate(("first", "other")):
        shown = why.locator(f"tbody td:nth-child({side + 1}) button").evaluate_all(
            "all => all.map(button => Number(button.dataset.step))"
        )
        assert shown == [step[0] for line in aligned if (step := getattr(line, of))]
    last = why.locator("td:nth-child(2) button").last
    step = last.get_attribute("data-step")
    last.click()
    expect(page.locator(".xe-detail .xe")).to_have_attribute("data-step", str(step))
    expect(page.locator(".xe-outcomerow th")).to_have_text("outcome so far")
    page.keyboard.press("Escape")
    expect(why).to_be_hidden()


def test_in_lockstep_each_waits_at_the_copy(open_page: Open, file: Path) -> None:
    page = open_page(file)
    page.get_by_role("button", name="Next step").first.focus()
    traces = [row.trace for row in made.options().rows]
    copies = [
        next((n.index for n in trace.steps if n.step.kind == "copy"), None) for trace in traces
    ]
    for _ in range(60):
        shown = positions(page)
        if shown[0] == str(copies[0]):
            break
        page.keyboard.press("ArrowRight")
    for where, copy in zip(positions(page), copies, strict=True):
        assert where == ("waits" if copy is None else str(copy))
    page.keyboard.press("End")
    for where, path in zip(positions(page), traces, strict=True):
        assert where in ("over", str(len(path) - 1))


def test_time_never_runs_backwards(open_page: Open, file: Path) -> None:
    page = open_page(file)
    script = """() => {
      const root = document.querySelector(".xe-comparison"), slider = root.querySelector("input");
      const out = [];
      for (let time = 0; time <= Number(slider.max); time++) {
        slider.value = time;
        slider.dispatchEvent(new Event("input"));
        out.push([...root.querySelectorAll(".xe-nowrow td")].map(
          td => [td.querySelector("b").textContent, td.querySelector("small").textContent]));
      }
      return out;
    }"""
    seen: list[Any] = page.evaluate(script)
    for column, row in enumerate(made.options().rows):
        visited = [int(at[column][1]) for at in seen if at[column][1].isdigit()]
        assert visited == sorted(visited)
        assert set(visited) == set(range(len(row.trace)))


def test_the_first_difference_takes_one_there(open_page: Open, file: Path) -> None:
    page = open_page(file)
    row = made.options().rows[1]
    assert row.difference is not None
    assert row.difference.other is not None
    assert cells(page, "first difference")[7] == "none"
    page.locator('[data-act="difference"][data-at="1"]').click()
    detail = page.locator(".xe-detail .xe")
    expect(detail).to_have_attribute("data-step", str(row.difference.other))
    step: Step = row.trace.steps[row.difference.other].step
    assert positions(page)[1] == str(row.difference.other)
    expect(detail.get_by_role("slider")).to_have_attribute(
        "aria-valuetext", f"step {row.difference.other} of {len(row.trace) - 1}: {step.say()}"
    )


def test_the_chosen_option_steps_below_and_the_others_follow(open_page: Open, file: Path) -> None:
    page = open_page(file, step=0)
    page.get_by_role("button", name="O9 bounce").click()
    detail = page.locator(".xe-detail .xe")
    detail.focus()
    page.keyboard.press("End")
    last = len(made.options().rows[5].trace) - 1
    expect(detail).to_have_attribute("data-step", str(last))
    assert positions(page)[5] == str(last)
    assert page.locator(".xe-detail .xe").count() == 1
    page.locator(".xe-comparison > .xe-body > .xe-controls").get_by_label("Previous step").click()
    page.keyboard.press("Home")
    expect(detail).to_have_attribute("data-step", "0")


def test_forwards_from_their_ends_is_the_beginning(open_page: Open, file: Path) -> None:
    root = open_page(file).locator(".xe-comparison")
    expect(root).to_have_attribute("data-step", "-1")
    slider = root.get_by_role("slider").first
    last = slider.get_attribute("max")
    for keys, step in (
        (["ArrowRight"], "0"), (["End", "ArrowRight"], last), (["PageDown"], "0"),
        (["ArrowLeft"], last), (["Home"], "0"),
    ):  # fmt: skip
        root.get_by_role("button", name="at their ends").click()
        expect(root).to_have_attribute("data-step", "-1")
        expect(slider).to_have_attribute("aria-valuetext", "all at their ends")
        root.focus()
        for key in keys:
            root.page.keyboard.press(key)
        expect(root).to_have_attribute("data-step", str(step))


def test_links_to_a_common_step_and_to_the_ends(open_page: Open, file: Path) -> None:
    page = open_page(file, step=12)
    root = page.locator(".xe-comparison")
    expect(root).to_have_attribute("data-step", "12")
    root.get_by_role("button", name="at their ends").click()
    linked_to(page, "end")
    page.evaluate("location.hash = '#step=3'")
    expect(root).to_have_attribute("data-step", "3")
    page.evaluate("location.hash = '#step=end'")
    expect(root).to_have_attribute("data-step", "-1")


@pytest.mark.parametrize("width", [600, 1200])
def test_the_page_itself_does_not_scroll_sideways(open_page: Open, file: Path, width: int) -> None:
    page = open_page(file, width=width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
