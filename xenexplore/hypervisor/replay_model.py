"""A design's replay model: results of recorded accesses under it, for all of them at once.

Replaying a recording resolves hundreds of thousands of accesses, too many for the
step-by-step machine.  Each option therefore declares, in its own module, the same
mechanism a second time as predicates over columns; tests hold every model to the
machine.  The predicates see low-level values only: addresses, sizes, flags, in numpy
arrays with one row per access or buffer.  :mod:`xenexplore.analysis.replay.engine` turns
the answers into counts, and names no option.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from xenexplore.hypervisor.design import Design

__all__ = [
    "TABLE_PARAMETERS",
    "Mask",
    "Preparation",
    "RecordedAccesses",
    "RecordedBuffers",
    "RecordedGuest",
    "ReplayModel",
    "Resolution",
    "Unspecified",
    "Walked",
]

Mask: TypeAlias = "NDArray[np.bool_] | bool"
"""One flag per row, or the same for all rows."""

TABLE_PARAMETERS = frozenset({"entries", "policy", "search", "scope", "miss", "straddle"})
"""Parameters of registered buffers that a replay takes into account.

The others matter between hypercalls, with a second address space, or for frames
that were not recorded.
"""

_NO_PV = "PV guests: no option but today's interface"


class Resolution(enum.Enum):
    """Way in which Xen finds the memory behind a handle."""

    WALK = enum.auto()
    """It walks the guest's page tables for each page."""
    SEARCH = enum.auto()
    """It searches registered buffers; what happens on a miss is a parameter."""
    PHYSICAL = enum.auto()
    """The handle is a guest-physical address."""
    REGISTERS = enum.auto()
    """There is no memory: the bytes are in registers."""
    BOUNCE = enum.auto()
    """The bytes are in a page that the guest shares with Xen."""


@dataclass(frozen=True, slots=True)
class RecordedGuest:
    """The guest that is replayed.

    Attributes:
        pv: it is a PV guest: Xen dereferences its linear addresses.
        encrypted: Xen cannot read its page tables.
    """

    pv: bool
    encrypted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAccesses:
    """Copies that Xen made inside hypercalls, in the order in which it made them.

    Attributes:
        address: uint64: linear address of the first byte.
        size: int64: bytes.
        pages: int64: 4 KiB pages touched.
        call: int64: number of the hypercall; equal within one.
        writes: bool: Xen writes guest memory.
        user: bool: the hypercall was made from user space (privcmd).
        vcpu: int32: the vCPU that made the hypercall.
        switches: int64: areas' updates outside hypercalls that the domain had seen before, as
            Xen makes them when it switches a vCPU in or out: equal between two switches.
    """

    address: NDArray[np.uint64]
    size: NDArray[np.int64]
    pages: NDArray[np.int64]
    call: NDArray[np.int64]
    writes: NDArray[np.bool_]
    user: NDArray[np.bool_]
    vcpu: NDArray[np.int32]
    switches: NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedBuffers:
    """Buffers that hypercalls pass, by hypercall and address.

    Attributes:
        address: uint64: linear address of the first byte.
        size: int64: bytes.
        pages: int64: 4 KiB pages touched.
        call: int64: number of the hypercall; equal within one.
        reads, writes: bool: Xen reads, or writes, some of it.
        linear: bool: its region is contiguous in guest-physical memory.
        user: bool: the hypercall was made from user space (privcmd).
    """

    address: NDArray[np.uint64]
    size: NDArray[np.int64]
    pages: NDArray[np.int64]
    call: NDArray[np.int64]
    reads: NDArray[np.bool_]
    writes: NDArray[np.bool_]
    linear: NDArray[np.bool_]
    user: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Preparation:
    """Work of the guest for the buffers of its calls; one flag per buffer.

    Attributes:
        encoded: it translates the address and stores another handle.
        listed: it writes a list of frames, one 8-byte slot per page and one more.
        copied: it copies the bytes to a shared page and back.
        loaded: it passes the bytes in registers.
        flipped: it shares the pages before the call and makes them private after it.
    """

    encoded: Mask = False
    listed: Mask = False
    copied: Mask = False
    loaded: Mask = False
    flipped: Mask = False


class ReplayModel:
    """Model of recorded accesses under one option with its parameters.

    A subclass must say how handles are resolved.  Everything else is by default what
    today's interface does: the guest prepares nothing and registers nothing.

    Class attributes:
        follows: parameters that the model takes into account; any other must keep
            its default.
        carries_pv: PV guests can use the design.
        lists_registered: lists of frames are in a page that is itself registered.
        variants: what a replay of every design shows of this one: label to
            parameters; empty: the defaults, under the option's name.
        rank: where these stand among the designs; None: by the option's number.

    Args:
        option: the option, its parameters checked.
    """

    follows: ClassVar[frozenset[str]] = frozenset()
    carries_pv: ClassVar[bool] = False
    lists_registered: ClassVar[bool] = False
    variants: ClassVar[Mapping[str, Mapping[str, object]]] = {}
    rank: ClassVar[float | None] = None

    def __init__(self, option: Design) -> None:
        self.option = option

    def refuses(self, guest: RecordedGuest) -> str:
        """Reason why no call can be made, or ``""``."""
        return _NO_PV if guest.pv and not self.carries_pv else ""

    def refuses_call(self, number: int, sub_op: int, *, user: bool) -> str:
        """Reason why calls of one kind cannot be made, or ``""``.

        Args:
            number: the hypercall; -1: Xen entered no handler.
            sub_op: its sub-op where a register holds it, or -1.
            user: it was made from user space (privcmd).
        """
        return ""

    def refuses_buffers(self, buffers: RecordedBuffers) -> tuple[str, Mask]:
        """A reason, and the buffers because of which their calls cannot be made."""
        return "", False

    def prepares(self, buffers: RecordedBuffers) -> Preparation:
        """Work of the guest for the buffers of the calls that it makes."""
        return Preparation()

    def resolves(self) -> Resolution:
        """Way in which Xen finds the memory behind a handle."""
        raise NotImplementedError

    def linear(self, accesses: RecordedAccesses) -> Mask:
        """Accesses that stay linear addresses, walked as today, whatever :meth:`resolves` says."""
        return False

    def walks(self, accesses: RecordedAccesses) -> NDArray[np.int64]:
        """Pages walked, for each access that is walked."""
        return accesses.pages

    def recalls(self, accesses: RecordedAccesses) -> NDArray[np.int64] | None:
        """Pages of each access whose walk Xen remembers; None: it remembers none.

        Of a design with :attr:`Resolution.WALK`; each page is then looked up once, in one
        compare, and those that are remembered are not walked.
        """
        return None

    def registers(self) -> tuple[str, ...]:
        """Ranges that are registered before the first call."""
        known = any(parameter.name == "register" for parameter in self.option.parameters)
        return self.option.texts("register") if known else ()

    def shares(self) -> int:
        """Pages that an encrypted guest shares once, for each vCPU that makes calls."""
        return 0


class Walked(ReplayModel):
    """Every argument is a linear address, walked page by page, as today."""

    carries_pv = True

    def resolves(self) -> Resolution:
        return Resolution.WALK


class Unspecified(ReplayModel):
    """Model of a design that was never specified: every call is refused."""

    def refuses(self, guest: RecordedGuest) -> str:
        return self.option.title

    def resolves(self) -> Resolution:
        raise NotImplementedError("a design that was never specified resolves nothing")
