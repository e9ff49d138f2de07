"""Base class of an option: how a call is prepared, encoded, resolved and finished.

The hypervisor model executes one and the same hypercall under any option.  An
option is a :class:`Design`: the guest's part before and after, and Xen's part,
which turns a handle into pieces of guest-physical memory.  Everything it does
is recorded as steps by the :class:`~xenexplore.hypervisor.xen.Xen` it is given.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, replace
from typing import TYPE_CHECKING, ClassVar, TypeAlias

from xenexplore.addr import Gva
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Refused
from xenexplore.steps import Cite, Fault

if TYPE_CHECKING:
    from xenexplore.hypervisor.registered import RegisteredBuffers
    from xenexplore.hypervisor.replay_model import ReplayModel
    from xenexplore.hypervisor.xen import Xen

__all__ = ["Admitted", "Design", "Parameter", "Precedent"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an option: a variant, a fix, a size.

    Attributes:
        name: its name in scenarios.
        default: value if a scenario does not set it.
        choices: accepted values; empty: any value of the default's type.
        help: one sentence.
        source: who proposed it, or ``"ours"``.
    """

    name: str
    default: str | int | bool | tuple[str, ...]
    _: KW_ONLY
    choices: tuple[str | int | bool, ...] = ()
    help: str = ""
    source: str = "ours"


@dataclass(frozen=True, slots=True, kw_only=True)
class Precedent:
    """Existing interface that works like an option, in Xen or elsewhere.

    Attributes:
        what: what it is, and by which rules.
        cite: where.
    """

    what: str
    cite: Cite


_WORDS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_IDENT = 4

Admitted: TypeAlias = "str | tuple[int, str]"
"""Why bytes are misplaced; with a number, exactly that many."""


def _initials(words: Sequence[str]) -> str:
    """A number for who has none: ``LW`` for a last walk, ``CAC`` for a cache."""
    initials = "".join(word[0] for word in words) if len(words) > 1 else words[0][: _IDENT - 1]
    return initials[:_IDENT].upper()


class Design:
    """Base of every design.  Subclasses fill in the class attributes and the hooks they need.

    The user's own design needs only :meth:`locate`; a class in a notebook's cell or a file can be
    used wherever a design's name can. Name, number, title, summary and source default to values
    derived from the class and its docstring, with ``"ours"`` as the source. Guests of other types
    than :attr:`guests` are refused.

    Nothing outside the option's own module and the registry tests for an option's name: everything
    that others need is a class attribute or a hook here.

    Class attributes:
        ident: the design's number, e.g. ``"O7b"``; at most 4 letters and digits.
        name: its name in scenarios and on the command line.
        title: one line.
        summary: one short paragraph in our own words.
        asked: the mail or person that proposed it.
        guests: the types of guests that it supports.
        hazards: declared cases of misplaced bytes: a built-in scenario's name, or a condition of
            :data:`xenexplore.scenario.trial.machines.CONDITIONS`, to the reason, or to the number
            of bytes and the reason.
        parameters: its variants and fixes.
        specified: whether a published text specifies it; if not, it refuses every guest.
        replay: its model of recorded accesses; each class declares its own, because an inherited
            one may not hold for a changed mechanism.
        unanswered: reasons why no built-in scenario answers a question of the thread for this
            option, by question (``"Q1"``); ``"else"`` for all others.
        precedents: existing mechanisms of the same kind, in Xen or elsewhere, each with its source.
        without_page: the reason why its kernels have no hypercall page, or ``""``.

    Attributes:
        values: every parameter with its value.
        tlb: its registered buffers, or None.
    """

    ident: ClassVar[str] = ""
    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    asked: ClassVar[Cite]
    guests: ClassVar[tuple[str, ...]] = ("pvh", "hvm")
    hazards: ClassVar[Mapping[str, Admitted]] = {}
    parameters: ClassVar[tuple[Parameter, ...]] = ()
    specified: ClassVar[bool] = True
    replay: ClassVar[type[ReplayModel] | None] = None
    unanswered: ClassVar[Mapping[str, str]] = {}
    precedents: ClassVar[tuple[Precedent, ...]] = ()
    without_page: ClassVar[str] = ""

    tlb: RegisteredBuffers | None = None

    def __init_subclass__(cls) -> None:
        """Complete the class: what it does not declare comes from its name and docstring."""
        said = vars(cls)
        words = _WORDS.sub(" ", cls.__name__.strip("_").replace("_", " ")).split() or ["design"]
        told = inspect.cleandoc(said.get("__doc__") or "") or " ".join(words).capitalize()
        first, _, _ = told.partition("\n\n")
        title = " ".join(first.split()).rstrip(".")
        derived: dict[str, object] = {
            "name": "-".join(words).lower(),
            "ident": _initials(words),
            "title": title,
            "summary": " ".join(told.split()),
            "asked": Cite("ours", cls.__name__),
        }
        for attribute, value in derived.items():
            if attribute not in said:
                setattr(cls, attribute, value)

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
        """Whether a copy on behalf of another vCPU waits until that vCPU makes it itself."""
        return self.values.get("cross_vcpu") == "deferred"

    def refuses(self, xen: Xen) -> str:
        """Reason why the option cannot be used with this guest at all, or ``""``."""
        kind = xen.domain.spec.type
        if kind in self.guests:
            return ""
        return f"{self.name} does not define how a {kind.upper()} guest's handles are resolved"

    def setup(self, xen: Xen) -> None:
        """Do what the guest does once, before the first call (registrations, a mode switch)."""

    def prepare(self, xen: Xen, call: GuestCall) -> GuestCall | Refused:
        """Do what the guest does before a call; return the call as it is then made."""
        return call

    def registers(self, call: GuestCall) -> tuple[int, ...]:
        """Contents of the argument registers, as far as a call's step shows them."""
        return call.args

    def dispatch(self, xen: Xen, call: GuestCall) -> int:
        """Xen's view of RAX: the hypercall's number without flavour bits."""
        return call.number

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        """Find the memory behind a handle, piece by piece, as Xen would.

        Pieces come in order, each within one 4 KiB page of guest-physical memory, and make
        up the access; or a Fault ends it, which has been recorded by the time it is yielded.

        Args:
            xen: the domain under this option; ``xen.emit(step)`` records what is done.
            access: the copy: ``handle`` and ``size``, whether it ``writes``, on which vCPU
                (``current``) and about which (``subject``).
        """
        raise NotImplementedError

    def exchange(self, xen: Xen, access: HandleAccess, data: bytes | None) -> bytes | None:
        """Bytes exchanged without guest memory (registers); None: the access needs memory.

        ``data`` is what Xen writes, or None where it reads.
        """
        return None

    def inner(self, xen: Xen, call: GuestCall, op: int) -> tuple[int, int]:
        """Dispatch a multicall's entry.

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
        """Do what the guest does after a call returned."""

    def switched(self, xen: Xen, vcpu: int) -> None:
        """A vCPU has loaded another CR3."""

    def descheduled(self, xen: Xen, vcpu: int) -> None:
        """Xen switches a vCPU out."""

    def register_area(
        self, xen: Xen, *, caller: int, subject: int, area: Gva, argument: Gva
    ) -> bool:
        """Register a runstate area by the design's own call.

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
