"""What an option must say: how a call is prepared, encoded, resolved and finished.

The hypervisor model executes one and the same hypercall under any option.  An
option is an :class:`Abi`: the guest's part before and after, and Xen's part,
which turns a handle into pieces of guest-physical memory.  Everything it does
is recorded as steps by the :class:`~xenexplore.hypervisor.xen.Xen` it is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from xenexplore.addr import Gpa, Gva
from xenexplore.steps import Cite, Direction, Fault

if TYPE_CHECKING:
    from xenexplore.hypervisor.registered import RegisteredBuffers
    from xenexplore.hypervisor.replay_model import ReplayModel
    from xenexplore.hypervisor.xen import Xen

__all__ = ["Abi", "Access", "Area", "GuestCall", "Located", "Meaning", "Parameter", "Refused"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the guest means by a stretch of an encoded handle.  Known to the judge, not to Xen.

    Attributes:
        start: first value of the encoding (an address in whatever space it is in).
        size: bytes it stands for.
        va: the buffer that the caller means.
        pieces: where the caller's bytes are to lie, in order: guest-physical
            address (None: nowhere) and bytes.
    """

    start: int
    size: int
    va: Gva
    pieces: tuple[tuple[Gpa | None, int], ...]

    def slice(self, start: int, size: int) -> tuple[tuple[Gpa | None, int], ...]:
        """The pieces of ``size`` bytes from encoded address ``start``."""
        skip, found = start - self.start, []
        for gpa, length in self.pieces:
            if size <= 0:
                break
            if skip >= length:
                skip -= length
                continue
            taken = min(length - skip, size)
            found.append((None if gpa is None else gpa + skip, taken))
            size -= taken
            skip = 0
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestCall:
    """One hypercall as the guest makes it.

    Attributes:
        vcpu: the calling vCPU.
        name: hypercall and sub-op, as the public headers spell them.
        number: what RAX holds; flavour bits included.
        args: the argument registers, in order.
        cpl: the ring it is made from.
        outer: of a multicall: whether its list is passed as the option does
            (``"as-option"``) or as a linear address (``"linear"``).
        inner: the same for the buffers of its entries.
        meanings: what encoded handles stand for; handles outside all of them
            are linear addresses.
    """

    vcpu: int
    name: str
    number: int
    args: tuple[int, ...]
    cpl: int = 0
    outer: str = "as-option"
    inner: str = "as-option"
    meanings: tuple[Meaning, ...] = ()

    def with_arg(self, index: int, value: int) -> GuestCall:
        """The same call with one argument register changed."""
        args = list(self.args)
        args[index] = value
        return replace(self, args=tuple(args))


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One copy that Xen is about to make.

    Attributes:
        direction: from the guest, to it, or clear.
        handle: the handle's value, as Xen has it.
        size: bytes.
        role: what is copied, in words.
        current: the vCPU running on this CPU.
        subject: the vCPU that the copy is about.
        number: RAX of the call being executed, flavour bits included, or None
            outside any hypercall (context switch, time update).
        type: what is copied, as in a :class:`~xenexplore.steps.Copy`.
        physical_area: the handle is a registered area's guest-physical address (O12).
    """

    direction: Direction
    handle: int
    size: int
    role: str
    current: int
    subject: int
    number: int | None
    type: str = ""
    physical_area: bool = False

    @property
    def writes(self) -> bool:
        """Whether Xen writes guest memory."""
        return self.direction.writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """A registered area.

    Attributes:
        subject: the vCPU it belongs to.
        handle: what was registered: a linear address, whatever an option made
            of it, or a guest-physical address.
        va: the linear address that the guest means.
        physical: registered by physical address (O12).
        update_flag: whether the guest asked for XEN_RUNSTATE_UPDATE
            (VMASST_TYPE_runstate_update_flag): one byte before and one after.
    """

    subject: int
    handle: int
    va: Gva
    physical: bool = False
    update_flag: bool = True


@dataclass(frozen=True, slots=True)
class Located:
    """A piece of an access, located in guest-physical memory; never crosses a 4 KiB page."""

    gpa: Gpa
    size: int
    checked: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The option cannot carry this call, and says why."""

    reason: str


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


class Abi:
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

    def locate(self, xen: Xen, access: Access) -> Iterator[Located | Fault]:
        """How Xen finds the memory behind a handle, piece by piece.

        A Fault ends it; it has been recorded by the time it is yielded.
        """
        raise NotImplementedError

    def exchange(self, xen: Xen, access: Access, data: bytes | None) -> bytes | None:
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
