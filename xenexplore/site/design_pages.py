"""A page for each design, and the list of them."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from xenexplore.hypervisor.design import Design, Parameter
from xenexplore.options.registry import OPTIONS
from xenexplore.render.views.option_refusals import refusals_of
from xenexplore.site.answers import AnsweredQuestion, run_mark
from xenexplore.site.shell import linked, page, prose, table

__all__ = ["design_list", "design_page"]


def design_list() -> str:
    """Every design: number, name, title, who proposed it."""
    rows = [
        (
            f'<a href="{option.name}.html">{option.ident} {option.name}</a>',
            escape(option.title),
            linked(str(option.asked)),
        )
        for option in OPTIONS.values()
    ]
    body = "<h1>Designs</h1>" + table(
        ("Design", "Title", "Proposed by"), rows, caption="The proposed designs", cls="wide"
    )
    return page("Designs", body, here="designs/index.html")


def design_page(option: type[Design], questions: Sequence[AnsweredQuestion]) -> str:
    """Page of one design: summary, parameters, unsupported guests, its column of the matrix."""
    parts = [f"<h1>{option.ident} {option.name}</h1><p class='lead'>{escape(option.title)}</p>"]
    if not option.specified:
        parts.append("<p>Not specified: no guest is supported.</p>")
    parts.append(f'<div class="prose">{prose(option.summary)}</div>')
    parts.append(f'<dl class="facts"><dt>Source</dt><dd>{linked(str(option.asked))}</dd></dl>')
    if option.parameters:
        rows = [_parameter(parameter) for parameter in option.parameters]
        head = ("Parameter", "Default", "Others", "Meaning", "Source")
        parts.append("<h2>Parameters</h2>")
        parts.append(table(head, rows, caption=f"Parameters of {option.name}", cls="wide"))
    refusals = refusals_of(option)
    if refusals:
        items = "".join(
            f"<dt>{escape(guest)}</dt><dd>{linked(why)}</dd>" for guest, why in refusals
        )
        parts.append(f'<h2>Unsupported guests</h2><dl class="reasons">{items}</dl>')
    rows = []
    for question in questions:
        answer = next(one for one in question.answers if one.option == option.name)
        runs = "<br>".join(
            f"{run_mark(scenario, run, '../', words=True)}: {escape(scenario.about.name)}"
            + ("" if run.label == run.option else f", {escape(run.label)}")
            for scenario, run in answer.runs
        )
        rows.append(
            (
                f'<a href="../{question.place}">{question.name}</a>',
                escape(question.title),
                runs or linked(answer.reason),
            )
        )
    parts.append("<h2>Questions</h2>")
    caption = f"Results of {option.name} for each question"
    columns = ("Number", "Question", "Run, or the reason why there is none")
    parts.append(table(columns, rows, caption=caption, cls="wide"))
    return page(f"{option.ident} {option.name}", "".join(parts), here=f"designs/{option.name}.html")


def _parameter(parameter: Parameter) -> tuple[str, ...]:
    others = [choice for choice in parameter.choices if choice != parameter.default]
    if isinstance(parameter.default, bool):
        others = [not parameter.default]
    kind = {int: "a number", str: "a word", tuple: "a list of words"}.get(
        type(parameter.default), ""
    )
    return (
        f"<code>{escape(parameter.name)}</code>",
        f"<code>{_word(parameter.default)}</code>",
        ", ".join(f"<code>{_word(other)}</code>" for other in others) or kind,
        escape(parameter.help),
        linked(parameter.source),
    )


def _word(value: str | int | bool | tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return escape(" ".join(value) or "nothing" if isinstance(value, tuple) else str(value))
