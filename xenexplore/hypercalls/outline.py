"""A copy plan as readers see it: numbered lines with depth, the sub-op's part put in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from xenexplore.hypercalls.catalogue import Hypercall, SubOp, family
from xenexplore.hypercalls.statements import (
    Access,
    Block,
    Branch,
    Dispatch,
    Exit,
    Inner,
    Let,
    Loop,
    Okay,
    Scoped,
    Use,
    Where,
    Whim,
)
from xenexplore.hypercalls.structs import Structs

__all__ = ["Line", "accesses", "outline"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of an outline.

    Attributes:
        depth: nesting.
        kind: ``"copy"``, ``"test"``, ``"loop"``, ``"state"``, ``"exit"``,
            ``"value"`` or ``"call"``.
        text: the line, in words.
        role: which piece a copy is, in words.
        access: the copy itself.
        size: bytes of one element of it (the field's, where only a field is copied).
    """

    depth: int
    kind: str
    text: str
    role: str = ""
    access: Access | None = None
    size: int = 0


_DIRECTIONS = {"from": "copy from guest", "to": "copy to guest", "clear": "clear in guest"}


def outline(entry: Hypercall | SubOp, guest: str = "hvm") -> tuple[Line, ...]:
    """The plan of an entry; a sub-op's comes with what its family does before and after.

    Args:
        entry: a hypercall or sub-op.
        guest: whose struct layouts apply.
    """
    if isinstance(entry, SubOp):
        return tuple(_Outliner(family(entry.family), entry, guest).block_of_family())
    return tuple(_Outliner(entry, None, guest).block_of_family())


def accesses(entry: Hypercall | SubOp, guest: str = "hvm") -> tuple[Line, ...]:
    """Only the copies of an outline."""
    return tuple(line for line in outline(entry, guest) if line.access is not None)


# Numbers of Xen's that no public header names: readers see the number.
_OWN = re.compile(r"\b(CMD_MASK|MOST_EXTENTS|MOST|PREEMPTED|INTERFACE_VERSION)\b")


class _Outliner:
    """Turns statements into lines."""

    def __init__(self, one: Hypercall, op: SubOp | None, guest: str) -> None:
        self.family = one
        self.op = op
        self.guest = guest
        self.structs: Structs = one.structs(guest)

    def block_of_family(self) -> Iterator[Line]:
        return self.block(self.family.plan, 0)

    def block(self, statements: Block, depth: int) -> Iterator[Line]:
        for statement in statements:
            match statement:
                case Access():
                    yield self.access(statement, depth)
                case Branch():
                    yield from self.branch(statement, depth)
                case Loop():
                    yield Line(depth, "loop", self.own(_loop(statement)))
                    yield from self.block(statement.body, depth + 1)
                case Whim():
                    word = "usually" if statement.usual else "sometimes"
                    yield Line(depth, "state", f"{word}, {statement.reason}:")
                    yield from self.block(statement.body, depth + 1)
                case Scoped():
                    # What leaves the scope says so; the scope itself is no step.
                    yield from self.block(statement.body, depth)
                case Where():
                    yield Line(depth, "value", self.own(f"where {statement.test.text}"))
                case Exit():
                    yield Line(depth, "exit", self.own(_exit(statement)))
                case Let():
                    yield from self.value(statement, depth)
                case Okay() if self.guest == "pv":
                    size = f"[{statement.count.text}]" if statement.count else ""
                    text = f"check the range of {statement.address.text}: {statement.type}{size}"
                    yield Line(depth, "test", text)
                case Use():
                    yield from self.block(self.family.part(statement.name), depth)
                case Dispatch():
                    yield from self.dispatch(statement, depth)
                case Inner():
                    args = ", ".join(arg.text for arg in statement.args)
                    yield Line(
                        depth, "call", f"carry out hypercall {statement.number.text} ({args})"
                    )

    def access(self, node: Access, depth: int) -> Line:
        whole = self.structs.sizeof(node.type)
        size = whole
        what = "bytes" if node.type == "uint8_t" and node.count else node.type
        if node.member:
            size = self.structs.resolve(node.type, node.member).size
            what = f"{node.type}.{node.member}"
        where = node.address.text + (f"[{node.index.text}]" if node.index else "")
        if node.count is not None:
            amount = (
                f"{node.count.text} bytes"
                if what == "bytes"
                else f"{node.count.text} x {whole} bytes"
            )
            what = "" if what == "bytes" else what
        else:
            amount = f"{size} byte{'s' if size != 1 else ''}"
        text = f"{_DIRECTIONS[node.direction]}, {where}: {amount}" + (f", {what}" if what else "")
        return Line(depth, "copy", text, node.role, node, size)

    def branch(self, node: Branch, depth: int) -> Iterator[Line]:
        word = "if"
        for test, body in node.arms:
            here = self.settled(test.text)
            if here is False:
                continue
            if here:
                # Decided by the kind of guest: no test that a reader of this
                # guest's plan would see.
                yield from self.block(body, depth)
                return
            yield Line(depth, "test", self.own(f"{word} {test.text}:"))
            yield from self.block(body, depth + 1)
            word = "or if"
        if node.otherwise:
            if word == "if":
                yield from self.block(node.otherwise, depth)
                return
            yield Line(depth, "test", "otherwise:")
            yield from self.block(node.otherwise, depth + 1)

    def settled(self, test: str) -> bool | None:
        """Whether the kind of guest alone decides a test, and how."""
        kinds = set(test.removeprefix("not ").split(" or "))
        if not kinds <= {"hvm", "pv", "arm"}:
            return None
        return (self.guest in kinds) is not test.startswith("not ")

    def own(self, text: str) -> str:
        """Numbers in place of names that no public header has."""
        return _OWN.sub(lambda m: f"{self.family.constants[m[1]]:#x}", text)

    def value(self, node: Let, depth: int) -> Iterator[Line]:
        # Xen's own answers are not steps a reader needs; computed values are.
        if node.name == "returns":
            value = "Xen's answer" if node.value is None else node.value.text
            what = f" ({node.role})" if node.role else ""
            yield Line(depth, "value", self.own(f"the return value is {value}{what}"))
        elif node.value is not None and not node.path and node.value.text not in ("0", "1"):
            yield Line(depth, "value", self.own(f"{node.name} = {node.value.text}"))

    def dispatch(self, node: Dispatch, depth: int) -> Iterator[Line]:
        if self.op is None:
            yield Line(depth, "call", f"go on with the sub-op {node.value.text}")
        elif self.op.missing:
            yield Line(depth, "call", f"not modelled: {self.op.missing}")
        else:
            yield from self.block(self.op.plan, depth)


def _loop(node: Loop) -> str:
    if node.stop is not None:
        return f"for each {node.name} from {node.start.text} up to {node.stop.text}, exclusive:"
    if node.reason:
        return f"for each {node.name} from {node.start.text} on, while {node.reason}:"
    return f"for each {node.name} from {node.start.text} on:"


def _exit(node: Exit) -> str:
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
