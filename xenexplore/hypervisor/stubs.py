"""The hypercall page: stubs that Xen writes into guest memory, and what a migration does to them.

Each stub is 32 bytes apart: ``mov $number, %eax`` (5 bytes), the vendor's
instruction (3 bytes), ``ret``.  A vCPU that is paused inside a stub resumes
inside whatever the page holds then: right only while lengths agree.

Source: vmx_init_hypercall_page() (xen/arch/x86/hvm/vmx/vmx.c) and
svm_init_hypercall_page() (xen/arch/x86/hvm/svm/svm.c), Xen 4.17.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from xenexplore.errors import MachineError
from xenexplore.steps import Check, CopyFailed, Direction, Hazard, Move, Note, mail, xen

if TYPE_CHECKING:
    from xenexplore.addr import Gpa
    from xenexplore.hypervisor.xen import Xen

__all__ = ["STUB_BYTES", "VENDORS", "Stub", "migrate", "stub_for", "write_hypercall_page"]

STUB_BYTES = 32

VENDORS = ("intel", "amd")

_ASKED = mail("Cooper", "28 Sep 2022", "850214fa-7e26-8a19-c318-9ded849fffda@citrix.com")
_PAGE = {
    "intel": xen("xen/arch/x86/hvm/vmx/vmx.c", "vmx_init_hypercall_page"),
    "amd": xen("xen/arch/x86/hvm/svm/svm.c", "svm_init_hypercall_page"),
}
_INSTRUCTION = {"intel": b"\x0f\x01\xc1", "amd": b"\x0f\x01\xd9"}
_MNEMONIC = {b"\x0f\x01\xc1": "vmcall", b"\x0f\x01\xd9": "vmmcall"}
_ENDBR64 = b"\xf3\x0f\x1e\xfa"


@dataclass(frozen=True, slots=True)
class Stub:
    """One stub as bytes, and where its instructions begin."""

    code: bytes
    starts: tuple[int, ...]

    def at(self, offset: int) -> str:
        """The instruction that begins at an offset, or ``""`` in the middle of one."""
        if offset not in self.starts:
            return ""
        rest = self.code[offset:]
        if rest[:1] == b"\xb8":
            return "mov $number, %eax"
        if rest[:4] == _ENDBR64:
            return "endbr64"
        return "ret" if rest[:1] == b"\xc3" else _MNEMONIC[rest[:3]]


def stub_for(vendor: str, number: int, *, landing_pad: bool = False) -> Stub:
    """The stub for a hypercall; ``landing_pad`` puts an endbr64 in front (no Xen does; ours).

    Raises:
        MachineError: the vendor is neither ``"intel"`` nor ``"amd"``.
    """
    if vendor not in _INSTRUCTION:
        raise MachineError(f"vendor {vendor!r}: expected intel or amd")
    pad = _ENDBR64 if landing_pad else b""
    code = pad + b"\xb8" + number.to_bytes(4, "little") + _INSTRUCTION[vendor] + b"\xc3"
    first = len(pad)
    starts = (0, first, first + 5, first + 8) if pad else (0, 5, 8)
    return Stub(code, starts)


def write_hypercall_page(xen: Xen, page: Gpa, vendor: str, number: int) -> bool:
    """Xen writes a stub into the guest's page; damage or a fault where the page is private."""
    stub = stub_for(vendor, number)
    touched = xen.touch(page + number * STUB_BYTES, len(stub.code), stub.code)
    if touched is None:
        xen.emit(CopyFailed(cite=_PAGE[vendor], moved=0, reported=len(stub.code)))
        return False
    xen.emit(
        Move(
            cite=_PAGE[vendor],
            direction=Direction.TO,
            gpa=page + number * STUB_BYTES,
            mfn=touched.mfn,
            size=len(stub.code),
            meant=page + number * STUB_BYTES,
            spoilt=touched.spoilt,
        )
    )
    return True


def migrate(
    xen: Xen,
    *,
    source: str,
    target: str,
    number: int,
    offset: int,
    landing_pad: bool = False,
) -> bool:
    """A vCPU paused at ``offset`` in a stub resumes on another vendor's host.

    Returns:
        Whether it resumes at the start of the instruction it was to execute.
    """
    before = stub_for(source, number)
    after = stub_for(target, number, landing_pad=landing_pad)
    was, now = before.at(offset), after.at(offset)
    if not was:
        raise MachineError(f"offset {offset} is inside an instruction of the stub")
    xen.emit(
        Note(
            cite=_PAGE[target],
            text=f"The page is rewritten for {target}: the stub's {len(before.code)} bytes are "
            f"now {len(after.code)}. The vCPU was paused before its {was}.",
        )
    )
    same = bool(now) and (was == now or {was, now} <= set(_MNEMONIC.values()))
    xen.emit(
        Check(
            cite=_ASKED,
            name="the vCPU resumes at the instruction that it was about to execute",
            passed=same,
            detail=f"offset {offset}: {now or 'inside an instruction'}",
        )
    )
    if not same:
        xen.emit(
            Hazard(
                cite=_ASKED,
                name="stub changed under a vCPU",
                detail=f"it resumes at offset {offset}, {now or 'inside an instruction'}",
            )
        )
    return same
