"""Picture and page say the same: every built-in scenario and option, at the step that opens."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import unescape

from browser.conftest import Open
from playwright.sync_api import Page

from xenexplore.render.svg import svg_of
from xenexplore.render.views.moment import moment_at
from xenexplore.render.views.step_labels import row_columns
from xenexplore.render.web.page import opening_step, web_module
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.library.builtin import builtin_names, load_builtin
from xenexplore.scenario.run.runner import options_of, run
from xenexplore.scenario.run.trace import Trace

#: Of a scenario whose runs are longer, only the first option.
LONG = 1500
#: A picture ends a cell that has no room with an ellipsis; so much of it there always is.
SEEN = 9

SHOWN = """([data, step]) => {
  const view = window.mount(document.querySelector("main"), data, { step });
  const text = (root, cls) => root.querySelector(cls)?.textContent ?? "";
  const all = (root, cls) => [...root.querySelectorAll(cls)];
  const shown = {
    rows: all(view.root, ".xe-rowitem").map(row => [row.className, text(row, ".xe-label"),
      text(row, ".xe-main"), text(row, ".xe-side"), text(row, ".xe-below")]),
    say: text(view.root, ".xe-say"),
    worth: all(view.root, ".xe-worth li").map(item => item.textContent),
    status: text(view.root, ".xe-status"),
    counts: all(view.root, "[data-count]").map(item => item.textContent),
    stops: all(view.root, ".xe-stop.is-now text").map(item => item.textContent),
  };
  view.destroy();
  return shown;
}"""


def bare(text: str) -> str:
    """Text without what only sets it apart: spaces, groups of digits, shapes beside a colour."""
    text = text.replace("->", "→").replace("<-", "←").replace("...", "…")
    return re.sub(r"[\s'·▲]|0x(?=[0-9a-f]{9})", "", text)


def traces() -> Iterator[Trace]:
    for name in builtin_names():
        scenario = load_builtin(name)
        for option in options_of(scenario):
            trace = run(scenario, option.label)
            yield trace
            if len(trace) > LONG:
                break


def stage(page: Page) -> None:
    page.set_content("<main></main>")
    page.add_script_tag(type="module", content=web_module() + "\nwindow.mount = mount;")
    page.wait_for_function("window.mount")


def test_every_picture_and_its_page_have_the_same_words(open_page: Open) -> None:
    page = open_page("/dev/null")
    stage(page)
    seen = 0
    for trace in traces():
        step = opening_step(trace)
        shown = page.evaluate(SHOWN, [json.loads(trace_view_json(trace)), step])
        moment, name = moment_at(trace, step), f"{trace.about.name} under {trace.option.label}"
        assert bare(shown["say"]) == bare(moment.sentence), name
        assert [bare(text) for text in shown["worth"][: len(moment.notes)]] == [
            bare(note[:1].upper() + note[1:] if note.split(" ", 1)[0].islower() else note)
            for note in moment.notes
        ][:4], name
        rows = [row for row in shown["rows"] if "is-ahead" not in row[0]]
        done = [row for row in moment.rows if row.last <= step]
        expected = []
        for row in done:
            main, side, aside = row_columns(trace.steps[row.last].step, row.words)
            more = "".join(row.words.more)
            cells = (row.words.label, main, side + aside, more)
            expected.append([bare(cell) for cell in cells])
        assert [[bare(cell) for cell in row[1:]] for row in rows][-30:] == expected[-30:], name
        drawn = bare(unescape(re.sub(r"<[^>]*>", "", svg_of(trace, step))))
        for row in rows[-8:]:
            for cell in row[1:3]:
                assert bare(cell)[:SEEN].rstrip("…") in drawn, (name, cell)
        assert bare(shown["status"]) in drawn, name
        assert bare("".join(shown["stops"]))[:3] in drawn, name
        seen += 1
    assert seen > 100
