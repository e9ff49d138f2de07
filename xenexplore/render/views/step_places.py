"""A step by what it belongs to: a name that holds while a scenario is edited elsewhere."""

from __future__ import annotations

from xenexplore.render.views.lockstep import CALLS, PARTS, RETURN, waits_of
from xenexplore.scenario.run.trace import Trace
from xenexplore.scenario.text.notes import PLACE

__all__ = ["marks_of", "place_of", "step_at"]

_NUMBERS = {name.value: part for name, part in PARTS.items()}
_WORDS = {part: word for word, part in _NUMBERS.items()}


def place_of(trace: Trace, index: int) -> str:
    """Node that a step belongs to, and how many steps after its beginning it comes.

    >>> import xenexplore as xe
    >>> place_of(xe.run(xe.load("straddle"), "linear-walk"), 5)
    'action 1, call 1, copy 1 + 2'
    """
    begins, (action, part, call, copy) = max(w for w in waits_of(trace) if w[0] <= index)
    words = [f"action {action}" if action else "start"]
    if part in _WORDS:
        words.append(_WORDS[part])
    elif call:
        words.append(f"call {call}")
    if copy:
        words.append("return" if copy == RETURN else f"copy {copy}")
    return ", ".join(words) + (f" + {index - begins}" if index > begins else "")


def step_at(trace: Trace, place: str) -> int | None:
    """The step of a place; None where the run has nothing of that name, or not so many steps."""
    found = PLACE.fullmatch(place)
    if found is None:
        return None
    action, call, copy, on = (int(found[name] or 0) for name in ("action", "call", "copy", "on"))
    part = _NUMBERS.get(found["part"] or "", CALLS if call or copy or found["back"] else 0)
    key = (action, part, call, RETURN if found["back"] else copy)
    waits = waits_of(trace)
    for at, (begins, name) in enumerate(waits):
        end = waits[at + 1][0] if at + 1 < len(waits) else len(trace.steps)
        if name == key:
            return begins + on if begins + on < end else None
    return None


def marks_of(trace: Trace) -> tuple[tuple[int, str], ...]:
    """The steps that the scenario marks, in order, each with its note or ``""``."""
    found = ((step_at(trace, note.at), note.text) for note in trace.notes)
    return tuple(sorted((at, text) for at, text in found if at is not None))
