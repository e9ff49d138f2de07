"""Actions of a scenario: one frozen record each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from xenexplore.addr import Gfn
from xenexplore.scenario.model.action import ActionSpec
from xenexplore.scenario.model.prompt_actions import (
    Insert,
    Lookup,
    Place,
    SetEntry,
    Setup,
    Write,
)
from xenexplore.scenario.model.values import Pairs, Value

__all__ = [
    "ACTIONS",
    "ActionSpec",
    "CallAction",
    "CompatCall",
    "HypercallPage",
    "InnerCall",
    "Insert",
    "Lookup",
    "Migrate",
    "Multicall",
    "Place",
    "Protect",
    "Purge",
    "Register",
    "RegisterRunstate",
    "Remap",
    "SetEntry",
    "SetP2mType",
    "Setup",
    "Share",
    "Switch",
    "Unmap",
    "UpdateRunstate",
    "Write",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallAction(ActionSpec):
    """A vCPU makes a hypercall.

    Attributes:
        vcpu: the vCPU.
        hypercall: family and sub-op, ``"event_channel_op send"``.
        given: argument name to value (``with`` in the text); others are 0.
        user: the call comes from user space through privcmd (EFLAGS.AC is set).
        cpl: privilege level (ring) of the caller.
        preempt: the preemption points that are taken, counted from 1 over the whole call.
        purge_between: the registration that the next vCPU purges at each preemption, or ``""``.
        converted: the calling code uses the design; false: it was written for today's interface,
            and passes linear addresses (firmware, a loader, an older kernel).
        vc_handler: the caller has a handler for #VC; where encryption hides registers
            (SEV-ES, so SNP), no call leaves the guest without one.
    """

    do: ClassVar[str] = "call"

    vcpu: int = 0
    hypercall: str
    given: Pairs = ()
    user: bool = False
    cpl: int = 0
    preempt: tuple[int, ...] = ()
    purge_between: str = ""
    converted: bool = True
    vc_handler: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class InnerCall:
    """One entry of a multicall.

    Attributes:
        hypercall: family and sub-op.
        given: argument name to value.
    """

    hypercall: str
    given: Pairs = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Multicall(ActionSpec):
    """A vCPU makes a multicall: its entries are written into a buffer first.

    Attributes:
        vcpu: the vCPU.
        list: the buffer for the entries, 64 bytes each.
        entries: the calls.
        outer: whether the list is passed as under the option (``"as-option"``) or by its linear
            address (``"linear"``).
        inner: the same for the buffers of the entries.
        preempt: as for a call.
    """

    do: ClassVar[str] = "multicall"

    vcpu: int = 0
    list: str
    entries: tuple[InnerCall, ...]
    outer: str = "as-option"
    inner: str = "as-option"
    preempt: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch(ActionSpec):
    """A vCPU switches to another process: it loads another CR3.

    Attributes:
        vcpu: the vCPU.
        process: the new process.
    """

    do: ClassVar[str] = "switch"
    by_guest: ClassVar[bool] = True

    vcpu: int = 0
    process: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remap(ActionSpec):
    """The guest maps other frames at a buffer's address and copies nothing; Xen is not notified.

    Attributes:
        buffer: the buffer.
        frames: the new frames; default: free ones.
    """

    do: ClassVar[str] = "remap"
    by_guest: ClassVar[bool] = True

    buffer: str
    frames: tuple[Gfn, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmap(ActionSpec):
    """The guest makes a buffer's pages not present.

    Attributes:
        buffer: the buffer.
    """

    do: ClassVar[str] = "unmap"
    by_guest: ClassVar[bool] = True

    buffer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Protect(ActionSpec):
    """The guest maps a buffer's pages read-only, or writable again.

    Attributes:
        buffer: the buffer.
        writable: whether they are writable afterwards.
    """

    do: ClassVar[str] = "protect"
    by_guest: ClassVar[bool] = True

    buffer: str
    writable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SetP2mType(ActionSpec):
    """The type of a buffer's frames in the P2M changes (ballooning, paging, log-dirty, …).

    Attributes:
        buffer: the buffer whose frames change.
        type: Xen's name, e.g. ``"p2m_ram_ro"``.
    """

    do: ClassVar[str] = "p2m"
    by_guest: ClassVar[bool] = True

    buffer: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Share(ActionSpec):
    """An encrypted guest shares a buffer's frames with the hypervisor, or makes them private again.

    Attributes:
        buffer: the buffer whose frames change.
        shared: whether they are shared afterwards.
    """

    do: ClassVar[str] = "share"
    by_guest: ClassVar[bool] = True

    buffer: str
    shared: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(ActionSpec):
    """A vCPU registers a range (options with registered buffers).

    Attributes:
        vcpu: the vCPU whose table it is.
        what: ``"directmap"``, ``"kernel-image"``, ``"percpu"``, ``"stack"``, ``"buffer:NAME"``.
    """

    do: ClassVar[str] = "register"

    vcpu: int = 0
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Purge(ActionSpec):
    """A vCPU purges a range (options with registered buffers).

    Attributes:
        vcpu: the vCPU whose table it is.
        what: as for :class:`Register`, or ``"all"``; ``""`` with ``address``.
        address: start of an exact linear range, instead of ``what``.
        size: its size in bytes.
    """

    do: ClassVar[str] = "purge"

    vcpu: int = 0
    what: str = ""
    address: Value | None = None
    size: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterRunstate(ActionSpec):
    """VCPUOP_register_runstate_memory_area, or its physical twin under that option.

    Attributes:
        vcpu: the caller.
        subject: the vCPU to which the area belongs.
        buffer: the area, 48 bytes.
        argument: the buffer that holds the argument struct (8 bytes).
    """

    do: ClassVar[str] = "register-runstate"

    vcpu: int = 0
    subject: int
    buffer: str
    argument: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateRunstate(ActionSpec):
    """Xen updates a vCPU's registered runstate area, outside any hypercall.

    On x86 this happens at context switches, on the subject's own CPU.
    Source: context_switch(), xen/arch/x86/domain.c.

    Attributes:
        subject: the vCPU to which the area belongs.
        user_mode: the vCPU left the guest while a process ran in user mode, on the page tables of
            user mode.
    """

    do: ClassVar[str] = "update-runstate"

    subject: int
    user_mode: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HypercallPage(ActionSpec):
    """The guest requests the hypercall page, and Xen writes a stub into it.

    Of the stubs that Xen writes, one for each number, only one is shown.

    Attributes:
        vcpu: the vCPU that requests it (by an MSR).
        buffer: the guest's page, page-aligned.
        vendor: the CPU vendor whose instruction the stubs use, ``"intel"`` or ``"amd"``.
        hypercall: a hypercall with the number whose stub is shown.
    """

    do: ClassVar[str] = "hypercall-page"

    vcpu: int = 0
    buffer: str
    vendor: str = "amd"
    hypercall: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrate(ActionSpec):
    """A vCPU paused inside a stub resumes where the stub has been rewritten.

    Attributes:
        vcpu: the vCPU.
        source: CPU vendor of the old host.
        target: CPU vendor of the new host.
        hypercall: a hypercall with the number of the stub that it is in.
        offset: offset in the stub at which it is paused, in bytes.
        landing_pad: the new host's stubs begin with an endbr64 (no Xen does that).
    """

    do: ClassVar[str] = "migrate"

    vcpu: int = 0
    source: str = "intel"
    target: str = "amd"
    hypercall: str
    offset: int
    landing_pad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CompatCall(ActionSpec):
    """A 32-bit caller's XENMEM_populate_physmap, through the translation area.

    Attributes:
        vcpu: the vCPU.
        buffer: the caller's struct compat_memory_reservation, 20 bytes.
        test_first: whether Xen checks for its own area before it uses the handle.
    """

    do: ClassVar[str] = "compat-call"

    vcpu: int = 0
    buffer: str
    test_first: bool = True


ACTIONS: dict[str, type[ActionSpec]] = {
    action.do: action
    for action in (
        CallAction,
        Multicall,
        Switch,
        Remap,
        Unmap,
        Protect,
        SetP2mType,
        Share,
        Register,
        Purge,
        RegisterRunstate,
        UpdateRunstate,
        HypercallPage,
        Migrate,
        CompatCall,
        Setup,
        Place,
        Write,
        SetEntry,
        Insert,
        Lookup,
    )
}
"""The text's word to the record."""
