"""Reader for Xen's own trace: hypercalls in an xentrace file, per physical CPU and in order.

Record layout and event numbers: xen/include/public/trace.h (struct t_rec, TRC_*).
A traced hypercall has its number, but no registers beyond the sub-op of three PV hypercalls
(xen/common/trace.c, __trace_hypercall()), no buffers and no copies.  VMMCALL's record has no
time stamp (HVMTRACE_ND(), xen/arch/x86/include/asm/hvm/trace.h); that of the VM exit before it has.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xenexplore.errors import RecorderError

__all__ = ["MASK", "Traced", "XenTrace", "read_xentrace", "whole_records"]

MASK = 0x2A3000
"""``xentrace -e``: classes TRC_SCHED, TRC_HVM and TRC_PV, sub-classes 1 and 2."""

_LOST = 0x1F001  # TRC_LOST_RECORDS
_CPU_CHANGE = 0x1F003  # TRC_TRACE_CPU_CHANGE
_RUNSTATE, _RUNSTATE_STATES = 0x21001, 0x330  # TRC_SCHED_RUNSTATE_CHANGE; old and new state
_RUNNING = 0  # RUNSTATE_running, xen/include/public/vcpu.h
_CONTINUES = 0x21002  # TRC_SCHED_CONTINUE_RUNNING
_PV, _PV_64 = 0x20100D, 0x100  # TRC_PV_HYPERCALL_V2, TRC_64_FLAG
_PV_NUMBER = 0xFFFFF  # without TRC_PV_HYPERCALL_V2_ARG_MASK
_PV_ARG_0 = 0x300000  # TRC_PV_HYPERCALL_V2_ARG_32(0) and _64(0)
_VMMCALL = 0x82012  # TRC_HVM_VMMCALL
_CYCLES = 1 << 31  # TRC_HD_CYCLE_FLAG
_EVENT = 0x0FFFFFFF


@dataclass(frozen=True, slots=True)
class Traced:
    """One hypercall.

    Attributes:
        pcpu: physical CPU.
        tsc: time stamp counter of the CPU's last record that has one, up to this.
        hvm: by a VM exit (HVM and PVH), not by ``syscall``.
        number: of the hypercall.
        sub_op: its first argument where Xen traces that, or None.
        domain, vcpu: whose; -1 before the CPU's first scheduling event.
        segment: how many times before, on this CPU, Xen lost records.
    """

    pcpu: int
    tsc: int
    hvm: bool
    number: int
    sub_op: int | None
    domain: int
    vcpu: int
    segment: int


@dataclass(frozen=True, slots=True)
class XenTrace:
    """A trace file's hypercalls.

    Attributes:
        calls: in the file's order, which is each CPU's order.
        lost: records that Xen had no room for.
        events: all records of the file.
    """

    calls: tuple[Traced, ...]
    lost: int
    events: int


def read_xentrace(raw: bytes, name: str | Path) -> XenTrace:
    """Hypercalls of an xentrace file's bytes.

    Raises:
        RecorderError: it is none, it is cut within a record, or no hypercall was traced.
    """
    reader = _Reader()
    for event, tsc, extra in _records(raw, name):
        reader.take(event, tsc, extra)
    if not reader.calls:
        raise RecorderError(
            str(name), "", expected="traced hypercalls", got=f"{reader.events} other records",
            hint=f"trace with: xentrace -D -e {MASK:#x} FILE",
        )  # fmt: skip
    return XenTrace(tuple(reader.calls), reader.lost, reader.events)


def whole_records(raw: bytes) -> bytes:
    """A trace truncated anywhere, up to its last complete record."""
    at = 0
    while at < len(raw) and (end := _frame(raw, at)[1]) <= len(raw):
        at = end
    return raw[:at]


def _frame(raw: bytes, at: int) -> tuple[int, int]:
    """A record's first word, 0 if that is truncated, and its end, which may be past the file's."""
    (head,) = struct.unpack_from("<I", raw, at) if at + 4 <= len(raw) else (0,)
    return head, at + 4 + (8 if head & _CYCLES else 0) + 4 * (head >> 28 & 7)


def _records(raw: bytes, name: str | Path) -> Iterator[tuple[int, int, tuple[int, ...]]]:
    """Event, TSC and data words of each record."""
    at = 0
    while at < len(raw):
        head, end = _frame(raw, at)
        if at == 0 and head & _EVENT != _CPU_CHANGE:
            raise RecorderError(
                str(name), "byte 0", expected="xentrace's file, which begins with a CPU's number",
                got=raw[:4].hex(" "),
            )  # fmt: skip
        if end > len(raw):
            raise RecorderError(
                str(name), f"byte {at}", expected="a whole record", got="the file's end",
                hint="end xentrace with SIGINT, so that it writes all its buffers",
            )  # fmt: skip
        (tsc,) = struct.unpack_from("<Q", raw, at + 4) if head & _CYCLES else (0,)
        words = head >> 28 & 7
        yield head & _EVENT, tsc, struct.unpack_from(f"<{words}I", raw, end - 4 * words)
        at = end


class _Reader:
    """vCPU of each physical CPU, while records are read."""

    def __init__(self) -> None:
        self.calls: list[Traced] = []
        self.lost = self.events = 0
        self._cpu = 0
        self._runs: dict[int, tuple[int, int]] = {}
        self._segment: dict[int, int] = {}
        self._tsc: dict[int, int] = {}

    def take(self, event: int, tsc: int, extra: tuple[int, ...]) -> None:
        """One record."""
        self.events += event != _CPU_CHANGE
        if tsc:
            self._tsc[self._cpu] = tsc
        if not extra:
            return
        if event == _CPU_CHANGE:
            self._cpu = extra[0]
        elif event == _LOST and len(extra) > 1:
            self.lost += extra[0]
            self._segment[self._cpu] = self._segment.get(self._cpu, 0) + 1
            # insert_lost_records(): the current domain and vCPU.
            self._runs[self._cpu] = extra[1] & 0xFFFF, extra[1] >> 16
        elif event == _CONTINUES or self._starts(event):
            self._runs[self._cpu] = extra[0] >> 16, extra[0] & 0xFFFF
        elif event & ~_PV_64 == _PV:
            sub_op = extra[1] if extra[0] & _PV_ARG_0 and len(extra) > 1 else None
            self._call(extra[0] & _PV_NUMBER, hvm=False, sub_op=sub_op)
        elif event == _VMMCALL:
            self._call(extra[0], hvm=True, sub_op=None)

    @staticmethod
    def _starts(event: int) -> bool:
        return event & ~_RUNSTATE_STATES == _RUNSTATE and event >> 4 & 3 == _RUNNING

    def _call(self, number: int, *, hvm: bool, sub_op: int | None) -> None:
        domain, vcpu = self._runs.get(self._cpu, (-1, -1))
        segment = self._segment.get(self._cpu, 0)
        tsc = self._tsc.get(self._cpu, 0)
        self.calls.append(Traced(self._cpu, tsc, hvm, number, sub_op, domain, vcpu, segment))
