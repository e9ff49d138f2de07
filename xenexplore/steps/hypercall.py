"""Steps of a hypercall: who makes it, what comes of it, and what is worth a note."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from xenexplore.steps.base import Cite, Step, counted
from xenexplore.steps.errnos import errno_name
from xenexplore.steps.values import Direction, PhaseName

__all__ = [
    "Action",
    "Exit",
    "Hazard",
    "Hypercall",
    "Note",
    "Phase",
    "Refusal",
    "RegisterPass",
    "Return",
    "returned",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action(Step):
    """One action of a scenario: everything under it happened because of it.

    Attributes:
        name: the action's word in the scenario, e.g. ``"hypercall"``.
        vcpu: the vCPU that it happens on.
        detail: what it is about.
    """

    kind: ClassVar[str] = "action"
    alike: ClassVar[tuple[str, ...]] = ("name", "vcpu", "detail")

    name: str
    vcpu: int
    detail: str

    def say(self) -> str:
        return f"{self.detail}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypercall(Step):
    """The guest makes a hypercall.

    Attributes:
        vcpu: the calling vCPU.
        name: hypercall and sub-op, as the public headers spell them.
        number: what the guest puts in RAX, flavour bits included.
        args: the argument registers (RDI, RSI, RDX, R10, R8), in order.
        leg: 0 for the first execution, 1 for the first continuation, ...
    """

    kind: ClassVar[str] = "hypercall"
    alike: ClassVar[tuple[str, ...]] = ("vcpu", "name")
    as_hex: ClassVar[frozenset[str]] = frozenset({"args", "number"})

    vcpu: int
    name: str
    number: int
    args: tuple[int, ...]
    leg: int = 0

    def say(self) -> str:
        again = f" again (continuation {self.leg})" if self.leg else ""
        return f"vCPU {self.vcpu} makes the hypercall {self.name}{again}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(Step):
    """A stretch of the guest's own work around its calls.

    Attributes:
        name: which one.
        who: ``"guest"`` or ``"xen"``.
        detail: one sentence.
    """

    kind: ClassVar[str] = "phase"
    alike: ClassVar[tuple[str, ...]] = ("name",)

    name: PhaseName
    who: str
    detail: str

    def say(self) -> str:
        return self.detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit(Step):
    """Control passes from the guest to Xen: one exit.

    Attributes:
        vcpu: the vCPU that leaves the guest.
        instruction: ``"vmmcall"``, ``"vmcall"``, ``"vmgexit"`` or ``"syscall"``.
    """

    kind: ClassVar[str] = "exit"
    alike: ClassVar[tuple[str, ...]] = ("vcpu",)

    vcpu: int
    instruction: str

    def tally(self) -> Mapping[str, int]:
        return {"exits": 1}

    def say(self) -> str:
        return f"vCPU {self.vcpu} enters Xen through {self.instruction}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard(Step):
    """A risk that the option declares, at the step where it applies.

    Attributes:
        name: short name, e.g. ``"stale entry"``.
        detail: description of the case.
    """

    kind: ClassVar[str] = "hazard"
    alike: ClassVar[tuple[str, ...]] = ("name",)

    name: str
    detail: str

    def say(self) -> str:
        return f"Hazard ({self.name}): {self.detail}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal(Step):
    """The option declares that it cannot do this, and says why.

    Attributes:
        reason: why, in words.
    """

    kind: ClassVar[str] = "refusal"

    reason: str

    def say(self) -> str:
        return f"Not possible under this option: {self.reason}."


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterPass(Step):
    """An argument or a result travels in registers; no guest memory is touched.

    Attributes:
        direction: from the guest (its registers) or to it.
        registers: which, in order.
        size: bytes of the struct that they stand for.
        role: what is passed.
    """

    kind: ClassVar[str] = "registers"
    alike: ClassVar[tuple[str, ...]] = ("direction", "role")

    direction: Direction
    registers: tuple[str, ...]
    size: int
    role: str

    def tally(self) -> Mapping[str, int]:
        return {"register_bytes": self.size}

    def say(self) -> str:
        size, registers = counted(self.size, "byte"), ", ".join(self.registers)
        if not self.direction.writes:
            return f"The guest loads {self.role} ({size}) into {registers}."
        return f"The guest stores {self.role} ({size}) from {registers} into its struct."


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(Step):
    """Xen returns to the guest.

    Attributes:
        vcpu: the vCPU that resumes.
        value: what RAX holds: 0 for success, -errno, or a number that the handler returns.
        name: the errno's name, or ``""``.
        what: what the number is, e.g. ``"extents done"``; ``""``: 0 is success.
    """

    kind: ClassVar[str] = "return"
    alike: ClassVar[tuple[str, ...]] = ("vcpu", "value")

    vcpu: int
    value: int
    name: str = ""
    what: str = ""

    def say(self) -> str:
        what = f"-{self.name}" if self.name else self.what
        shown = f"{self.value}{f' ({what})' if what else ''}"
        if not self.value and not self.what:
            shown = "success"
        return f"Xen returns {shown} to vCPU {self.vcpu}."


def returned(cite: Cite, vcpu: int, value: int, what: str = "") -> Return:
    """The step of a return, with the errno's name if it is one."""
    name = errno_name(value)
    return Return(cite=cite, vcpu=vcpu, value=value, name=name, what="" if name else what)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Step):
    """A remark at this point of the run.

    Attributes:
        text: the sentence, with its full stop.
    """

    kind: ClassVar[str] = "note"
    alike: ClassVar[tuple[str, ...]] = ("text",)

    text: str

    def say(self) -> str:
        return self.text
