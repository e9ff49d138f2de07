"""Xen, as far as hypercall buffers are concerned: one domain, one option, one record.

:class:`Xen` holds no mechanism of its own.  Walks are those of
:mod:`xenexplore.paging`, P2M lookups those of :mod:`xenexplore.memory`, and
resolving a handle is the option's; what happens is recorded as steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xenexplore.addr import Gpa, Gva, Mfn
from xenexplore.errors import MachineError
from xenexplore.hypervisor.calls import RegisteredArea, linear_of
from xenexplore.hypervisor.remembered import vtlb_of
from xenexplore.memory import CopyResult, Stored
from xenexplore.paging import READ, WRITE, PagingState, Walk, apply_updates, walk
from xenexplore.steps import (
    Cite,
    Exit,
    Fault,
    FaultKind,
    FlushCause,
    Node,
    Note,
    Recorder,
    Spoilt,
    Step,
    xen,
)

if TYPE_CHECKING:
    from xenexplore.guest.domain import Domain
    from xenexplore.hypervisor.calls import GuestCall, HandleAccess
    from xenexplore.hypervisor.design import Design

__all__ = ["CopyHelper", "Touched", "Xen"]

CopyHelper = Literal["x86", "arm"]

_GHCB = Cite("AMD, SEV-ES GHCB specification (56421)", "exit code 0x81, VMMCALL")
_IN_GHCB = (
    "VMMCALL raises #VC. The handler puts RAX, CPL and the call's own registers into the GHCB, a "
    "shared page, and executes VMGEXIT: Xen sees these, and no other register."
)
_TRANSLATE = xen("xen/arch/x86/hvm/hvm.c", "hvm_translate_get_page")
_SPOILT = {Stored.DAMAGED: Spoilt.GARBAGE, Stored.DISCARDED: Spoilt.DROPPED}


@dataclass(frozen=True, slots=True)
class Touched:
    """Result of reading or writing one piece of a frame; ``spoilt`` as in a Move."""

    mfn: Mfn | None
    data: bytes
    spoilt: Spoilt


class Xen:
    """One domain under one option, with everything that happens recorded.

    Attributes:
        domain: the guest.
        design: the option that resolves handles.
        record: the recorder; its nodes are the path.
        copy_helper: whose failure semantics copies have, ``"x86"`` or ``"arm"``.
        areas: registered runstate areas, by vCPU.
        vtlb: shadow paging's caches of walks; None under HAP, and of a PV guest.
        user_access: EFLAGS.AC, as privcmd raises it (stac) around its hypercalls.
    """

    def __init__(self, domain: Domain, design: Design, *, copy_helper: CopyHelper = "x86") -> None:
        if copy_helper not in ("x86", "arm"):
            raise MachineError(f"copy helper: expected x86 or arm, got {copy_helper!r}")
        self.domain = domain
        self.design = design
        self.record = Recorder()
        self.copy_helper: CopyHelper = copy_helper
        self.user_access = False
        self.areas: dict[int, RegisteredArea] = {}
        self.vtlb = vtlb_of(domain.spec.paging, domain.spec.vcpus)
        self._rewritten: list[tuple[Gva, bytes, bytes, int]] = []

    @property
    def nodes(self) -> tuple[Node, ...]:
        """Everything recorded so far."""
        return self.record.nodes

    def leave(self, cite: Cite, vcpu: int) -> None:
        """The guest makes one exit: by SYSCALL if it is PV, by VMMCALL (AMD) if it is not.

        With SEV-ES, so with SNP, VMMCALL raises #VC in the guest, and what exits is the
        handler's VMGEXIT: Xen sees what the handler has put into the GHCB.
        """
        instruction = "vmmcall" if self.domain.spec.has_p2m else "syscall"
        if self.domain.spec.hides_registers:
            self.emit(Note(cite=_GHCB, text=_IN_GHCB))
            instruction = "vmgexit"
        self.emit(Exit(cite=cite, vcpu=vcpu, instruction=instruction))

    def emit(self, step: Step) -> None:
        """Record a step under whatever is open."""
        self.record.add(step)

    def paging_state(self, vcpu: int) -> PagingState:
        """The control registers under which Xen currently walks for a vCPU."""
        return self.domain.paging_state(vcpu, user_access=self.user_access)

    def walk(self, vcpu: int, va: Gva, *, write: bool) -> Walk:
        """Walk the guest's tables as Xen does for each piece of a copy, and record it.

        PV guests have no software walk: Xen dereferences the address and the
        CPU walks (copy_to_guest_ll(), xen/arch/x86/usercopy.c); the result is the
        same and nothing is recorded or counted.
        """
        memory = self.domain.memory
        access = WRITE if write else READ
        if not self.domain.spec.has_p2m:
            return walk(memory.guest, self.paging_state(vcpu), va, access)
        result = walk(memory.hypervisor, self.paging_state(vcpu), va, access)
        result.record_on(self.record)
        apply_updates(result, memory.hypervisor)
        return result

    def loaded_cr3(self, vcpu: int) -> None:
        """A vCPU has loaded CR3: shadow paging intercepts that, HAP does not.

        Source: construct_vmcs(), xen/arch/x86/hvm/vmx/vmcs.c, and construct_vmcb(),
        xen/arch/x86/hvm/svm/vmcb.c.
        """
        if self.vtlb is not None:
            self.vtlb.flush(self.record, vcpu, FlushCause.CR3_WRITE)

    def invalidated(self) -> None:
        """The guest has changed a mapping: each vCPU executes INVLPG, which HAP does not intercept.

        Kernels that ask Xen to flush instead call HVMOP_flush_tlbs or Viridian's, and reach
        shadow_flush_tlb(), xen/arch/x86/mm/shadow/common.c: the same end.
        """
        if self.vtlb is not None:
            for vcpu in range(self.domain.spec.vcpus):
                self.vtlb.flush(self.record, vcpu, FlushCause.INVLPG)

    def touch(
        self, gpa: Gpa, size: int, data: bytes | None, *, mapped: bool = False
    ) -> Touched | None:
        """Read (``data`` None) or write one piece of a frame through the P2M, and record it.

        None where Xen cannot: the fault is recorded.  ``mapped``: Xen keeps the
        page mapped since it was registered, so that no lookup is made.
        """
        memory = self.domain.memory
        if data is None:
            outcome = memory.read_piece(gpa, size)
        else:
            outcome = memory.write_piece(gpa, data, mapped=mapped)
        if outcome.lookup is not None and self.domain.spec.has_p2m and not mapped:
            self.emit(outcome.lookup)
        if not outcome.ok:
            rmp = outcome.result is CopyResult.RMP_VIOLATION
            what = FaultKind.RMP_VIOLATION if rmp else FaultKind.P2M
            self.emit(Fault(cite=_TRANSLATE, what=what, reason=outcome.reason))
            return None
        return Touched(
            outcome.lookup.mfn if outcome.lookup is not None else None,
            outcome.data or b"",
            Spoilt.CIPHERTEXT if outcome.ciphertext else _SPOILT.get(outcome.stored, Spoilt.NOT),
        )

    def rewrite(self, field: Gva, value: int, *, vcpu: int) -> None:
        """The guest writes an encoded word into one of its structs, for the duration of a call."""
        encoded = value.to_bytes(8, "little")
        self._rewritten.append((field, self.domain.read(field, 8, vcpu=vcpu), encoded, vcpu))
        self.domain.write(field, encoded, vcpu=vcpu)

    def restore(self) -> None:
        """Put rewritten words back after the call, where Xen has not changed them.

        Costs nothing and is not a step: a kernel made for the design would have
        built its structs this way at once.  It lets runs be compared.
        """
        while self._rewritten:
            field, original, encoded, vcpu = self._rewritten.pop()
            if self.domain.read(field, 8, vcpu=vcpu) == encoded:
                self.domain.write(field, original, vcpu=vcpu)

    def remember_area(self, call: GuestCall, access: HandleAccess, kind: str) -> None:
        """Keep the handle of a runstate area, as Xen does when it is registered.

        Source: ``runstate_guest(v) = area.addr.h`` (xen/common/domain.c).
        """
        if access.writes and kind == "vcpu_runstate_info":
            va = linear_of(call, access.handle)
            self.areas[access.subject] = RegisteredArea(
                subject=access.subject, handle=access.handle, va=va
            )

    def read_physical(self, gpa: Gpa, size: int) -> bytes | None:
        """Read a list element or a table entry by guest-physical address; within one page."""
        touched = self.touch(gpa, size, None)
        return None if touched is None else touched.data
