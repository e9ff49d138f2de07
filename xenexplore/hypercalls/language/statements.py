"""The statements of a copy plan, parsed line by line."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from xenexplore.hypercalls.language.expressions import Expression
from xenexplore.steps import Direction

__all__ = [
    "Block",
    "Branch",
    "CopyStatement",
    "Dispatch",
    "ExitStatement",
    "HandleOkay",
    "Inner",
    "Let",
    "Loop",
    "Scoped",
    "StateDependent",
    "Statement",
    "Use",
    "Way",
    "Where",
]


@dataclass(frozen=True, slots=True)
class CopyStatement:
    """``from``, ``to`` or ``clear``: one access to guest memory.

    ``subject``: the vCPU whose registered area it is; None for the call's own arguments.
    """

    direction: Direction
    unchecked: bool
    tolerated: bool
    address: Expression
    index: Expression | None
    type: str
    member: str
    count: Expression | None
    name: str
    role: str
    subject: Expression | None = None


@dataclass(frozen=True, slots=True)
class HandleOkay:
    """``okay``: the range check of a handle; always passes for HVM guests."""

    tolerated: bool
    address: Expression
    type: str
    count: Expression | None


@dataclass(frozen=True, slots=True)
class Let:
    """``let`` and ``set``; without an expression, the value is Xen's own."""

    name: str
    path: str
    value: Expression | None
    role: str = ""


@dataclass(frozen=True, slots=True)
class Branch:
    """``if``: tests with their blocks, and the block where none holds."""

    arms: tuple[tuple[Expression, Block], ...]
    otherwise: Block


@dataclass(frozen=True, slots=True)
class Loop:
    """``each``: no ``stop`` means that Xen's state ends it."""

    name: str
    start: Expression
    stop: Expression | None
    body: Block
    reason: str


@dataclass(frozen=True, slots=True)
class StateDependent:
    """``usually`` and ``sometimes``: Xen's state decides."""

    usual: bool
    reason: str
    body: Block


class Way(StrEnum):
    """Way in which a call, a scope or a loop is left."""

    FAIL = "fail"
    END = "end"
    LEAVE = "leave"
    BREAK = "break"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class ExitStatement:
    """``fail``, ``end``, ``leave``, ``break`` and ``continue``.

    ``errnos``, of ``fail`` only: what Xen may return, by name; the first is what
    the model returns.
    """

    how: Way
    test: Expression | None
    reason: str
    args: tuple[tuple[str, Expression], ...] = ()
    errnos: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Scoped:
    """``scope``: what ``leave`` leaves."""

    body: Block


@dataclass(frozen=True, slots=True)
class Dispatch:
    """``dispatch``: the sub-op's plan; ``errno``: what Xen returns where there is none."""

    value: Expression
    errno: str = "ENOSYS"


@dataclass(frozen=True, slots=True)
class Where:
    """``where``: a constraint on Xen's own values."""

    test: Expression


@dataclass(frozen=True, slots=True)
class Use:
    """``use``: a named part of the family."""

    name: str


@dataclass(frozen=True, slots=True)
class Inner:
    """``hypercall``: one entry of a multicall."""

    number: Expression
    args: tuple[Expression, ...]


Statement: TypeAlias = (
    "CopyStatement | HandleOkay | Let | Branch | Loop | StateDependent "
    "| ExitStatement | Scoped | Dispatch | Use | Where | Inner"
)
Block: TypeAlias = "tuple[Statement, ...]"
