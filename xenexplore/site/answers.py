"""The review matrix as a site has it: the runs that answer a question under a design."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from xenexplore.options.registry import OPTIONS
from xenexplore.scenario.run.matrix import matrix
from xenexplore.scenario.text.links import Link, encode_link
from xenexplore.site.runs import RunFacts, ScenarioFacts
from xenexplore.steps import Status

__all__ = ["Answer", "AnsweredQuestion", "answers", "run_mark", "verdict", "view_href"]

_MARKS = {
    Status.RIGHT: ("\u2713", "right"),
    Status.WRONG: ("\u2715", "wrong bytes"),
    Status.ERROR: ("!", "error"),
    Status.REFUSED: ("\u2013", "refused"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One design under one question.

    Attributes:
        option: the design's name; ``ident``: its number.
        runs: the runs of this site that answer, each with its scenario.
        reason: why there is none, or ``""``.
    """

    option: str
    ident: str
    runs: tuple[tuple[ScenarioFacts, RunFacts], ...]
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnsweredQuestion:
    """One question.

    Attributes:
        name: ``"Q1"``; ``title``: a few words.
        scenarios: those of this site that are about it.
        answers: one for each design, in the registry's order.
    """

    name: str
    title: str
    scenarios: tuple[ScenarioFacts, ...]
    answers: tuple[Answer, ...]

    @property
    def place(self) -> str:
        """Its page in the site."""
        return f"questions/{self.name.lower()}.html"


def answers(scenarios: Sequence[ScenarioFacts]) -> tuple[AnsweredQuestion, ...]:
    """Every question of the thread against every design, by the runs of a site."""
    found = []
    for question in matrix(run=False):
        about = tuple(one for one in scenarios if question.name in one.about.question)
        row = []
        for cell in question.cells:
            runs = tuple((s, run) for s in about for run in s.runs if run.option == cell.option)
            reason = cell.reason
            if not runs and not reason:
                names = ", ".join(dict.fromkeys(one.scenario for one in cell.shown))
                reason = f"not in this site: xenexplore compare {names}"
            row.append(
                Answer(
                    option=cell.option, ident=cell.ident, runs=runs, reason="" if runs else reason
                )
            )
        found.append(
            AnsweredQuestion(
                name=question.name, title=question.title, scenarios=about, answers=tuple(row)
            )
        )
    assert all(len(question.answers) == len(OPTIONS) for question in found)
    return tuple(found)


def verdict(status: Status) -> str:
    """A verdict in words."""
    return _MARKS[status][1]


def view_href(up: str, link: Link) -> str:
    """The address of a view, from a page that is ``up`` from the site's root."""
    return escape(f"{up}view.html{encode_link(link)}")


def run_mark(scenario: ScenarioFacts, run: RunFacts, up: str, *, words: bool = False) -> str:
    """A verdict that leads to the step that decides it."""
    mark, word = _MARKS[run.status]
    name = scenario.about.name
    about = f"{name} under {run.label}: {word}, step {run.opens}: {run.says}"
    href = view_href(up, Link(scenario=name, option=run.label, step=run.opens))
    shown = f'<span aria-hidden="true">{mark}</span>' + (f" {word}" if words else "")
    label = "" if words else f' aria-label="{escape(about)}"'
    return f'<a class="mark {run.status}" href="{href}" title="{escape(about)}"{label}>{shown}</a>'
