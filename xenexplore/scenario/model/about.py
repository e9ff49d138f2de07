"""A scenario's description of itself."""

from __future__ import annotations

from dataclasses import dataclass

from xenexplore.steps import Json, field_json

__all__ = ["About"]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """A scenario's description of itself.

    Attributes:
        name: short, as the command line takes it: ``"evtchn-send-from-stack"``.
        title: one line.
        question: the digest's numbers, e.g. ``("Q22",)``.
        asked: who asked: author, date, Message-ID; or ``""``.
        ours: what is our inference and was not said by a reviewer; or ``""``.
        text: prose.
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
