"""Every object at the prompt in a notebook: shown, operated by hand, and shown without a kernel.

``python -m browser.at_the_prompt [FOLDER]`` in tests/, in both themes; the folder gets pictures.
Not part of the suite.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from browser import lab as jupyter
from browser.conftest import chromium, within
from browser.lab import OPEN_WITHOUT_KERNEL, SAVE, Lab
from playwright.sync_api import Locator, Page, expect

__all__ = ["by_hand", "run_objects", "unclipped", "without_a_kernel"]

EXPLORER = """shown = xe.Guest("linux", vcpus=2)
first = shown.buffer("stack", struct="evtchn_send", port=5, name="send")
shown.buffer("vmalloc", 6000, name="pages")
live = xe.Xen(shown, design="software-tlb", entries=8)
explorer = xe.Explorer(live, play=False)
live.tlb[0].register(first)
live.hypercall("event_channel_op send", arg=first)
explorer"""
OBJECTS = (
    """import xenexplore as xe
guest = xe.Guest("linux", vcpus=2, memory="96 MiB")
send = guest.buffer("stack", struct="evtchn_send", port=5, name="send")
guest""",
    "send",
    "guest.buffers",
    "guest.regions",
    "guest.p2m",
    "guest.p2m[0x1000]",
    "guest.page_tables",
    "guest.page_tables.entry(send, 1)",
    "guest.walk(send)",
    "guest.walk(send, xe.USER_WRITE)",
    "guest.memory",
    "guest.memory[send.gpa : send.gpa + 64]",
    'xen = xe.Xen(guest, design="software-tlb")\nxen.tlb[0].register(send)',
    "xen.tlb[0].lookup(send.va)",
    'xen.hypercall("event_channel_op send", arg=send)',
    "guest.remap(send)\nxen.tlb[0]",
    "xen.tlb[0][0]",
    "xen.tlb",
    "xen.tlb[0].purge(send)",
    "xen",
    "xen.trace",
    "xen.scenario()",
    'xe.compare(xe.load("straddle"), ["linear-walk", "software-tlb"])',
    'xe.trial("number-bit", n=2, scenarios=["straddle"])',
    'xe.replay("synthetic:vcpus=2:tasks=4:calls=200", "linear-walk")',
    'xe.exercise("stale-entry")',
    'xe.exercise("stale-entry").check()',
    EXPLORER,
)
# What each cell shows once it is in sight: its words, and whether it is wider than its place.
SHOWN = """async () => {
  const panel = window.jupyterapp.shell.currentWidget.content, told = [];
  for (const cell of panel.widgets) {
    await panel.scrollToCell(cell);
    await new Promise(done => setTimeout(done, 60));
    const at = cell.outputArea.node, areas = [...at.querySelectorAll(".jp-OutputArea-output")];
    told.push({
      words: at.innerText.trim().length + at.querySelectorAll("img").length * 40,
      wide: areas.some(area => area.scrollWidth > area.clientWidth + 1),
      failed: at.innerText.match(/Error displaying widget|Loading widget/)?.[0] ?? "",
    });
  }
  return told;
}"""


def run_objects(lab: Lab, page: Page) -> None:
    """Each of them in a cell of its own, the explorer in the last."""
    lab.write("objects.ipynb", *OBJECTS)
    found = lab.run_all(page, "objects.ipynb")
    assert (found["errors"], found["ran"], found["views"]) == ([], len(OBJECTS), 1)


def unclipped(_lab: Lab, page: Page) -> None:
    """Every cell shows something, and nothing of it is cut off, once all have come up."""
    wrong: dict[str, Any] = {}
    for _ in range(20):
        told: list[dict[str, Any]] = within(page, SHOWN)
        assert len(told) == len(OBJECTS)
        wrong = {cell: one for cell, one in zip(OBJECTS, told, strict=True)
                 if one["words"] < 12 or one["wide"] or one["failed"]}  # fmt: skip
        if not wrong:
            break
    assert not wrong, wrong


def by_hand(_lab: Lab, page: Page) -> None:
    """A buffer is the same one in the list, on the map, and in each table: mouse and keys."""
    cell = page.locator(".jp-CodeCell", has=page.locator(".xe-form")).locator(".xe-form")
    cell.scroll_into_view_if_needed()
    tables, names = cell.locator(".xe-session"), cell.get_by_label("Buffer", exact=True)
    expect(tables.get_by_role("button", name="send", exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    pages = tables.locator("tr", has_text="vmalloc")
    on_map = cell.locator('.xe-mapsvg .xe-mark[data-k~="buf:pages"]').first
    # Pointed at in a table: lit on the map, and the other way round.
    pages.hover()
    expect(on_map).to_have_class(re.compile("is-lit"))
    on_map.hover(force=True)
    expect(pages).to_have_class(re.compile("is-lit"))
    # Clicked in a table, then on the map.
    pages.locator("td").nth(3).click()
    _is_picked(cell, names, "pages")
    cell.locator('.xe-mapsvg .xe-mark[data-k~="buf:send"]').first.click(force=True)
    _is_picked(cell, names, "send")
    # By keys: the list, and a row's button, which keeps the focus.
    cells = page.locator(".jp-Cell").count()
    names.focus()
    page.keyboard.press("ArrowDown")
    _is_picked(cell, names, "pages")
    button = tables.get_by_role("button", name="send", exact=True)
    button.focus()
    page.keyboard.press("Enter")
    _is_picked(cell, names, "send")
    expect(button).to_be_focused()
    page.keyboard.press("a")  # would insert a cell above, if the lab heard it
    assert page.locator(".jp-Cell").count() == cells
    # An entry of the table, and a page-table entry, which is no buffer's.
    pages.locator("button").click()
    tables.locator('tr[data-k^="slot:0:0"] button').click()
    _is_picked(cell, names, "send")
    leaf = tables.locator('tr[data-k^="f:1 "]')
    leaf.locator("button").click()
    expect(leaf).to_have_class(re.compile("is-picked"))
    assert names.evaluate("one => one.selectedOptions[0].text") == "send"
    cell.get_by_role("button", name="Undo").click()
    expect(tables).to_contain_text("Table of vCPU 0: 1 entry")


def _is_picked(cell: Locator, names: Locator, name: str) -> None:
    """The buffer is selected in the list, in the tables and on the map."""
    expect(cell.locator(".xe-session")).to_contain_text(f"Page-table entries of {name}")
    expect(cell.locator(f'.xe-session tr[data-k^="buf:{name} "]')).to_have_class(
        re.compile("is-picked")
    )
    expect(cell.locator(f'.xe-mapsvg .xe-mark[data-k~="buf:{name}"]').first).to_have_class(
        re.compile("is-lit")
    )
    assert names.evaluate("one => one.selectedOptions[0].text") == name


def without_a_kernel(lab: Lab, page: Page) -> None:
    """Saved and opened again with no kernel: each cell still shows what it showed."""
    within(page, SAVE)
    lab.close_all(page)
    assert lab.kernels() == []
    assert within(page, OPEN_WITHOUT_KERNEL, "objects.ipynb") == ""
    page.wait_for_function("window.jupyterapp.shell.currentWidget.content.widgets.length > 5")
    unclipped(lab, page)
    assert lab.kernels() == []


def main() -> None:
    with chromium() as browser:
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            with (
                tempfile.TemporaryDirectory() as folder,
                jupyter.serve(Path(folder), theme=theme) as lab,
            ):
                page = lab.page(browser)
                for step in (run_objects, by_hand, unclipped, without_a_kernel):
                    step(lab, page)
                    print(theme, step.__name__, flush=True)
                    if sys.argv[1:]:
                        page.locator(".jp-Cell").last.scroll_into_view_if_needed()
                        page.screenshot(path=f"{sys.argv[1]}/{theme} {step.__name__}.png")
                page.context.close()


if __name__ == "__main__":
    main()
