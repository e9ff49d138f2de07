"""The review matrix as text: options across, questions down, scenarios and reasons below."""

from __future__ import annotations

from collections.abc import Sequence

from xenexplore.render.text.table import heading, paragraph
from xenexplore.scenario.run.matrix import Cell, Question
from xenexplore.steps import Status

__all__ = ["matrix_text"]

_LETTERS = {Status.RIGHT: "r", Status.WRONG: "W", Status.ERROR: "e", Status.REFUSED: "-", None: "s"}
_COLUMN = 5
_ACROSS = (72 - 4) // _COLUMN
_LEGEND = (
    "r right, W wrong without a fault, e error reported, - refused; several letters: variants "
    "or scenarios differ. A dot: no scenario; the reason is below."
)


def matrix_text(questions: Sequence[Question]) -> str:
    """The whole matrix.

    Args:
        questions: its rows, all with the same options in the same order.
    """
    lines = heading("Questions of the thread, and the result of each option")
    count = len(questions[0].cells) if questions else 0
    for first in range(0, max(count, 1), _ACROSS):
        lines += [""] if first else []
        lines += _block(questions, slice(first, first + _ACROSS))
    lines += ["", *paragraph(_LEGEND), ""]
    for question in questions:
        lines += _details(question)
    return "".join(f"{line.rstrip()}\n" for line in lines)


def _block(questions: Sequence[Question], columns: slice) -> list[str]:
    """The letters of some columns, as many as a line has room for."""
    idents = [cell.ident for cell in questions[0].cells[columns]] if questions else []
    return [
        "    " + "".join(ident.rjust(_COLUMN) for ident in idents),
        *(
            question.name.ljust(4)
            + "".join(_letters(cell).rjust(_COLUMN) for cell in question.cells[columns])
            for question in questions
        ),
    ]


def _letters(cell: Cell) -> str:
    if not cell.shown:
        return "."
    found = {_LETTERS[shown.status] for shown in cell.shown}
    return "".join(letter for letter in "rWe-s" if letter in found)


def _details(question: Question) -> list[str]:
    """Scenarios of a question, and the options without one by their reasons."""
    lines = [f"{question.name}  {question.title}"]
    names = dict.fromkeys(shown.scenario for cell in question.cells for shown in cell.shown)
    if names:
        lines += paragraph("run: " + ", ".join(names), 4, 5)
    reasons: dict[str, list[str]] = {}
    for cell in question.cells:
        if cell.reason:
            reasons.setdefault(cell.reason, []).append(cell.ident)
    for reason, idents in reasons.items():
        if reason != "never specified":
            lines += paragraph(f"{' '.join(idents)}: {reason}", 4, 2)
    return lines
