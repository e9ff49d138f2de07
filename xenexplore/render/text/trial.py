"""A trial as text: a row of the matrix, the conditions, and each fault as a scenario."""

from __future__ import annotations

from collections import Counter

from xenexplore.render.text.table import heading, paragraph, table
from xenexplore.scenario.trial.judging import Ruling
from xenexplore.scenario.trial.machines import CONDITIONS
from xenexplore.scenario.trial.trial import Case, Trial

__all__ = ["trial_text"]

_LETTERS = {
    Ruling.AGREES: "r", Ruling.REFUSED: "-", Ruling.FAILS: "e", Ruling.UNCHECKED: "u",
    Ruling.HAZARD: "h", Ruling.DAMAGE: "W", Ruling.LOST: "L", Ruling.DIFFERS: "D",
    Ruling.MISTAKE: "M",
}  # fmt: skip
_LEGEND = (
    "r as today, - refused, e an error where today bytes move, u moved without today's checks, "
    "as declared, h a hazard reported by the run. Faults: W silent damage, L an undeclared lost "
    "check, D different results, M a mistake in a hook."
)
_ACROSS = 12


def trial_text(tried: Trial) -> str:
    """The whole trial, ending in a newline."""
    lines = heading(f"{tried.design.label} on trial, compared with today's interface", "=")
    lines += ["", *_row(tried), "", *_conditions(tried), "", *paragraph(_LEGEND)]
    for number, case in enumerate(tried.failed, 1):
        lines += ["", *heading(f"Fault {number} ({case.ruling})"), *paragraph(f"{case.why}.")]
        lines += ["", *case.text.rstrip().splitlines()]
    admitted = [case for case in tried.cases if case.admitted]
    if admitted:
        lines += ["", *heading("Hazards declared by the design")]
        for case in admitted:
            lines += paragraph(_said(case), 0, 4)
    lines += ["", *paragraph(_verdict(tried))]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _row(tried: Trial) -> list[str]:
    """The questions of the thread, some to a line."""
    names = list(tried.questions)
    lines: list[str] = []
    for first in range(0, len(names), _ACROSS):
        some = names[first : first + _ACROSS]
        lines.append("".join(name.rjust(5) for name in some))
        lines.append("".join(_letters(tried.questions[name]).rjust(5) for name in some))
    return lines


def _conditions(tried: Trial) -> list[str]:
    rows = [
        [word, str(sum(found.values())), _letters(found), CONDITIONS[word][0]]
        for word, found in tried.conditions.items()
        if found
    ]
    return table(rows, "lrll") if rows else []


def _letters(found: Counter[Ruling]) -> str:
    return "".join(letter for ruling, letter in _LETTERS.items() if found[ruling])


def _said(case: Case) -> str:
    return f"{case.found}: {case.why}; {case.admitted}"


def _verdict(tried: Trial) -> str:
    faults = len(tried.failed)
    what = "No fault" if not faults else f"{faults} fault{'s' * (faults > 1)}"
    more = f"; {tried.more} more machines show the same" if tried.more else ""
    return (
        f"{what} in {tried.machines} random machines (seed {tried.seed}) and the built-in "
        f"scenarios tried{more}. A machine's N and seed reproduce it."
    )
