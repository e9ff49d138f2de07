"""One line of an outline, and how loops and ends are spelled on it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from xenexplore.hypercalls.language.expressions import Expression
from xenexplore.hypercalls.language.statements import CopyStatement, ExitStatement, Loop

__all__ = ["OutlineLine", "exit_text", "loop_text", "names_in"]

_NAME = re.compile(r"(?<![\w.])[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True)
class OutlineLine:
    """One line of an outline.

    Attributes:
        depth: nesting.
        kind: ``"copy"``, ``"test"``, ``"loop"``, ``"state"``, ``"exit"``,
            ``"value"`` or ``"call"``.
        text: the line, in words.
        role: which piece a copy is, in words.
        access: the copy itself.
        size: bytes of one element of it (the field's, where only a field is copied).
        uses: names that the line's expressions read.
        names: what a value line gives a name to.
    """

    depth: int
    kind: str
    text: str
    role: str = ""
    access: CopyStatement | None = None
    size: int = 0
    uses: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    names: str = field(default="", repr=False, compare=False)


def names_in(*expressions: Expression | None) -> frozenset[str]:
    """The names that expressions read."""
    return frozenset(name for one in expressions if one for name in _NAME.findall(one.text))


def loop_text(node: Loop) -> str:
    """How a loop begins, in words."""
    if node.stop is not None:
        return f"for each {node.name} from {node.start.text} up to {node.stop.text}, exclusive:"
    if node.reason:
        return f"for each {node.name} from {node.start.text} on, while {node.reason}:"
    return f"for each {node.name} from {node.start.text} on:"


def exit_text(node: ExitStatement) -> str:
    """How a call, a scope or a loop may end, in words."""
    test = f" if {node.test.text}" if node.test and node.test.text != "1" else ""
    why = f": {node.reason}" if node.reason else ""
    if node.how == "fail":
        return f"{'fails' if node.test else 'may fail'}{test}{why}"
    if node.how == "continue":
        leg = ", ".join(f"{name} = {value.text}" for name, value in node.args)
        leg = f"; next leg: {leg}" if leg else "; next leg: the same arguments"
        verb = "is" if node.test else "may be"
        if node.reason.startswith("preempted"):
            return f"{verb} {node.reason}{test}{leg}"
        return f"{verb} preempted{test}{why}{leg}"
    word = {"end": "returns", "leave": "goes on behind this", "break": "leaves the loop"}[node.how]
    return f"{word}{test}{why}"
