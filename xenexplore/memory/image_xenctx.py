"""Output of ``xenctx`` on a Xen domain's vCPUs, with ``-a`` (control registers).

There is no EFER in it, nor whether the domain is PV.  A vCPU in long mode is printed with
``rip:``, any other with ``cs:eip:``.

Source: tools/xentrace/xenctx.c (4.17): print_ctx_64(), print_ctx_32(), print_special(),
dump_all_vcpus().
"""

from __future__ import annotations

import re
from typing import Final

from xenexplore.errors import ImageError
from xenexplore.memory.image_registers import (
    CR0_PG,
    CR4_PAE,
    EFER_LMA,
    EFER_LME,
    EFER_NXE,
    Registers,
)

__all__ = ["looks_like_xenctx", "registers_from_xenctx"]

_VCPU: Final = re.compile(r"^vcpu(\d+)(?::[ \t]*$| offline)", re.MULTILINE)
_START: Final = re.compile(r"^(?:rip: |cs:eip: )", re.MULTILINE)
_CONTROL: Final = re.compile(r"^cr([0234]): ([0-9a-fA-F]{8,16})\b", re.MULTILINE)
_WIDE: Final = re.compile(r"^(rip|rsp): ([0-9a-fA-F]{16})\b", re.MULTILINE)
_NARROW: Final = re.compile(
    r"^(?:cs:(eip)|ss:(esp)): [0-9a-fA-F]{4}:([0-9a-fA-F]{8})\b", re.MULTILINE
)
_FLAGS: Final = re.compile(r"^flags: ([0-9a-fA-F]{8,16})\b", re.MULTILINE)
_STACK: Final = re.compile(r"\bss(?::|:esp:) ([0-9a-fA-F]{4})\b")
_GS: Final = re.compile(r"^ gs: [0-9a-fA-F]{4} @ ([0-9a-fA-F]{16})/", re.MULTILINE)
_XEN_FLAT: Final = 0xE000  # FLAT_RING3_SS64 and its like, xen/include/public/arch-x86/xen.h
_MOST_VCPUS: Final = 8192


def looks_like_xenctx(text: str) -> bool:
    """Whether a text is what ``xenctx`` prints."""
    return _START.search(text) is not None


def registers_from_xenctx(source: object, text: str) -> tuple[Registers, ...]:
    """Read what ``xenctx -a`` (or ``xenctx -C -a``: all vCPUs) printed.

    An offline vCPU is one with paging off.

    Raises:
        ImageError: a vCPU without CR0, CR3 or CR4, or numbers that are not in a row.
    """
    found: list[Registers] = []
    headings = list(_VCPU.finditer(text))
    if not headings:
        return (_one(source, 0, text),)
    for place, heading in enumerate(headings):
        number = heading[1]
        if len(number) > 5 or int(number) != place or place >= _MOST_VCPUS:
            raise ImageError(
                source, "", expected="vCPUs numbered from 0 (xenctx -C)", got=f"vcpu{number[:8]}"
            )
        end = headings[place + 1].start() if place + 1 < len(headings) else len(text)
        offline = heading[0].endswith("offline")
        body = "" if offline else text[heading.end() : end]
        found.append(_nothing(place) if offline else _one(source, place, body))
    return tuple(found)


def _one(source: object, index: int, body: str) -> Registers:
    control = {f"CR{number}": int(digits, 16) for number, digits in _CONTROL.findall(body)}
    missing = [name for name in ("CR0", "CR3", "CR4") if name not in control]
    if missing:
        raise ImageError(
            source,
            f"vCPU {index}",
            expected="CR0, CR3 and CR4",
            got=f"no {', '.join(missing)}",
            hint="xenctx prints them with -a",
        )
    values = {name: int(digits, 16) for name, digits in _WIDE.findall(body)}
    wide = "rip" in values
    for eip, esp, digits in _NARROW.findall(body):
        values["rip" if eip else "rsp" if esp else ""] = int(digits, 16)
    efer = 0
    if control["CR0"] & CR0_PG and control["CR4"] & CR4_PAE:
        efer = EFER_NXE | (EFER_LME | EFER_LMA if wide else 0)
    flags, stack, gs = _FLAGS.search(body), _STACK.search(body), _GS.search(body)
    selector = int(stack[1], 16) if stack else 0
    return Registers(
        index=index,
        cr0=control["CR0"],
        cr2=control.get("CR2", 0),
        cr3=control["CR3"],
        cr4=control["CR4"],
        efer=efer,
        efer_known=False,
        rip=values.get("rip", 0),
        rsp=values.get("rsp", 0),
        rflags=int(flags[1], 16) if flags else 0,
        # A PV kernel runs in ring 3, on Xen's flat segments.
        cpl=0 if selector >= _XEN_FLAT else selector & 3,
        gs_base=int(gs[1], 16) if gs else 0,
    )


def _nothing(index: int) -> Registers:
    return Registers(
        index=index, cr0=0, cr2=0, cr3=0, cr4=0, efer=0, efer_known=False, rip=0, rsp=0, rflags=2,
        cpl=0, gs_base=0,
    )  # fmt: skip
