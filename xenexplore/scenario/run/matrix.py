"""The review matrix: each option against each question, a scenario that runs or a reason.

Which built-in scenarios run an option is read from the scenarios; where none
does, ``matrix.toml`` says why, or the option itself (:attr:`Design.unanswered`).  The
questions are numbered as the digest of the thread numbers them.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from xenexplore.display import Shown
from xenexplore.errors import ScenarioError
from xenexplore.hypervisor.design import Design
from xenexplore.options.registry import OPTIONS, variant
from xenexplore.options.variant import Variant
from xenexplore.scenario.library.builtin import builtin_names, load_builtin
from xenexplore.scenario.run.runner import compare
from xenexplore.steps import Json, Status

__all__ = ["Cell", "Matrix", "Question", "RanUnder", "matrix"]

_SOURCE = "matrix.toml"
_KEYS = ("name", "title", "else")


@dataclass(frozen=True, slots=True)
class RanUnder:
    """One run that answers a cell.

    Attributes:
        scenario: name of a built-in.
        label: its option's label.
        status: what came of it, or None where it was not run.
    """

    scenario: str
    label: str
    status: Status | None


@dataclass(frozen=True, slots=True)
class Cell:
    """One option under one question.

    Attributes:
        option: the option's name; ``ident``: its number.
        shown: every run that answers it.
        reason: why there is none, or ``""``.
    """

    option: str
    ident: str
    shown: tuple[RanUnder, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Question:
    """One row.

    Attributes:
        name: ``"Q1"``.
        title: a few words.
        cells: one for each option, in the registry's order.
    """

    name: str
    title: str
    cells: tuple[Cell, ...]

    def as_json(self) -> list[dict[str, Json]]:
        """Its cells, one object each."""
        return [
            {
                "question": self.name,
                "title": self.title,
                "option": cell.option,
                "shown": [
                    {"scenario": s.scenario, "label": s.label, "status": s.status or ""}
                    for s in cell.shown
                ],
                "reason": cell.reason,
            }
            for cell in self.cells
        ]


class Matrix(tuple[Question, ...], Shown):
    """The rows of the matrix, all with the same options in the same order."""

    __slots__ = ()

    def __repr__(self) -> str:
        options = len(self[0].cells) if self else 0
        return f"<Matrix: {len(self)} questions, {options} options>"


def matrix(
    *, run: bool = True, designs: Iterable[type[Design]] = tuple(OPTIONS.values())
) -> Matrix:
    """Every question of the thread against every option.

    Args:
        run: run the scenarios, for the result of each option (some seconds); otherwise the statuses
            are empty.
        designs: the options, in this order, registered or not.  A design of your own is run in
            every scenario that asks a question, unless it gives a reason not to (``unanswered``).

    Raises:
        ScenarioError: a cell of a registered option has neither a scenario nor a reason.
        DesignError: a hook of a design raises, or returns an invalid result.

    >>> matrix(run=False)
    <Matrix: 30 questions, 14 options>
    """
    text = (resources.files("xenexplore.scenario.run") / _SOURCE).read_text(encoding="utf-8")
    tables = tomllib.loads(text)
    columns = tuple(designs)
    listed = any(option in OPTIONS.values() for option in columns)
    shown = _shown(run) if listed else {}
    return Matrix(_question(table, tables, columns, shown, run=run) for table in tables["question"])


def _question(
    table: Mapping[str, Any],
    tables: Mapping[str, Any],
    designs: tuple[type[Design], ...],
    shown: Mapping[tuple[str, str], tuple[RanUnder, ...]],
    *,
    run: bool,
) -> Question:
    name = str(table["name"])
    for key in table:
        if key not in _KEYS and key not in OPTIONS:
            known = ", ".join(OPTIONS)
            raise ScenarioError(_SOURCE, name, expected=f"one of {known}", got=repr(key))
    cells = []
    for option in designs:
        runs = shown.get((name, option.name), ())
        reason = "" if runs else _reason(table, tables, option)
        if not runs and not reason and option not in OPTIONS.values():
            runs = _tried(run, variant(option)).get(name, ())
            reason = "" if runs else "no built-in scenario asks it"
        if not runs and not reason:
            place = f"{name}, {option.name}"
            hint = f"give the reason in {option.__name__}.unanswered, by question or as 'else'"
            raise ScenarioError(
                _SOURCE, place, expected="a scenario or a reason", got="neither", hint=hint
            )
        cells.append(Cell(option.name, option.ident, runs, reason))
    return Question(name, str(table["title"]), tuple(cells))


def _reason(table: Mapping[str, Any], tables: Mapping[str, Any], option: type[Design]) -> str:
    """Reason why no scenario answers; what holds "else" was written for the options listed only."""
    own = _own_reasons(option)
    found = tables["never"].get(option.name) or table.get(option.name) or own.get(table["name"])
    rest = table.get("else") if option.name in tables["else_holds_for"] else own.get("else")
    return str(found or rest or "")


def _own_reasons(option: type[Design]) -> Mapping[str, str]:
    """Reason why no scenario answers, as the class says; of its own, not of a registered base."""
    for kind in option.__mro__:
        if "unanswered" in vars(kind):
            ours = kind is Design or kind in OPTIONS.values()
            return {} if ours and kind is not option else option.unanswered
    return {}


@cache
def _tried(run: bool, option: Variant) -> Mapping[str, tuple[RanUnder, ...]]:
    """A design that no scenario lists, in every scenario that asks something: by question."""
    found: dict[str, tuple[RanUnder, ...]] = {}
    for name in builtin_names():
        scenario = load_builtin(name)
        status = compare(scenario, [option]).rows[0].trace.outcome.status if run else None
        for question in scenario.about.question:
            one = RanUnder(name, option.label, status)
            found[question] = (*found.get(question, ()), one)
    return found


@cache
def _shown(run: bool) -> Mapping[tuple[str, str], tuple[RanUnder, ...]]:
    found: dict[tuple[str, str], tuple[RanUnder, ...]] = {}
    for name in builtin_names():
        scenario = load_builtin(name)
        statuses: dict[str, Status] = {}
        if run:
            rows = compare(scenario).rows
            statuses = {row.trace.option.label: row.trace.outcome.status for row in rows}
        for option in scenario.options:
            one = RanUnder(name, option.label, statuses.get(option.label))
            for question in scenario.about.question:
                key = (question, option.use)
                found[key] = (*found.get(key, ()), one)
    return found
