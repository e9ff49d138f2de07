"""A scenario's description."""

from __future__ import annotations

from dataclasses import dataclass

from xenexplore.steps import Json, field_json

__all__ = ["About"]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A scenario's description.

    Attributes:
        name: short name for the command line: ``"evtchn-send-from-stack"``.
        title: one line.
        question: numbers of the questions that it answers, e.g. ``("Q22",)``.
        asked: origin of the question: author, date, Message-ID; or ``""``.
        ours: our own inference, not a reviewer's statement; or ``""``.
        text: description, in prose.
    """

    name: str
    title: str
    question: tuple[str, ...] = ()
    asked: str = ""
    ours: str = ""
    text: str = ""

    def as_json(self) -> dict[str, Json]:
        """Every field by name."""
        record = field_json(self)
        assert isinstance(record, dict)
        return record
