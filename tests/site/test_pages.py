"""Notebooks, the catalogue of every release, API and CONTRIBUTING as pages."""

from __future__ import annotations

import json
import re
import zlib
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from packed_texts import unpacked

import xenexplore as xe
from xenexplore.hypercalls.outline.diff import diff
from xenexplore.hypercalls.releases import RELEASES
from xenexplore.render.web.page import comparison_head
from xenexplore.render.web.view_data import trace_view_json
from xenexplore.scenario.library.builtin import builtin_names
from xenexplore.site import api_pages
from xenexplore.site.markdown import markdown_html
from xenexplore.site.notebook_pages import notebooks
from xenexplore.site.notebook_views import SavedView, saved_view, view_record
from xenexplore.site.pool import TextPool

VIEW = r"xe\.(Stepper|ComparisonView)\(xe\.\w+\(xe\.load"


def packed(site: Path, name: str) -> Any:
    return json.loads(zlib.decompress((site / "data" / name).read_bytes()))


def outputs(path: Path) -> list[str]:
    cells = json.loads(path.read_text("utf-8"))["cells"]
    found = [one["data"] for cell in cells for one in cell.get("outputs", ()) if "data" in one]
    return ["".join(data["text/html"]) for data in found if "text/html" in data]


def test_the_views_of_a_notebook_are_the_models_runs(site_folder: Path) -> None:
    record = packed(site_folder, "notebooks/00_start_here.trace")
    text = (site_folder / "notebooks/00_start_here.html").read_text("utf-8")
    assert text.count("data-view=") == len(record["views"]) == 2
    stepper, comparison = record["views"]
    assert (stepper["of"], stepper["labels"]) == ("evtchn-send-from-stack", ["linear-walk"])
    assert stepper["step"] is not None
    shown = xe.compare(comparison["of"], comparison["labels"])
    assert unpacked(record, [comparison["head"]])[0].encode() == comparison_head(shown)
    labels = [
        one["label"] for one in packed(site_folder, f"{comparison['of']}/index.trace")["options"]
    ]
    for trace in shown.traces:
        own = comparison["own"].get(trace.option.label)
        assert (own is None) == (trace.option.label in labels)
        if own:
            assert unpacked(record, [own["run"]])[0].encode() == trace_view_json(trace)


def test_almost_every_view_of_the_notebooks_is_alive() -> None:
    """What needs a kernel, and runs of a session's or a cell's own, stay pictures."""
    known, pool, still = frozenset(builtin_names()), TextPool(), []
    for path in notebooks():
        for html in outputs(path):
            view = saved_view(html)
            if view is None:
                assert not re.search(
                    r"xe\.(Stepper|ComparisonView)\(xe\.\w+\(xe\.load", unescape(html)
                )
            elif view_record(view, known, pool) is None:
                still.append((path.stem, view.scenario))
    own_designs = {("13_your_own_design", "grant-map-batch")}
    assert set(still) <= {("12_at_the_prompt", "session"), *own_designs}


def test_a_design_of_a_notebooks_own_stays_a_picture() -> None:
    labels = ("linear-walk", "of-a-cell")
    view = SavedView(scenario="straddle", labels=labels, step=None, single=False, count=2)
    assert view_record(view, frozenset(builtin_names()), TextPool()) is None


@pytest.mark.parametrize(
    "html", ["<pre>x</pre>", '<img alt="a: 2 steps" src=""><pre><code>xe.Stepper(</code></pre>',
             '<img alt="a: 2 steps" src=""><pre><code>print(1)</code></pre>']
)  # fmt: skip
def test_what_is_no_view_is_left_as_it_is(html: str) -> None:
    assert saved_view(html) is None


def test_every_change_between_releases_is_on_the_pages(site_folder: Path) -> None:
    found = diff(RELEASES[0], RELEASES[-1])
    assert found.changed
    listed = (site_folder / "catalogue/index.html").read_text("utf-8")
    for change in found.changed:
        family = getattr(change.new, "family", None) or change.new.name
        page = (site_folder / f"catalogue/{family}.html").read_text("utf-8")
        part = page.partition("<h2>Sub-ops</h2>")[0]
        if hasattr(change.new, "family"):
            part = page.partition(f'<section id="{change.new.name}">')[2].partition("</section>")[0]
        assert part.count('<p class="span">') >= 2, change.new.title
    for entry in found.added:
        family = getattr(entry, "family", None)
        anchor = f"{family}.html#{entry.name}" if family else f"{entry.name}.html"
        row = listed.partition(f'href="{anchor}"')[2].partition("</tr>")[0]
        assert RELEASES[0] not in row.partition('data-xen="')[2].partition('"')[0].split()
        assert "since" in row or " to " in row, entry.title
    changes = (site_folder / "catalogue/changes.html").read_text("utf-8")
    assert [f'id="{one}"' in changes for one in RELEASES] == [False, *[True] * (len(RELEASES) - 1)]


def test_the_public_names_have_their_docstrings(
    site_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (site_folder / "api.html").read_text("utf-8")
    for name in xe.__all__:
        assert f'href="#{name}"' in text
        assert f'<section id="{name}">' in text or f'id="{name}"' in text, name
    assert "Run a scenario under one option." in text
    assert "&#x61;" not in text, "nothing is hidden from robots, each time otherwise"
    monkeypatch.setattr(api_pages, "has_pdoc", lambda: False)
    assert "made without pdoc" in api_pages.api_page()


def test_markdown_takes_no_html_and_leads_where_it_is_told() -> None:
    text = "<b>x</b> [a](one.ipynb) [b](../else.md) [c](https://example.org/) [d](javascript:x)\n"
    html = markdown_html(text, lambda href: "one.html" if href == "one.ipynb" else "")
    assert "<b>" not in html
    assert '<a href="one.html">a</a> b <a href="https://example.org/"' in html
    assert html.endswith(' rel="noreferrer">c</a> d</p>\n')
