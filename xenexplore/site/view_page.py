"""The page that steps through runs, and the one-file export that it can save."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final

from xenexplore.render.web.page import html_document
from xenexplore.site.runs import ScenarioFacts
from xenexplore.site.shell import LIVE_POLICY, POLICY, page

__all__ = ["one_file_template", "view_page"]

_STEP: Final = 987_654_321
_SLOTS: Final = {
    str(_STEP): "step",
    "xe-slot-title": "title",
    "xe-slot-python": "python",
    "xe-slot-svg": "svg",
    "xe-slot-text": "text",
    "xe-slot-data": "data",
}

_CELL: Final = """<details class="cell"><summary>A design of your own</summary>
<p><label for="design">Python that defines one class; it is run in this browser beside the
scenario's designs, and is not part of a copied link.</label></p>
<textarea id="design" rows="14" spellcheck="false" autocomplete="off" autocapitalize="off"
wrap="off" placeholder="import xenexplore as xe

class Again(xe.Design):
    &quot;&quot;&quot;Today's walk, written again.&quot;&quot;&quot;

    def locate(self, xen, access):
        for va, size in xe.split_pages(xe.Gva(access.handle), access.size):
            yield xe.walk_piece(xen, va, size, write=access.writes, vcpu=access.current)
"></textarea></details>"""


def one_file_template(*, traces: bool) -> str:
    """The one-file export with ``{{name}}`` where a run's own parts go.

    Filled in, it is byte for byte what :func:`~xenexplore.render.web.page.html_document` gives.

    Args:
        traces: whether it is the file of a comparison.
    """
    text = html_document(
        "xe-slot-data",
        title="xe-slot-title",
        step=_STEP,
        python="xe-slot-python",
        traces=traces,
        fallback_svg="xe-slot-svg",
        fallback_text="xe-slot-text",
    )
    assert "{{" not in "".join(f"{{{name}" for name in _SLOTS.values())
    for slot, name in _SLOTS.items():
        assert slot in text, f"the export has no place for {name}"
        text = text.replace(slot, f"{{{{{name}}}}}")
    return text


def view_page(scenarios: Sequence[ScenarioFacts], *, live: bool) -> str:
    """The page; which run it shows is in its address.

    Args:
        scenarios: those that can be chosen.
        live: whether the site can run scenarios that are edited.
    """
    names = "".join(
        f'<option value="{escape(one.about.name)}">{escape(one.about.name)}: '
        f"{escape(one.about.title)}</option>"
        for one in scenarios
    )
    edit = (
        '<button type="button" data-do="edit" aria-expanded="false" aria-controls="editor">'
        "Edit and run</button>"
        if live
        else ""
    )
    cell = _CELL if live else ""
    body = f"""<h1 class="sr">Step through a run</h1>
<noscript><p>The views are drawn by a script, which this browser does not run.</p></noscript>
<p id="opened" class="said">If this stays, the page was opened as a file: a browser loads its
scripts from a web server only. In the site's folder, run <code>python3 -m http.server</code>.</p>
<form class="bar" hidden><label>Scenario <select name="scenario">{names}</select></label>
<label>Design <select name="option"></select></label>
<span class="acts"><button type="button" data-do="link">Copy link</button>
<button type="button" data-do="mail">Copy as mail text</button>
<button type="button" data-do="svg">Copy SVG</button>
<button type="button" data-do="png">Copy PNG</button>
<button type="button" data-do="file">Save as one file</button>{edit}</span></form>
<p id="said" class="said" role="status"></p>
<textarea id="copied" hidden readonly rows="6" aria-label="Text to copy"></textarea>
<div id="panes"><section id="editor" hidden aria-label="Scenario">
<div class="editorhead"><label for="source">The scenario's text</label>
<span><button type="button" data-do="run">Run</button>
<button type="button" data-do="revert">Undo all changes</button></span></div>
<div class="editorbox"><pre id="lines" aria-hidden="true"></pre><textarea id="source" rows="30"
spellcheck="false" autocomplete="off" autocapitalize="off" wrap="off"></textarea></div>
<p id="wrong" class="wrong" role="alert"></p>{cell}</section>
<div id="view" data-live="{"yes" if live else "no"}"></div></div>"""
    return page(
        "Step through a run",
        body,
        here="view.html",
        styles=("stepper.css",),
        script="view.js",
        policy=LIVE_POLICY if live else POLICY,
    )
