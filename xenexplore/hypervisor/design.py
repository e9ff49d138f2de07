"""What an option must say: how a call is prepared, encoded, resolved and finished.

The hypervisor model executes one and the same hypercall under any option.  An
option is a :class:`Design`: the guest's part before and after, and Xen's part,
which turns a handle into pieces of guest-physical memory.  Everything it does
is recorded as steps by the :class:`~xenexplore.hypervisor.xen.Xen` it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from xenexplore.addr import Gva
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Refused
from xenexplore.steps import Cite, Fault

if TYPE_CHECKING:
    from xenexplore.hypervisor.registered import RegisteredBuffers
    from xenexplore.hypervisor.replay_model import ReplayModel
    from xenexplore.hypervisor.xen import Xen

__all__ = ["Design", "Parameter", "Precedent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One knob of an option: a variant, a cure, a size.

    Attributes:
        name: as scenarios spell it.
        default: value where a scenario says nothing.
        choices: accepted values; empty: any value of the default's type.
        help: one sentence.
        source: who proposed it, or ``"ours"``.
    """

    name: str
    default: str | int | bool | tuple[str, ...]
    choices: tuple[str | int | bool, ...] = ()
    help: str = ""
    source: str = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Precedent:
    """What does the like of an option already, in Xen or beside it.

    Attributes:
        what: what it is, and by which rules.
        cite: where.
    """

    what: str
    cite: Cite


class Design:
    """Base of every option.  Subclasses fill in the class attributes and the hooks they need.

    Nothing outside the option's own module and the registry tests for an option's
    name: what others need to know is a class attribute or a hook here.

    Class attributes:
        ident: the digest's number, e.g. ``"O7b"``.
        name: as scenarios and the command line spell it.
        title: one line.
        summary: one short paragraph in our own words.
        asked: who proposed it.
        parameters: its variants and cures.
        specified: whether a text specifies it; if not, it refuses every guest.
        replay: how recorded accesses fare under it; each class declares its own,
            because an inherited one need not hold for a changed mechanism.
        unanswered: why no built-in scenario answers a question of the thread for
            this option, by question (``"Q1"``); ``"else"`` for all others.
        precedents: what does the like already, in Xen or beside it, each with its source.
        without_page: why its kernels have no hypercall page, or ``""``.

    Attributes:
        values: every parameter with its value.
        tlb: its registered buffers, or None.
    """

    ident: ClassVar[str] = ""
    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    asked: ClassVar[Cite]
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    specified: ClassVar[bool] = True
    replay: ClassVar[type[ReplayModel] | None] = None
    unanswered: ClassVar[Mapping[str, str]] = {}
    precedents: ClassVar[tuple[Precedent, ...]] = ()
    without_page: ClassVar[str] = ""

    tlb: RegisteredBuffers | None = None

    def __init__(self, **values: object) -> None:
        self.values: dict[str, object] = {p.name: p.default for p in self.parameters}
        self.values.update(values)

    def text(self, name: str) -> str:
        """A parameter that is a word."""
        return str(self.values[name])

    def number(self, name: str) -> int:
        """A parameter that is a number."""
        value = self.values[name]
        assert isinstance(value, int)
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A parameter that is a list of words."""
        value = self.values[name]
        assert isinstance(value, tuple)
        return tuple(map(str, value))

    @property
    def defers(self) -> bool:
        """Whether a copy about another vCPU waits until that vCPU makes it itself."""
        return self.values.get("cross_vcpu") == "deferred"

    def refuses(self, xen: Xen) -> str:
        """Why this option cannot be used with this guest at all, or ``""``."""
        return ""

    def setup(self, xen: Xen) -> None:
        """What the guest does once, before the first call (registrations, a mode switch)."""

    def prepare(self, xen: Xen, call: GuestCall) -> GuestCall | Refused:
        """What the guest does before a call; returns the call as it is then made."""
        return call

    def registers(self, call: GuestCall) -> tuple[int, ...]:
        """What the argument registers hold, as far as a call's step shows them."""
        return call.args

    def dispatch(self, xen: Xen, call: GuestCall) -> int:
        """Xen's view of RAX: the hypercall's number with flavour bits taken off."""
        return call.number

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        """How Xen finds the memory behind a handle, piece by piece.

        A Fault ends it; it has been recorded by the time it is yielded.
        """
        raise NotImplementedError

    def exchange(self, xen: Xen, access: HandleAccess, data: bytes | None) -> bytes | None:
        """Bytes exchanged without guest memory (registers); None: the access needs memory.

        ``data`` is what Xen writes, or None where it reads.
        """
        return None

    def inner(self, xen: Xen, call: GuestCall, op: int) -> tuple[int, int]:
        """How a multicall's entry is dispatched.

        Args:
            xen: the domain under this option.
            call: the multicall.
            op: the entry's number, as the guest wrote it.

        Returns:
            The number that is dispatched, and the number (flavour bits
            included) under which the entry's handles are resolved.
        """
        return op, op

    def continued(self, xen: Xen, call: GuestCall, number: int) -> GuestCall:
        """The call as Xen re-creates it when it is preempted.

        ``call`` has the rewritten arguments; ``number`` is what dispatch() gave.
        hypercall_create_continuation() puts the bare number into RAX
        (xen/arch/x86/hypercall.c): flavour bits are lost unless an option says otherwise.
        """
        return replace(call, number=number)

    def finish(self, xen: Xen, call: GuestCall) -> None:
        """What the guest does after a call returned."""

    def switched(self, xen: Xen, vcpu: int) -> None:
        """A vCPU has loaded another CR3."""

    def descheduled(self, xen: Xen, vcpu: int) -> None:
        """Xen switches a vCPU out, of its own accord."""

    def register_area(
        self, xen: Xen, *, caller: int, subject: int, area: Gva, argument: Gva
    ) -> bool:
        """Register a runstate area by a call of the design's own.

        Args:
            xen: the domain under this option.
            caller: the vCPU that makes the call.
            subject: the vCPU whose area it is.
            area: linear address of the area, in the subject's address space.
            argument: linear address of struct vcpu_register_runstate_memory_area.

        Returns:
            Whether it was done; if not, the guest makes today's call
            (VCPUOP_register_runstate_memory_area) under this option.
        """
        return False
