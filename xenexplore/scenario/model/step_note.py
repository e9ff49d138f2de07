"""A bookmark in a run, or a note on one of its steps."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["StepNote"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepNote:
    """A step that a reader has marked, with what was noted there.

    Attributes:
        at: the step, by what it belongs to: ``"action 2, call 1, copy 1 + 3"`` is the third step
            after that copy.
        option: under which option, by its label; ``""``: under each.
        text: what is noted; ``""``: a bookmark.
        line: line of the text, from 1; 0 if it never was text.
    """

    at: str
    option: str = ""
    text: str = ""
    line: int = field(default=0, compare=False)
