"""O11: FastABI ("HVMv2 part 1"): arguments and results in registers, no guest memory at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, ClassVar

from xenexplore.addr import Gva
from xenexplore.hypercalls.catalogue.entries import Family, SubOp, family_of
from xenexplore.hypercalls.releases import RELEASES
from xenexplore.hypervisor.calls import GuestCall, HandleAccess, Located, Refused
from xenexplore.hypervisor.design import Design, Parameter, Precedent
from xenexplore.hypervisor.linear import locate_linear
from xenexplore.hypervisor.passed_buffers import BufferUse, passed_buffers, unmapped
from xenexplore.hypervisor.physical import PHYSICAL_BIT
from xenexplore.hypervisor.replay_model import (
    Preparation,
    RecordedBuffers,
    ReplayModel,
    Resolution,
)
from xenexplore.steps import Cite, Direction, Fault, RegisterPass, mail, xen

if TYPE_CHECKING:
    from xenexplore.hypercalls.structs import StructLayout
    from xenexplore.hypervisor.xen import Xen

__all__ = ["VALUE_REGISTERS", "FastAbi", "fits"]

VALUE_REGISTERS = ("rsi", "r8", "r9", "r10", "r11", "r12")
"""reg2 to reg7 remain for values; RAX is number and result, RDI the sub-op."""

_MAPS = {64: VALUE_REGISTERS, 32: ("ecx", "edx", "esi", "edi", "ebp")}
"""Value registers by the caller's width.  The series leaves 32-bit callers out; theirs are ours:
all general registers but ESP, EAX the number and result, EBX the sub-op as in today's
32-bit interface (docs/guest-guide/x86/hypercall-abi.rst)."""


@dataclass(frozen=True, slots=True)
class _Passed:
    use: BufferUse
    data: bytes


def fits(family: Family, op: SubOp | None, bits: int = 64) -> str:
    """Reason why a call cannot be made with registers alone, or ``""`` if it can.

    Args:
        family: the hypercall.
        op: its sub-op, if it has any.
        bits: the caller's width, 64 or 32: how many value registers of what size.

    The rule is ours, from what the proposal's example shows: one struct of
    fixed size, no handle inside, one field per register, six value registers
    each way.  Which calls the series itself specifies is another question: its
    lists cover event channels, grant tables, HVM parameters, memory, scheduling,
    vCPUs and version.
    """
    name = op.title if op is not None else family.name
    if op is None:
        if any("handle(" in argument.type for argument in family.args):
            return f"{name} takes a buffer of no fixed size"
        return ""
    if op.array:
        return f"{name} takes an array: one call per element would be needed"
    if op.unbounded:
        return f"{name} copies an amount that no struct bounds"
    layout = op.layout()
    if layout is None:
        return ""
    if any("handle(" in field.type for field in layout.fields):
        return f"{name} has a guest handle inside its struct"
    words, left = _words(layout, bits), len(_MAPS[bits])
    if words > left:
        return f"{name} has {words} words of fields, and {left} registers are left"
    return ""


def _words(layout: StructLayout, bits: int) -> int:
    """Registers that a struct takes: one for each field, more for a long one."""
    return sum(-(-field.size * 8 // bits) for field in layout.fields)


@cache
def _refuses_call(number: int, sub_op: int, user: bool, bits: int) -> str:
    if user:
        return "from user space (privcmd): out of the series' scope"
    # The map is the design's, whatever release was recorded: any that has the sub-op will do.
    known = [found for xen in RELEASES if (found := family_of(number, xen)) is not None]
    if not known:
        return f"number {number} has no register map"
    family = next((found for found in known if sub_op in found.ops), known[0])
    op = family.ops.get(sub_op) if family.ops else None
    if family.ops and op is None and sub_op >= 0:
        return f"{family.name} sub-op {sub_op} is not in the catalogue"
    if family.ops and sub_op < 0:
        return f"{family.name} keeps its sub-op in memory"
    return fits(family, op, bits)


class _Replay(ReplayModel):
    """Calls whose kind fits are passed in registers, whole."""

    follows = frozenset({"bits"})

    def refuses_call(self, number: int, sub_op: int, *, user: bool) -> str:
        return _refuses_call(number, sub_op, user, self.option.number("bits"))

    def prepares(self, buffers: RecordedBuffers) -> Preparation:
        return Preparation(loaded=True)

    def resolves(self) -> Resolution:
        return Resolution.REGISTERS


class FastAbi(Design):
    """A register map per sub-op; what does not fit stays on the old interface."""

    ident: ClassVar[str] = "O11"
    name: ClassVar[str] = "fastabi"
    title: ClassVar[str] = "FastABI: registers only"
    summary: ClassVar[str] = (
        "Eight registers carry number, sub-op and values in and out; Xen touches no guest memory. "
        "For 64-bit HVM and PVH kernels, for the sub-ops that have a register map. Arrays, nested "
        "handles and long structs have none: batching needs one exit per element."
    )
    asked: ClassVar[Cite] = mail(
        "Astie", "21 Aug 2025", "cover.1755785258.git.teddy.astie@vates.tech"
    )
    parameters: ClassVar[tuple[Parameter, ...]] = (
        Parameter(
            name="bits",
            default=64,
            choices=(64, 32),
            help="The caller's width. The series is for 64-bit callers; the 32-bit map, five "
            "registers of 32 bits for values, is ours.",
        ),
    )
    precedents: ClassVar[tuple[Precedent, ...]] = (
        Precedent(
            what="Viridian's fast calls (bit 16 of the input value): the registers that would "
            "hold the addresses of input and output hold 16 bytes of input instead. Of the "
            "calls that Xen implements, only HVCALL_SEND_IPI takes that form; the flushes, and "
            "the forms with a set of vCPUs, return HV_STATUS_INVALID_PARAMETER.",
            cite=xen("xen/arch/x86/hvm/viridian/viridian.c", "hvcall_ipi"),
        ),
    )
    replay: ClassVar[type[ReplayModel]] = _Replay
    without_page: ClassVar[str] = (
        "A kernel that uses FastABI executes the instruction itself and has no hypercall page."
    )

    def __init__(self, **values: object) -> None:
        super().__init__(**values)
        self.passed: list[_Passed] = []
        self.words = 0

    def refuses(self, xen: Xen) -> str:
        if xen.domain.spec.type == "pv":
            return "for 64-bit HVM and PVH guests only"
        return ""

    def prepare(self, xen: Xen, call: GuestCall) -> GuestCall | Refused:
        self.passed = []
        if xen.user_access:
            return Refused("toolstack calls from user space are out of scope")
        family = family_of(call.number, xen.domain.release)
        if family is None:
            return Refused(f"hypercall {call.number} has no register map")
        op = family.ops.get(call.args[0]) if family.ops else None
        reason = fits(family, op, self.number("bits"))
        if reason:
            return Refused(reason)
        layout = op.layout() if op is not None else None
        self.words = _words(layout, self.number("bits")) if layout is not None else 0
        uses = passed_buffers(xen.domain, call)
        missing = unmapped(xen.domain, uses, call.vcpu)
        if missing:
            return Refused(missing)
        for use in uses:
            if use.register is None:
                continue  # an area that is registered: Xen keeps its address
            data = bytes(use.size)
            if use.reads:
                data = xen.domain.read(use.va, use.size, vcpu=call.vcpu)
                xen.emit(self._pass(use, Direction.FROM))
            self.passed.append(_Passed(use, data))
        return replace(call, number=call.number | PHYSICAL_BIT)

    def _pass(self, use: BufferUse, direction: Direction) -> RegisterPass:
        words = self.words or -(-use.size * 8 // self.number("bits"))
        # Values follow what the call passes besides (a vCPU's number); results restart.
        first = (use.register or 1) - 1 if not direction.writes else 0
        return RegisterPass(
            cite=self.asked,
            direction=direction,
            registers=_MAPS[self.number("bits")][first : first + words],
            size=use.size,
            role=use.role,
        )

    def registers(self, call: GuestCall) -> tuple[int, ...]:
        """No handle is in a register; values are shown where they are loaded."""
        handles = [p.use.register for p in self.passed if p.use.register is not None]
        return call.args[: min(handles)] if handles else call.args

    def dispatch(self, xen: Xen, call: GuestCall) -> int:
        return call.number & ~PHYSICAL_BIT

    def exchange(self, xen: Xen, access: HandleAccess, data: bytes | None) -> bytes | None:
        """Registers instead of memory: what Xen reads there, or what the stub will store."""
        for item in self.passed:
            start = access.handle - item.use.va.value
            if start >= 0 and start + access.size <= item.use.size:
                if data is None:
                    return item.data[start : start + access.size]
                xen.domain.write(Gva(access.handle), data, vcpu=access.current)
                return data
        return None

    def locate(self, xen: Xen, access: HandleAccess) -> Iterator[Located | Fault]:
        """Find what no register carries, a registered area: by linear address, as it is today."""
        return locate_linear(xen, access)

    def finish(self, xen: Xen, call: GuestCall) -> None:
        """The guest's stub stores result registers into the caller's struct."""
        for item in self.passed:
            if item.use.writes:
                xen.emit(self._pass(item.use, Direction.TO))
        self.passed = []
