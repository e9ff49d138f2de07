"""Picture and page say the same: every built-in scenario and option, at the step that opens.

What the page says is made by functions from data to text, so that Node does for it.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

from node import node

from xenexplore.render.svg.explanation import capitalised
from xenexplore.render.svg.views import svg_of
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
SEEN = 6

SHOWN = """(data, step) => {
  const run = new Run(data);
  const rows = { run, open: new Set(), guest: data.machine.guest, across: () => 32 };
  const state = run.foldAt(step);
  const says = { run, index: step, state };
  const unit = run.rows(run.unit[step]).filter(row => !row.implied || row.first === step);
  const cut = html => html.replace(/<button[^>]*xe-bitsbutton.*?<\\/button>/g, "")
    .replace(/<small>[\\d,]+ steps? inside<\\/small>/g, "");
  return {
    rows: unit.filter(row => row.last <= step).map(row => [
      plain(row.words.label), plain(row.words.html.main),
      plain(cut(Rows.prototype.rowHtml.call(rows, row, null)))]),
    say: plain(marked(data.steps[step].say)),
    notes: Says.prototype.notes.call(says).map(({ said }) => plain(marked(said))),
    status: data.view.status.join(""),
    stop: run.line(step).short,
    counts: data.view.counters.map((name, at) => [name, state.calls(at), state.once(at)]),
  };
}"""


def bare(text: str) -> str:
    """Text without what only sets it apart: spaces and groups of digits."""
    text = unescape(text).replace("->", "→").replace("<-", "←").replace("...", "…")
    return re.sub(r"[\s'·]|0x(?=[0-9a-f]{9})", "", text)


def traces() -> Iterator[Trace]:
    for name in builtin_names():
        scenario = load_builtin(name)
        for option in options_of(scenario):
            trace = run(scenario, option.label)
            yield trace
            if len(trace) > LONG:
                break


def shown_by_node(folder: Path, all_: list[Trace]) -> list[dict[str, Any]]:
    lines = [json.dumps([json.loads(trace_view_json(t)), opening_step(t)]) for t in all_]
    (folder / "traces").write_text("\n".join(lines), encoding="utf-8")
    reads = (
        'import { readFileSync } from "node:fs";\n'
        f"const told = {SHOWN};\n"
        'for (const line of readFileSync("traces", "utf8").split("\\n"))\n'
        "  console.log(JSON.stringify(told(...JSON.parse(line))));\n"
    )
    (folder / "shown.mjs").write_text(f"{web_module()}\n{reads}", encoding="utf-8")
    done = subprocess.run(
        [node(), "shown.mjs"], cwd=folder, capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_picture_and_its_page_have_the_same_words(tmp_path: Path) -> None:
    all_ = list(traces())
    assert len(all_) > 100
    shown = shown_by_node(tmp_path, all_)
    for trace, page in zip(all_, shown, strict=True):
        holds(trace, page)


def holds(trace: Trace, page: dict[str, Any]) -> None:
    step = opening_step(trace)
    moment, name = moment_at(trace, step), f"{trace.about.name} under {trace.option.label}"
    assert bare(page["say"]) == bare(moment.sentence), name
    notes = [bare(capitalised(note)) for note in moment.notes]
    assert [bare(text) for text in page["notes"][: len(notes)]] == notes, name
    expected = []
    for row in moment.rows:
        if row.last <= step:
            main, side, aside = row_columns(trace.steps[row.last].step, row.words)
            whole = "".join((row.words.label, main, side, aside, *row.words.more))
            expected.append([bare(row.words.label), bare(main), bare(whole)])
    assert [[bare(cell) for cell in row] for row in page["rows"]] == expected, name
    once, calls = moment.once.as_json(), moment.counts.as_json()
    counted = [(calls[field], once[field]) for field in calls]
    assert [tuple(count[1:]) for count in page["counts"]] == counted, name
    drawn = bare(re.sub(r"<[^>]*>", "", svg_of(trace, step)))
    for row in page["rows"][-8:]:
        for cell in row[:2]:
            assert bare(cell)[:SEEN].rstrip("…") in drawn, (name, cell)
    assert bare(page["status"]) in drawn, name
    assert bare(page["stop"])[:3] in drawn, name
