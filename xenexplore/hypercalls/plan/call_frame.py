"""One hypercall in the run of a copy plan: statements one by one."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import replace
from typing import TypeAlias

from xenexplore.hypercalls.callers import FACTS
from xenexplore.hypercalls.catalogue.abis import kinds, serves
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, numbers
from xenexplore.hypercalls.language.expressions import Expression, Scope, names_in
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
from xenexplore.hypercalls.language.values import Free, StructValue, Value, Variable, settle
from xenexplore.hypercalls.plan.events import (
    FAULT,
    ImpossibleError,
    PlanChoice,
    PlanCopy,
    PlanOutcome,
    Reply,
)
from xenexplore.hypercalls.plan.protocol import Interpreter
from xenexplore.steps import Direction, Ending, errno_name

__all__ = ["CallFrame"]

# Xen's own addresses, where a PV guest has none (__addr_ok() in
# xen/arch/x86/include/asm/x86_64/uaccess.h; HYPERVISOR_VIRT_END in asm/config.h).
_PV_LOW_END = 1 << 47
_PV_HIGH_START = 0xFFFF_8800_0000_0000

_Signal: TypeAlias = "Way | PlanOutcome | None"
_Run: TypeAlias = "Generator[PlanCopy | PlanChoice, Reply, _Signal]"

_RETURNS = "returns"


class CallFrame:
    """One hypercall in the run: its names, its family, its sub-op once known."""

    def __init__(
        self, interpreter: Interpreter, found: Family, args: Sequence[Value], prefix: str
    ) -> None:
        self.interpreter = interpreter
        self.family = found
        self.op: SubOp | None = None
        self.prefix = prefix
        self.scope = Scope(found.structs(interpreter.guest), found.constants)
        self.element = -1
        self.returns_what = ""
        names = self.scope.names
        names[_RETURNS] = 0
        names.update({**kinds(interpreter.guest), **interpreter.facts})
        names["rsp"], names["inside"] = interpreter.rsp, int(interpreter.depth > 0)
        for index, argument in enumerate(found.args):
            given = args[index] if index < len(args) else 0
            names[argument.name] = self._narrow(given, argument.type)

    def _narrow(self, value: Value, kind: str) -> Value:
        """Value of a register as the handler sees it: its low bytes, with the type's sign."""
        if not isinstance(value, int):
            return value
        bits = 8 * self.scope.structs.sizeof(kind)
        value &= (1 << bits) - 1
        if self.scope.structs.signed(kind) and value >> (bits - 1):
            value -= 1 << bits
        return value

    @property
    def title(self) -> str:
        return self.prefix + (self.op.title if self.op else self.family.name)

    def returned(self, ended: PlanOutcome) -> PlanOutcome:
        """With what the handler returns; an errno is a failure."""
        held = self.scope.names[_RETURNS]
        assert not isinstance(held, StructValue), f"{self.title}: it returns a number"
        value = settle(held)
        if isinstance(value, int) and value < 0:
            assert errno_name(value), f"{self.title}: {value} is not an errno of Xen's"
            return PlanOutcome.failed(errno_name(value))
        if not value and not self.returns_what:
            return ended
        return replace(ended, value=value, what=self.returns_what)

    def block(self, statements: Block) -> _Run:
        for statement in statements:
            signal = yield from self.run(statement)
            if signal is not None:
                return signal
        return None

    def run(self, statement: Statement) -> _Run:
        match statement:
            case CopyStatement():
                return (yield from self.access(statement))
            case Branch():
                for test, body in statement.arms:
                    if (yield from self.decide(test, True)):
                        return (yield from self.block(body))
                return (yield from self.block(statement.otherwise))
            case Let():
                self.let(statement)
            case Where():
                test = statement.test
                if test.truth(self.scope) is False or not test.assume(self.scope, True):
                    raise ImpossibleError(test.text)
            case ExitStatement():
                return (yield from self.leave(statement))
            case Loop():
                return (yield from self.loop(statement))
            case StateDependent():
                options = (statement.usual, not statement.usual)
                reply = yield PlanChoice("state", statement.reason, options)
                if reply:
                    return (yield from self.block(statement.body))
            case Scoped():
                signal = yield from self.block(statement.body)
                return None if signal is Way.LEAVE else signal
            case HandleOkay():
                return self.okay(statement)
            case Use():
                return (yield from self.block(self.family.part(statement.name)))
            case Dispatch():
                return (yield from self.dispatch(statement))
            case Inner():
                return (yield from self.inner(statement))
        return None

    def decide(
        self, test: Expression, usual: bool, kind: str = "state", ends: bool = False
    ) -> Generator[PlanChoice, Reply, bool]:
        """A condition's truth, asked for where nothing known decides it.

        What unknown contents decide is a branch; what the caller's facts decide is
        Xen's state, and of the given kind.
        """
        if (known := test.truth(self.scope)) is not None:
            return known
        if not names_in(test) & FACTS.keys():
            kind, ends = "branch", False
        reply = bool((yield PlanChoice(kind, test.text, (usual, not usual), ends)))
        if not test.assume(self.scope, reply):
            raise ImpossibleError(test.text)
        return reply

    def access(self, node: CopyStatement) -> _Run:
        structs = self.scope.structs
        whole = structs.sizeof(node.type)
        address = node.address.value(self.scope)
        element = -1
        if node.index is not None:
            index = node.index.value(self.scope)
            element = index if isinstance(index, int) else -1
            address = _sum(address, index, whole)
        length: Value = whole
        if node.member:
            field = structs.resolve(node.type, node.member)
            address = _sum(address, field.offset, 1)
            length = field.size
        elif node.count is not None:
            count = node.count.value(self.scope)
            length = _sum(0, count, whole)
        if isinstance(address, int):
            address &= (1 << 64) - 1
        constant = node.count is None and length in (1, 2, 4, 8)
        reply = yield PlanCopy(
            direction=node.direction,
            address=address,
            length=length,
            type=node.type,
            member=node.member,
            role=node.role,
            element=element,
            inline=node.unchecked and constant and self.interpreter.guest == "pv",
            data=self.known(node, address, length) if node.direction is Direction.TO else None,
            title=self.title,
            subject=None if node.subject is None else node.subject.value(self.scope),
        )
        if node.tolerated:
            self.scope.names["failed"] = int(reply is FAULT)
        elif reply is FAULT:
            return PlanOutcome.failed("EFAULT")
        if node.name:
            data = reply if isinstance(reply, bytes) else None
            held = StructValue(node.name, node.type, structs, settle(address), data)
            self.scope.names[node.name] = held
            self.interpreter.contents.append(held)
        return None

    def known(self, node: CopyStatement, address: Value, length: Value) -> bytes | None:
        """Value that a write carries, where it is a struct that was read from the same place."""
        if not isinstance(address, int) or not isinstance(length, int):
            return None
        for held in self.scope.names.values():
            if isinstance(held, StructValue) and held.type == node.type and held.data:
                start = settle(held.address)
                if isinstance(start, int) and start <= address:
                    piece = held.bytes()[address - start : address - start + length]
                    if len(piece) == length:
                        return piece
        return None

    def let(self, node: Let) -> None:
        value: Value = Free(Variable(f"Xen's {node.name}"))
        if node.value is not None:
            value = node.value.value(self.scope)
        if not node.path:
            self.scope.names[node.name] = value
            if node.name == _RETURNS:
                self.returns_what = node.role
            return
        held = self.scope.names[node.name]
        assert isinstance(held, StructValue), f"{self.title}: set {node.name}.{node.path}"
        held.put(node.path, value)

    def leave(self, node: ExitStatement) -> _Run:
        if node.test is not None:
            kind = node.how.value if node.how is Way.FAIL else "state"
            ends = self.interpreter.depth == 0
            if not (yield from self.decide(node.test, False, kind, ends)):
                return None
        elif node.how in (Way.FAIL, Way.CONTINUE):
            # Inside a multicall the other entries still follow.
            ends = self.interpreter.depth == 0
            if not (
                yield PlanChoice(node.how, node.reason, (False, True), ends, errnos=node.errnos)
            ):
                return None
        if node.how in (Way.LEAVE, Way.BREAK):
            return node.how
        if node.how is Way.FAIL:
            return PlanOutcome.failed(node.errnos[0], node.reason)
        if node.how is Way.END:
            return PlanOutcome(Ending.RETURNED, node.reason)
        return PlanOutcome(Ending.CONTINUED, node.reason, self.next_leg(node))

    def next_leg(self, node: ExitStatement) -> tuple[Value, ...]:
        """The argument registers with which a preempted call is made again."""
        given = dict(node.args)
        registers: list[Value] = []
        for argument in self.family.args:
            if argument.name in given:
                registers.append(given[argument.name].value(self.scope))
            else:
                held = self.scope.names[argument.name]
                registers.append(settle(held) if not isinstance(held, StructValue) else 0)
        return tuple(registers)

    def loop(self, node: Loop) -> _Run:
        index = node.start.value(self.scope)
        if not isinstance(index, int):
            index = 0
        stop = node.stop.value(self.scope) if node.stop else None
        outer, outer_name = self.element, self.scope.names.get(node.name)
        while (yield from self.again(node, index, stop)):
            self.scope.names[node.name] = index
            signal = yield from self.block(node.body)
            if signal is Way.BREAK:
                break
            if signal is not None:
                return signal
            index += 1
        self.element = outer
        if outer_name is not None:
            self.scope.names[node.name] = outer_name
        return None

    def again(
        self, node: Loop, index: int, stop: Value | None
    ) -> Generator[PlanChoice, Reply, bool]:
        """Whether the loop goes round once more."""
        if stop is None:
            # With no reason given, only a break inside ends the loop.
            return not node.reason or bool((yield PlanChoice("state", node.reason, (True, False))))
        if isinstance(stop := settle(stop), int):
            return index < stop
        low, high = stop.bounds()
        if not low <= index < high:
            return index < low
        text = f"{node.stop.text if node.stop else ''} > {index}"
        kind = "state" if names_in(node.stop) & FACTS.keys() else "loop"
        if (yield PlanChoice(kind, text, (True, False))):
            if stop.scale == 1:
                stop.variable.low = max(stop.variable.low, index + 1 - stop.offset)
            return True
        if not stop.bind(index):
            raise ImpossibleError(text)
        return False

    def okay(self, node: HandleOkay) -> _Signal:
        """guest_handle_okay(): only PV guests can hand over an address of Xen's own."""
        address = node.address.value(self.scope)
        pv = self.interpreter.guest == "pv"
        lies_in_xen = pv and isinstance(address, int) and _PV_LOW_END <= address < _PV_HIGH_START
        if node.tolerated:
            self.scope.names["failed"] = int(lies_in_xen)
        elif lies_in_xen:
            return PlanOutcome.failed("EFAULT", "the handle points into Xen's address range")
        return None

    def dispatch(self, node: Dispatch) -> _Run:
        value = node.value.value(self.scope)
        if not isinstance(value, int):
            options = tuple(
                v for v, op in self.family.ops.items() if serves(op, self.interpreter.guest)
            )
            picked = yield PlanChoice(
                "sub-op", f"{self.family.name}.{node.value.text}", options,
                family=self.family.name,
            )  # fmt: skip
            assert isinstance(picked, int)
            if not value.bind(picked):
                raise ImpossibleError(node.value.text)
            value = picked
        op = self.family.ops.get(value)
        if op is None or not serves(op, self.interpreter.guest):
            lacks = PlanOutcome.failed(node.errno, f"{self.family.name} has no sub-op {value}")
            return lacks.unless_compat(self.interpreter.guest, op)
        self.op = op
        if op.missing:
            return PlanOutcome(Ending.UNMODELLED, op.missing)
        return (yield from self.block(op.plan))

    def inner(self, node: Inner) -> _Run:
        number = node.number.value(self.scope)
        args = [arg.value(self.scope) for arg in node.args]
        if not isinstance(number, int):
            # -1: any hypercall that copies nothing.
            options = (-1, *(n for n in numbers(self.family.xen) if n != self.family.number))
            picked = yield PlanChoice("callee", node.number.text, options)
            assert isinstance(picked, int)
            if picked < 0:
                self.scope.names["preempted"] = 0
                return None
            if not number.bind(picked):
                raise ImpossibleError(node.number.text)
            number = picked
        self.interpreter.depth += 1
        outcome = yield from self.interpreter.hypercall(number, args, f"{self.title} > ")
        self.interpreter.depth -= 1
        self.scope.names["preempted"] = int(outcome.how is Ending.CONTINUED)
        return outcome if outcome.how is Ending.UNMODELLED else None


def _sum(base: Value, index: Value, scale: int) -> Value:
    """``base + index * scale``; where both are free, one new variable stands for it."""
    if isinstance(index, int):
        if isinstance(base, int):
            return base + index * scale
        return Free(base.variable, base.scale, base.offset + index * scale)
    if isinstance(base, int):
        return Free(index.variable, index.scale * scale, index.offset * scale + base)
    return Free(Variable(f"{base}[{index}]", source=(lambda a, b: a + b * scale, base, index)))
