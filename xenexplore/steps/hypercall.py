"""Steps of a hypercall: what the guest does, what Xen copies, what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xenexplore.addr import Gfn, Gpa, Gva, Mfn
from xenexplore.steps.base import Step

__all__ = [
    "Action",
    "Copy",
    "CopyFailed",
    "Exit",
    "Hazard",
    "Hypercall",
    "ListRead",
    "Move",
    "Note",
    "Phase",
    "Piece",
    "Refusal",
    "RegisterPass",
    "Return",
    "UncheckedAccess",
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
    """A named stretch: the guest prepares, Xen executes, the guest finishes.

    Attributes:
        name: ``"setup"``, ``"prepare"``, ``"execute"`` or ``"finish"``.
        who: ``"guest"`` or ``"xen"``.
        detail: one sentence.
    """

    kind: ClassVar[str] = "phase"

    name: str
    who: str
    detail: str

    def say(self) -> str:
        return self.detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Exit(Step):
    """Control passes from the guest to Xen: one exit.

    Attributes:
        vcpu: the vCPU that leaves the guest.
        instruction: ``"vmmcall"``, ``"vmcall"`` or ``"syscall"``.
    """

    kind: ClassVar[str] = "exit"

    vcpu: int
    instruction: str

    def say(self) -> str:
        return f"vCPU {self.vcpu} leaves the guest by {self.instruction}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy(Step):
    """Xen copies one argument from or to the guest; pieces and moves lie under it.

    Attributes:
        direction: ``"from"`` guest, ``"to"`` guest, or ``"clear"``.
        handle: the handle's value as Xen has it (an address, or an encoding of one).
        size: bytes.
        role: what is copied, e.g. ``"struct evtchn_send"``.
        current: the vCPU running on this CPU.
        subject: the vCPU that the copy is about.
    """

    kind: ClassVar[str] = "copy"

    direction: str
    handle: int
    size: int
    role: str
    current: int
    subject: int

    def say(self) -> str:
        verb = {"from": "copies in", "to": "copies out", "clear": "clears"}[self.direction]
        cross = f", about vCPU {self.subject}" if self.subject != self.current else ""
        return f"Xen {verb} {self.role}: {self.size} bytes at {self.handle:#x}{cross}."


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyFailed(Step):
    """A copy failed part-way: what moved, and what the helper reports.

    Attributes:
        moved: bytes that had already moved when a chunk failed.
        reported: bytes that the helper says were not copied.
    """

    kind: ClassVar[str] = "copy-failed"

    moved: int
    reported: int

    def say(self) -> str:
        moved = f", though {self.moved} have moved" if self.moved else ""
        return f"The copy helper reports {self.reported} bytes uncopied{moved}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece(Step):
    """One piece of a copy, within one page; its translation lies under it.

    Attributes:
        handle: where the piece begins, in the handle's own encoding.
        size: bytes.
    """

    kind: ClassVar[str] = "piece"

    handle: int
    size: int

    def say(self) -> str:
        return f"The next piece: {self.size} bytes at {self.handle:#x}."


@dataclass(frozen=True, slots=True, kw_only=True)
class ListRead(Step):
    """Xen reads one element of a scatter/gather list in guest memory.

    Attributes:
        gpa: where the element lies.
        size: bytes read.
        element: its number in the list.
        value: what it says.
        meaning: ``"gfn"``, ``"offset"``, ``"address"`` or ``"length"``.
    """

    kind: ClassVar[str] = "list-read"

    gpa: Gpa
    size: int
    element: int
    value: int
    meaning: str

    def say(self) -> str:
        return (
            f"Xen reads element {self.element} of the list, at {self.gpa.hex()}: "
            f"{self.meaning} {self.value:#x}."
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Move(Step):
    """Bytes moved between Xen and a frame.

    Attributes:
        direction: ``"from"`` or ``"to"`` the guest (clearing counts as ``"to"``).
        gpa: first byte in guest-physical space.
        mfn: the machine frame.
        size: bytes.
        meant: the guest-physical address that the caller meant, or None if it
            meant nothing mapped.
        garbled: the bytes passed through encryption on the way.
    """

    kind: ClassVar[str] = "move"

    direction: str
    gpa: Gpa
    mfn: Mfn | None
    size: int
    meant: Gpa | None
    garbled: bool = False

    @property
    def right(self) -> bool:
        """Whether these bytes lie where the caller meant them, and are readable there."""
        return self.meant == self.gpa and not self.garbled

    def say(self) -> str:
        way = "from" if self.direction == "from" else "to"
        text = f"{self.size} bytes move {way} guest frame {Gfn(self.gpa.value >> 12).hex()}"
        if self.meant != self.gpa:
            meant = "nothing mapped" if self.meant is None else self.meant.hex()
            return f"{text}: the wrong one, the caller meant {meant}."
        return f"{text}, as ciphertext." if self.garbled else f"{text}, the right one."


@dataclass(frozen=True, slots=True, kw_only=True)
class UncheckedAccess(Step):
    """An access that today's walk would have checked was made without the check.

    Attributes:
        va: the linear address that today's walk would have started from.
        size: bytes.
        write: whether Xen writes.
        would_fail: why today's walk would have refused, or ``""`` where it would not.
        flags_not_set: Accessed and Dirty bits that the walk would have set, e.g. ``"A D"``.
    """

    kind: ClassVar[str] = "unchecked"

    va: Gva
    size: int
    write: bool
    would_fail: str
    flags_not_set: str

    def say(self) -> str:
        verb = "written" if self.write else "read"
        if self.would_fail:
            return f"The page is {verb} though today's walk would refuse: {self.would_fail}."
        flags = f"; {self.flags_not_set} not set" if self.flags_not_set else ""
        return f"The page is {verb} without the checks of today's walk{flags}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Hazard(Step):
    """Something that the option declares can go wrong, where it bites.

    Attributes:
        name: short name, e.g. ``"stale entry"``.
        detail: what happens here.
    """

    kind: ClassVar[str] = "hazard"

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
        way: ``"in"`` to Xen, or ``"out"`` to the guest.
        registers: which, in order.
        size: bytes of the struct that they stand for.
        role: what is passed.
    """

    kind: ClassVar[str] = "registers"

    way: str
    registers: tuple[str, ...]
    size: int
    role: str

    def say(self) -> str:
        verb = "loads" if self.way == "in" else "stores"
        return f"The guest {verb} {self.role} ({self.size} bytes) in {', '.join(self.registers)}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Return(Step):
    """Xen returns to the guest.

    Attributes:
        vcpu: the vCPU that resumes.
        value: 0 for success, or -errno; what a handler returns besides is not modelled.
        name: the errno's name, or ``""``.
    """

    kind: ClassVar[str] = "return"

    vcpu: int
    value: int
    name: str = ""

    def say(self) -> str:
        name = f" (-{self.name})" if self.name else ""
        what = f"{self.value}{name}" if self.value else "success"
        return f"Xen returns {what} to vCPU {self.vcpu}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(Step):
    """A fact worth a sentence at this point.

    Attributes:
        text: the sentence, with its full stop.
    """

    kind: ClassVar[str] = "note"

    text: str

    def say(self) -> str:
        return self.text
