"""The front page, which is the review matrix, and a page for each question."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from xenexplore.options.registry import OPTIONS
from xenexplore.scenario.text.links import Link
from xenexplore.site.answers import Answer, AnsweredQuestion, run_mark, view_href
from xenexplore.site.runs import RunFacts, ScenarioFacts
from xenexplore.site.shell import linked, page, prose, table
from xenexplore.steps import Status

__all__ = ["front_page", "question_page", "scenario_section"]

_LEGEND = (
    (Status.RIGHT, "\u2713", "every byte moved to or from the frame that the caller meant"),
    (Status.WRONG, "\u2715", "wrong bytes, without a fault"),
    (Status.ERROR, "!", "an error is reported"),
    (Status.REFUSED, "\u2013", "refused"),
)


def front_page(questions: Sequence[AnsweredQuestion], runs: int) -> str:
    """Designs across, questions down; a mark leads to the step that decides the run."""
    heads = "".join(
        f'<th scope="col"><a href="designs/{option.name}.html" title="{escape(option.title)}">'
        f"<span>{option.name}</span>{option.ident}</a></th>"
        for option in OPTIONS.values()
    )
    rows = "".join(
        f'<tr><th scope="row"><a href="{question.place}"><b>{question.name}</b> '
        f"{escape(question.title)}</a></th>"
        + "".join(f"<td>{_cell(question, answer)}</td>" for answer in question.answers)
        + "</tr>"
        for question in questions
    )
    legend = "".join(
        f'<li><span class="mark {status}" aria-hidden="true">{mark}</span> {words}</li>'
        for status, mark, words in _LEGEND
    )
    body = f"""<h1>How Xen finds hypercall buffers: questions and designs</h1>
<p class="lead">In September 2022 xen-devel asked how hypercalls could pass buffers by physical
address. Each row is a question raised by reviewers, each column a design; every mark is a run of a
model of Xen, and links to the deciding step. {runs} runs, nothing to install.</p>
<ul class="legend">{legend}<li><span class="none" aria-hidden="true">\u00b7</span> no run: follow it
for the reason</li></ul>
<p id="readout" class="readout" aria-hidden="true">Point at a mark for the run behind it.</p>
<div class="scroll matrix" tabindex="0" role="group" aria-label="Questions by designs">
<table><caption>Questions of the thread, with the result of each design</caption>
<thead><tr><th scope="col">Question</th>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"""
    return page("xenexplore: hypercall buffers in Xen", body, here="index.html", script="front.js")


def _cell(question: AnsweredQuestion, answer: Answer) -> str:
    anchor = f"{question.place}#{answer.option}"
    if not answer.runs:
        reason = escape(answer.reason)
        about = f"{question.name}, {answer.ident} {answer.option}, no run: {reason}"
        return (
            f'<a class="none" href="{anchor}" title="{about}" aria-label="{about}">'
            '<span aria-hidden="true">\u00b7</span></a>'
        )
    parts = []
    for status in Status:
        alike = [(scenario, run) for scenario, run in answer.runs if run.status is status]
        if alike:
            parts.append(run_mark(*alike[0], ""))
        if len(alike) > 1:
            about = f"all {len(alike)} such runs of {answer.option} for {question.name}"
            parts.append(
                f'<a class="more" href="{anchor}" title="{about}" aria-label="{about}">'
                f"{len(alike)}</a>"
            )
    return "".join(parts)


def question_page(question: AnsweredQuestion) -> str:
    """Page of one question: who asked, verdicts side by side; why other designs have no run."""
    seen: set[str] = set()
    parts = [f"<h1>{question.name}: {escape(question.title)}</h1>"]
    if not question.scenarios:
        parts.append("<p>No scenario of this site covers it.</p>")
    parts += [scenario_section(scenario, "../", seen) for scenario in question.scenarios]
    without = [answer for answer in question.answers if not answer.runs]
    if without:
        items = "".join(
            f'<dt id="{answer.option}"><a href="../designs/{answer.option}.html">{answer.ident} '
            f"{answer.option}</a></dt><dd>{linked(answer.reason)}</dd>"
            for answer in without
        )
        parts.append(
            f'<section><h2>Designs without a run</h2><dl class="reasons">{items}</dl></section>'
        )
    title = f"{question.name}: {question.title}"
    return page(title, "".join(parts), here=question.place)


def scenario_section(scenario: ScenarioFacts, up: str, seen: set[str], only: str = "") -> str:
    """One scenario: who asked, what happens, and what came of each design.

    Args:
        scenario: which.
        up: from the page to the site's root, e.g. ``"../"``.
        seen: names of designs that the page has an anchor for; grows.
        only: a design's name: of its runs alone; ``""``: of all.
    """
    about = scenario.about
    every = view_href(up, Link(scenario=about.name))
    parts = [f'<section><h2><a href="{every}">{escape(about.title)}</a></h2>']
    facts = [("Asked by", linked(" ".join(about.asked.split())))]
    facts.append(("Ours", linked(" ".join(about.ours.split()))))
    facts.append(("Scenario", f"<code>{escape(about.name)}</code>"))
    parts.append('<dl class="facts">')
    parts += [f"<dt>{name}</dt><dd>{text}</dd>" for name, text in facts if text]
    parts.append(f'</dl><div class="prose">{prose(about.text)}</div>')
    if scenario.failed:
        items = "".join(f"<li>{escape(text)}</li>" for text in scenario.failed)
        parts.append(f'<p>Expectations that do not hold:</p><ul class="failed">{items}</ul>')
    rows = []
    for run in scenario.runs:
        if only in ("", run.option):
            mark = "" if run.option in seen else f' id="{run.option}"'
            seen.add(run.option)
            rows.append(_run_row(scenario, run, up, mark))
    head = ("Design", "Verdict", "The deciding step", "Bytes", "Result", "Hazards")
    parts.append(table(head, rows, caption=f"{about.name}: the verdicts", cls="verdicts"))
    parts.append(f'<p><a class="button" href="{every}">All designs side by side</a></p></section>')
    return "".join(parts)


def _run_row(scenario: ScenarioFacts, run: RunFacts, up: str, mark: str) -> tuple[str, ...]:
    link = Link(scenario=scenario.about.name, option=run.label, step=run.opens)
    says = escape(run.refusals[0] if run.refusals else run.says)
    moved = [f"{run.right:,} right"] if run.right else []
    moved += [f'<b class="bad">{run.wrong:,} wrong</b>'] if run.wrong else []
    moved += [f"{run.lost:,} checks lost"] if run.lost else []
    label = "" if run.label == run.option else f"<br><small>{escape(run.label)}</small>"
    design = f'<a href="{up}designs/{run.option}.html" title="{escape(run.title)}">'
    return (
        f"<span{mark}>{design}{run.ident} {run.option}</a></span>{label}",
        run_mark(scenario, run, up, words=True),
        f'<a href="{view_href(up, link)}">step {run.opens}</a>: {says}',
        ", ".join(moved) or "none",
        "none" if run.result is None else str(run.result),
        "<br>".join(escape(hazard) for hazard in run.hazards) or "none",
    )
