"""Common parts of a scenario's actions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

__all__ = ["ActionSpec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionSpec:
    """Base of every action.

    Class attributes:
        do: the text's word for it.
        by_guest: the guest does it alone, without a hypercall: it may come before
            :class:`~xenexplore.scenario.model.prompt_actions.Setup`.

    Attributes:
        line: line of the text, from 1; 0 if it never was text.
    """

    do: ClassVar[str] = ""
    by_guest: ClassVar[bool] = False

    line: int = field(default=0, compare=False)
