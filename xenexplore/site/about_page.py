"""The list of scenarios, and the page that says how the site is used."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from xenexplore import __version__
from xenexplore.scenario.text.links import Link
from xenexplore.site.answers import AnsweredQuestion, run_mark, view_href
from xenexplore.site.runs import ScenarioFacts
from xenexplore.site.shell import page, table

__all__ = ["about_page", "scenario_list"]

_ABOUT = """<h1>About this site</h1>
<div class="prose"><p>xenexplore {version} models how Xen finds the buffers passed to hypercalls,
today and under the designs proposed on xen-devel in September 2022. Each run was computed by the
model; each step names its source: a file and symbol of Xen, a manual, or a mail. Our own
statements, as opposed to a reviewer's, are marked as ours.</p>
<h2>Links for a mail</h2>
<p>Every view has an address, down to the step:
<code>view.html#s=wrong-vcpu&amp;o=software-tlb&amp;step=5</code>
is step 5 of the scenario wrong-vcpu under the design software-tlb. Without <code>o</code> all
designs are side by side. The part after the # is read by the page and not sent to a server. Links
keep their meaning from one version of the site to the next.</p>
{live}
<h2>Without a network</h2>
<p>The first visit stores a copy in the browser: the second visit works offline. The site makes no
request to another host; links to the list's archive are followed only when clicked.</p>
<h2>The same at a prompt</h2>
<p>Every view has a command that prints it as text in 72 columns (<code>xenexplore run
wrong-vcpu --option software-tlb</code>), draws it, or writes it as one file; and a line of Python
for JupyterLab. "Save as one file" gives the file that <code>xenexplore html</code> writes, which
opens without a server.</p>
<h2>Taking part</h2>
<p><a href="contributing.html">CONTRIBUTING</a> explains how to add a design, a scenario, a
hypercall or a view, and which test fails first.</p></div>"""
_LIVE = """<h2>Edit and run</h2>
<p>"Edit and run" beside a view opens the scenario's text. The model itself runs it, in this
browser (engine: <a href="engine/NOTICE.txt">Pyodide</a>). "Copy link" then includes the whole text
in the link.</p>"""
_NOT_LIVE = """<h2>Scenarios of your own</h2>
<p>This copy was made without the part that runs scenarios in the browser: run them with
<code>xenexplore run FILE</code>, or make the site again without <code>--no-live</code>.</p>"""


def about_page(*, live: bool) -> str:
    """Page about the use of the site."""
    body = _ABOUT.format(version=escape(__version__), live=_LIVE if live else _NOT_LIVE)
    return page("About", body, here="about.html")


def scenario_list(scenarios: Sequence[ScenarioFacts], questions: Sequence[AnsweredQuestion]) -> str:
    """Every scenario with its questions and the verdicts of its runs."""
    places = {question.name: question.place for question in questions}
    rows = []
    for one in scenarios:
        name = one.about.name
        asked = " ".join(
            f'<a href="{places[question]}">{question}</a>'
            if question in places
            else escape(question)
            for question in one.about.question
        )
        rows.append(
            (
                f'<a href="{view_href("", Link(scenario=name))}">{escape(name)}</a>',
                escape(one.about.title),
                asked,
                "".join(
                    f"{run_mark(one, run, '')} <small>{escape(run.label)}</small><br>"
                    for run in one.runs
                ),
            )
        )
    body = "<h1>Scenarios</h1>" + table(
        ("Scenario", "Title", "Questions", "Designs"),
        rows,
        caption="Every scenario",
        cls="scenarios",
    )
    return page("Scenarios", body, here="scenarios.html")
