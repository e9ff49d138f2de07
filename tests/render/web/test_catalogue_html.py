"""Catalogue entries as notebooks show them."""

from __future__ import annotations

import subprocess
import sys

import xenexplore as xe
from xenexplore.hypercalls import families, find
from xenexplore.render.web.catalogue_html import entry_html


def test_notebook_view_of_every_entry() -> None:
    for one in families():
        for entry in (one, *one.ops.values()):
            html = entry_html(entry)
            assert html.count("<table>") == html.count("</table>") >= 1
            assert "<script" not in html
    assert "extent_start" in entry_html(find("populate"))


def test_an_entry_found_at_the_prompt_shows_itself() -> None:
    entry = xe.hypercalls.find("evtchn send")
    assert entry._repr_mimebundle_()["text/html"] == entry_html(entry)


def test_an_entrys_repr_needs_no_render_room() -> None:
    code = (
        "import sys; from xenexplore.hypercalls import find; print(repr(find('populate'))); "
        "print([name for name in sys.modules if name.startswith('xenexplore.render')])"
    )
    command = [sys.executable, "-c", code]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "memory_op.populate_physmap" in said.splitlines()[0]
    assert said.splitlines()[-1] == "[]"
