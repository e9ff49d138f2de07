"""A bookmark in a run, or a note on one of its steps."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["StepNote"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepNote:
    """A step that a reader has marked, with the reader's note.

    Attributes:
        at: the step's position: ``"action 2, call 1, copy 1 + 3"`` is the third step after that
            copy.
        option: label of the option that it applies to; ``""``: every option.
        text: the note; ``""``: a bookmark.
        line: line of the text, from 1; 0 if it never was text.
    """

    at: str
    option: str = ""
    text: str = ""
    line: int = field(default=0, compare=False)
