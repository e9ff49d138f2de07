"""A copy plan for display: numbered lines with depth, with the sub-op's part in its place."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from xenexplore.hypercalls.callers import FACT_WORDS, Caller, caller_of
from xenexplore.hypercalls.catalogue.abis import kinds
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, family
from xenexplore.hypercalls.language.expressions import ALWAYS, Expression, Scope, names_in
from xenexplore.hypercalls.language.statements import (
    Block,
    Branch,
    CopyStatement,
    Dispatch,
    ExitStatement,
    HandleOkay,
    Inner,
    Let,
    Loop,
    Scoped,
    StateDependent,
    Statement,
    Use,
    Way,
    Where,
)
from xenexplore.hypercalls.language.values import Free, Variable
from xenexplore.hypercalls.outline.outline_line import OutlineLine, exit_text, loop_text
from xenexplore.hypercalls.structs import Structs
from xenexplore.steps import ERRNOS, Direction

__all__ = ["accesses", "outline"]


_DIRECTIONS = {
    Direction.FROM: "copy from guest",
    Direction.TO: "copy to guest",
    Direction.CLEAR: "clear in guest",
}


def outline(entry: Family | SubOp, guest: str | Caller = "hvm") -> tuple[OutlineLine, ...]:
    """The plan of an entry; a sub-op's includes what its family does before and after.

    A test that a constant of the plan decides is none, and a start value that no
    line reads is left out; so is a branch or loop with nothing in it.

    Args:
        entry: a hypercall or sub-op.
        guest: whose handlers and layouts apply: a guest of the catalogue, or a kind of
            caller, whose guards are then decided.
    """
    if isinstance(entry, SubOp):
        return _outlined(family(entry.family, entry.xen), entry, guest)
    return _outlined(entry, None, guest)


def _outlined(one: Family, op: SubOp | None, guest: str | Caller) -> tuple[OutlineLine, ...]:
    """Lines, with no value that none of them reads: to leave one out may make more idle."""
    idle: frozenset[str] = frozenset()
    while True:
        lines = tuple(_Outliner(one, op, guest, idle).block_of_family())
        read = {name for line in lines for name in line.uses}
        computed = {line.names for line in lines if line.names and line.uses}
        started = {line.names for line in lines if line.names and not line.uses}
        fresh = {name for name in started if name not in read | computed}
        if fresh <= idle:
            return lines
        idle |= fresh


def accesses(entry: Family | SubOp, guest: str | Caller = "hvm") -> tuple[OutlineLine, ...]:
    """Only the copies of an outline."""
    return tuple(line for line in outline(entry, guest) if line.access is not None)


# Numbers of Xen's that no public header names: readers see the number.
_OWN = re.compile(r"\b(CMD_MASK|MOST_EXTENTS|MOST|PREEMPTED|INTERFACE_VERSION)\b")


class _Outliner:
    """Turns statements into lines; ``constants`` holds what names are known to be."""

    def __init__(
        self, one: Family, op: SubOp | None, guest: str | Caller, idle: frozenset[str]
    ) -> None:
        self.family = one
        self.op = op
        self.caller = caller_of(guest)
        self.guest = self.caller.handlers
        self.structs: Structs = one.structs(self.guest)
        self.idle = idle
        self.constants: dict[str, int] = {}
        # Whether the call is over whatever happens: what follows is not a step.
        self.over = False
        # Names with more than one value: where Xen's answer is one of them, it is stated.
        self.several: set[str] = set()

    def block_of_family(self) -> Iterator[OutlineLine]:
        given: dict[str, set[str]] = {}
        for node in self.all(self.family.plan):
            if isinstance(node, Let) and not node.path:
                given.setdefault(node.name, set()).add(node.value.text if node.value else "?")
        self.several = {name for name, texts in given.items() if len(texts) > 1}
        return self.block(self.family.plan, 0)

    def block(self, statements: Block, depth: int) -> Iterator[OutlineLine]:
        for statement in statements:
            if self.over:
                return
            yield from self.statement(statement, depth)

    def statement(self, statement: Statement, depth: int) -> Iterator[OutlineLine]:
        match statement:
            case CopyStatement():
                self.constants.pop(statement.name, None)
                if statement.tolerated:
                    self.constants.pop("failed", None)
                yield self.access(statement, depth)
            case Branch():
                yield from self.branch(statement, depth)
            case Loop() | StateDependent():
                yield from self.repeated(statement, depth)
            case Scoped():
                # What leaves the scope says so; the scope itself is not a step.
                before = dict(self.constants)
                yield from self.block(statement.body, depth)
                if _leaves(statement.body):
                    self.forget(before, self.values(statement.body))
            case Where():
                test = statement.test
                yield OutlineLine(
                    depth, "value", self.own(f"where {test.text}"), uses=names_in(test)
                )
            case ExitStatement():
                yield from self.exit(statement, depth)
            case Let():
                yield from self.value(statement, depth)
            case HandleOkay() if self.guest == "pv":
                self.constants.pop("failed", None)
                size = f"[{statement.count.text}]" if statement.count else ""
                text = f"check the range of {statement.address.text}: {statement.type}{size}"
                uses = names_in(statement.address, statement.count)
                yield OutlineLine(depth, "test", text, uses=uses)
            case HandleOkay():
                # Only a PV guest's handle may point into Xen.
                if statement.tolerated:
                    self.constants["failed"] = 0
            case Use():
                yield from self.block(self.family.part(statement.name), depth)
            case Dispatch():
                yield from self.dispatch(statement, depth)
            case Inner():
                self.constants.pop("preempted", None)
                args = ", ".join(arg.text for arg in statement.args)
                text = f"carry out hypercall {statement.number.text} ({args})"
                uses = names_in(statement.number, *statement.args)
                yield OutlineLine(depth, "call", text, uses=uses)

    def exit(self, node: ExitStatement, depth: int) -> Iterator[OutlineLine]:
        """Ways in which the call, a scope or a loop may end; nothing where it cannot end here."""
        decided = None if node.test is None else self.settled(node.test)
        if decided is False:
            return
        if decided:
            node = replace(node, test=ALWAYS)
        uses = names_in(node.test, *(value for _, value in node.args))
        yield OutlineLine(depth, "exit", self.own(exit_text(node)), uses=uses)
        ends = node.how in (Way.FAIL, Way.END, Way.CONTINUE)
        self.over = ends and (bool(decided) or (node.how is Way.END and node.test is None))

    def inside(self, block: Block, depth: int) -> tuple[OutlineLine, ...]:
        """The lines of a block that need not run: it may end the call, and other calls go on."""
        lines = tuple(self.block(block, depth))
        self.over = False
        return lines

    def repeated(self, node: Loop | StateDependent, depth: int) -> Iterator[OutlineLine]:
        """A body that need not run, or runs again; nothing where it has no line."""
        before, values = dict(self.constants), self.values(node.body)
        if isinstance(node, Loop):
            head = OutlineLine(
                depth, "loop", self.own(loop_text(node)), uses=names_in(node.start, node.stop)
            )
            self.forget(before, {**values, node.name: {None}})
        else:
            word = "usually" if node.usual else "sometimes"
            head = OutlineLine(depth, "state", f"{word}, {node.reason}:")
        if body := self.inside(node.body, depth + 1):
            yield head
            yield from body
        self.forget(before, values)

    def access(self, node: CopyStatement, depth: int) -> OutlineLine:
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
        uses = names_in(node.address, node.index, node.count)
        return OutlineLine(depth, "copy", text, node.role, node, size, uses)

    def branch(self, node: Branch, depth: int) -> Iterator[OutlineLine]:
        before = dict(self.constants)
        arms: list[tuple[Expression | None, tuple[OutlineLine, ...]]] = []
        values: dict[str, set[int | None]] = {}
        for test, body in (*node.arms, (None, node.otherwise)):
            here = test is None or self.settled(test)
            if here is False:
                continue
            if here and not arms:
                # Decided by the kind of guest, or by a constant of the plan: no
                # test that a reader of this plan would see.
                yield from self.block(body, depth)
                return
            arms.append((None if here else test, self.inside(body, depth + 1)))
            for name, given in self.values(body).items():
                values.setdefault(name, set()).update(given)
            self.constants = dict(before)
            if here:
                break
        self.forget(before, values)
        while arms and not arms[-1][1]:
            arms.pop()
        word = "if"
        for test, lines in arms:
            text = f"{word} {FACT_WORDS.get(test.text, test.text)}:" if test else "otherwise:"
            yield OutlineLine(depth, "test", self.own(text), uses=names_in(test))
            yield from lines or (OutlineLine(depth + 1, "state", "nothing more"),)
            word = "or if"

    def settled(self, test: Expression) -> bool | None:
        """Whether the kind of caller, or a constant, alone decides a test, and how."""
        scope = Scope(self.structs, self.family.constants)
        for name in names_in(test) - self.family.constants.keys() - ERRNOS.keys():
            scope.names[name] = Free(Variable(name, -(1 << 63)))
        scope.names.update({**kinds(self.guest), **self.caller.facts, **self.constants})
        return test.truth(scope)

    def forget(self, before: Mapping[str, int], values: Mapping[str, set[int | None]]) -> None:
        """Forget what a body may have set: only values that are the same either way stay known."""
        self.constants = {
            name: value for name, value in before.items() if values.get(name, {value}) == {value}
        }

    def values(self, block: Block) -> dict[str, set[int | None]]:
        """Values that a block gives names, anywhere in it; None: no constant."""
        found: dict[str, set[int | None]] = {}
        for node in self.all(block):
            if isinstance(node, Let) and not node.path:
                found.setdefault(node.name, set()).add(_constant(node))
            if isinstance(node, Loop) or (isinstance(node, CopyStatement) and node.name):
                found.setdefault(node.name, set()).add(None)
            if isinstance(node, CopyStatement | HandleOkay) and node.tolerated:
                found.setdefault("failed", set()).add(None)
        return found

    def all(self, block: Block) -> Iterator[Statement]:
        """Every statement of a block, with those of its parts and of the sub-op."""
        for node in block:
            yield node
            match node:
                case Branch():
                    for _, body in node.arms:
                        yield from self.all(body)
                    yield from self.all(node.otherwise)
                case Loop() | StateDependent() | Scoped():
                    yield from self.all(node.body)
                case Use():
                    yield from self.all(self.family.part(node.name))
                case Dispatch():
                    for op in [self.op] if self.op else self.family.ops.values():
                        yield from () if op.missing else self.all(op.plan)

    def own(self, text: str) -> str:
        """Numbers in place of names that no public header has."""
        return _OWN.sub(lambda m: f"{self.family.constants[m[1]]:#x}", text)

    def value(self, node: Let, depth: int) -> Iterator[OutlineLine]:
        constant = _constant(node)
        if not node.path:
            self.constants.pop(node.name, None)
            if constant is not None:
                self.constants[node.name] = constant
        uses = names_in(node.value)
        if node.name == "returns":
            value = "Xen's answer" if node.value is None else node.value.text
            what = f" ({node.role})" if node.role else ""
            text = f"the return value is {value}{what}"
            yield OutlineLine(depth, "value", self.own(text), uses=uses)
        elif node.path or node.name in self.idle:
            return
        elif node.value is not None:
            text = f"{node.name} = {node.value.text}"
            yield OutlineLine(
                depth, "value", self.own(text), uses=uses, names=node.name, value=node.value
            )
        elif node.name in self.several:
            # Xen's own answers are not steps a reader needs, except in place of
            # another value.
            yield OutlineLine(depth, "value", f"{node.name} is determined by Xen", names=node.name)

    def dispatch(self, node: Dispatch, depth: int) -> Iterator[OutlineLine]:
        if self.op is None:
            uses = names_in(node.value)
            yield OutlineLine(
                depth, "call", f"continue with the sub-op {node.value.text}", uses=uses
            )
            self.forget(dict(self.constants), self.values((node,)))
        elif self.op.missing:
            yield OutlineLine(depth, "call", f"not modelled: {self.op.missing}")
        else:
            yield from self.block(self.op.plan, depth)


def _constant(node: Let) -> int | None:
    """The number that a value is, where it is one."""
    text = "" if node.value is None else node.value.text
    return int(text) if text.isdecimal() else None


def _leaves(block: Block) -> bool:
    """Whether a block may end before its last statement."""
    for node in block:
        match node:
            case ExitStatement(how=Way.LEAVE):
                return True
            case Branch():
                bodies = (*(body for _, body in node.arms), node.otherwise)
                if any(_leaves(body) for body in bodies):
                    return True
            case Loop() | StateDependent():
                if _leaves(node.body):
                    return True
            case _:
                pass
    return False
