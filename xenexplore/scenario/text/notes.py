"""The tables ``[[note]]`` of a scenario's text: read, and written back without another change."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence

from xenexplore.options.registry import OPTIONS
from xenexplore.scenario.model.step_note import StepNote
from xenexplore.scenario.text import toml_spelling as toml
from xenexplore.scenario.text.fields import Fields, nearest
from xenexplore.scenario.text.writer import note_lines

__all__ = ["PLACE", "notes_text", "read_note", "with_notes"]

#: A step by what it belongs to, as :mod:`xenexplore.render.views.step_places` spells it.
PLACE = re.compile(
    r"(?:start|action (?P<action>\d+)(?:, (?P<part>prepare|finish))?(?:, call (?P<call>\d+))?"
    r"(?:, (?:copy (?P<copy>\d+)|(?P<back>return)))?)(?: \+ (?P<on>\d+))?"
)
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)
_NOTE = re.compile(r"[ \t]*\[\[\s*note\s*\]\]")


def read_note(fields: Fields, labels: tuple[str, ...]) -> StepNote:
    """One table ``[[note]]``, about a run under an option of these labels."""
    at = fields.word("at")
    if not PLACE.fullmatch(at):
        fields.fail(
            "at", expected='a step, e.g. "action 2, call 1, copy 1 + 3"', got=repr(at[:60]),
            hint="a stepper writes it: b bookmarks the current step",
        )  # fmt: skip
    option = fields.word("option", "")
    known = labels or tuple(OPTIONS)
    if option and option not in known:
        fields.fail(
            "option", expected=f"one of {', '.join(known)}", got=repr(option),
            hint=nearest(option, known),
        )  # fmt: skip
    note = StepNote(at=at, option=option, text=fields.word("text", ""), line=fields.line)
    fields.finish()
    return note


def notes_text(notes: Sequence[StepNote]) -> str:
    """The tables of some notes."""
    return "\n".join(
        "\n".join([toml.header("note", many=True), *note_lines(note), ""]) for note in notes
    )


def with_notes(text: str, notes: Sequence[StepNote]) -> str:
    """A scenario's text with these notes, at its end, in place of those that it has."""
    starts = [found.start() for found in _TABLE.finditer(text)]
    parts = [text[: starts[0]] if starts else text]
    parts += [text[at:end] for at, end in itertools.pairwise([*starts, len(text)])]
    kept = "".join(part for part in parts if not _NOTE.match(part)).rstrip("\n")
    return "\n".join([kept, "", notes_text(notes)]) if notes else f"{kept}\n"
