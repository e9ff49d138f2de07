"""One line of an outline, and how loops and ends are spelled on it."""

from __future__ import annotations

from dataclasses import dataclass, field

from xenexplore.hypercalls.callers import FACTS
from xenexplore.hypercalls.language.expressions import ALWAYS, Expression, names_in
from xenexplore.hypercalls.language.statements import CopyStatement, ExitStatement, Loop, Way

__all__ = ["OutlineLine", "exit_text", "loop_text"]


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
        names: the name that a value line gives.
        value: what that name is, or None where it is Xen's answer.
    """

    depth: int
    kind: str
    text: str
    role: str = ""
    access: CopyStatement | None = None
    size: int = 0
    uses: frozenset[str] = field(default=frozenset(), repr=False, compare=False)
    names: str = field(default="", repr=False, compare=False)
    value: Expression | None = field(default=None, repr=False, compare=False)


def loop_text(node: Loop) -> str:
    """Opening of a loop, in words."""
    if node.stop is not None:
        return f"for each {node.name} from {node.start.text} up to {node.stop.text} (exclusive):"
    if node.reason:
        return f"for each {node.name} from {node.start.text} on, while {node.reason}:"
    return f"for each {node.name} from {node.start.text} on:"


def exit_text(node: ExitStatement) -> str:
    """Ways in which a call, a scope or a loop may end, in words."""
    test = f" if {node.test.text}" if node.test and node.test.text != ALWAYS.text else ""
    why = f": {node.reason}" if node.reason else ""
    if test and node.reason and names_in(node.test) <= FACTS.keys():
        test, why = f" if {node.reason}", ""  # no reader knows the plan's name of a fact
    if node.how is Way.FAIL:
        errnos = ", ".join(f"-{name}" for name in node.errnos[:-1])
        errnos = f"{errnos} or -{node.errnos[-1]}" if errnos else f"-{node.errnos[-1]}"
        return f"{'returns' if node.test else 'may return'} {errnos}{test}{why}"
    if node.how is Way.CONTINUE:
        leg = ", ".join(f"{name} = {value.text}" for name, value in node.args)
        leg = f"; next leg: {leg}" if leg else "; next leg: the same arguments"
        return f"{'is' if node.test else 'may be'} preempted{test}{why}{leg}"
    return f"{_WORDS[node.how]}{test}{why}"


_WORDS = {
    Way.END: "returns",
    Way.LEAVE: "continues after this",
    Way.BREAK: "leaves the loop",
}
