"""A hypercall as the guest makes it, and the values that Xen and an option exchange about it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from xenexplore.addr import Gpa, Gva
from xenexplore.steps import Direction

__all__ = [
    "CALL_FORMS",
    "GuestCall",
    "HandleAccess",
    "Located",
    "Meaning",
    "Refused",
    "RegisteredArea",
    "linear_of",
]

CALL_FORMS = ("as-option", "linear")
"""How the buffers of a multicall are passed: by the design, or by linear address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """The guest's meaning of a stretch of an encoded handle.  Known to the oracle, not to Xen.

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
class HandleAccess:
    """One copy that Xen is about to make.

    Attributes:
        direction: from the guest, to it, or clear.
        handle: the handle's value, as Xen has it.
        size: bytes.
        role: description of the argument.
        current: the vCPU running on this CPU.
        subject: the vCPU on whose behalf the copy is made.
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
class RegisteredArea:
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
    """A piece of an access, located in guest-physical memory; never crosses a 4 KiB page.

    ``checked``: checked by a walk; ``mapped``: Xen keeps the page mapped, and makes no lookup.
    """

    gpa: Gpa
    size: int
    checked: bool
    mapped: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """The option does not support this call, with the reason."""

    reason: str


def linear_of(call: GuestCall | None, start: int) -> Gva:
    """The linear address behind an encoded one."""
    if call is not None:
        for meaning in call.meanings:
            if meaning.start <= start < meaning.start + meaning.size:
                return meaning.va + (start - meaning.start)
    return Gva(start)
