"""A recording made from an xentrace file: hypercalls and their vCPUs, without buffers.

This is what hardware can give without a change to Xen.  Registers, guest copies, walks
and instructions are not in a trace; the header says so (``hypercalls-only``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from xenexplore.errors import RecorderError
from xenexplore.recording.format.columns import Recording
from xenexplore.recording.format.header import Artefact, GuestKind, read_header
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.format.record_lines import FORMAT
from xenexplore.recording.recorder.session import write_recording
from xenexplore.recording.recorder.xentrace import Traced, read_xentrace
from xenexplore.steps import Json

__all__ = ["Converted", "from_xentrace"]

_LIMIT = 1 << 30


@dataclass(frozen=True, slots=True)
class Converted:
    """Result of converting a trace.

    Attributes:
        recording: as read back.
        lost: records that Xen had no room for.
        unknown: hypercalls left out, made before Xen traced which vCPU runs.
    """

    recording: Recording
    lost: int
    unknown: int


def from_xentrace(path: Path, out: Path, *, xen: str, cpu_mhz: float) -> Converted:
    """Write the hypercalls of a trace as a recording of version 2.

    Args:
        path: what xentrace wrote.
        out: the recording.
        xen: version of the Xen that was traced, as ``"4.17"``; the file does not say.
        cpu_mhz: frequency of its time stamp counter; the file does not say.

    Raises:
        RecorderError: it is not a trace, is larger than 1 GiB, or tells of no vCPU.
        OSError: a file cannot be read or written.
    """
    size = path.stat().st_size
    if size > _LIMIT:
        raise RecorderError(str(path), "", expected="at most 1 GiB", got=f"{size} bytes")
    trace = read_xentrace(path.read_bytes(), path)
    calls = sorted((call for call in trace.calls if call.domain >= 0), key=lambda call: call.tsc)
    if not calls:
        raise RecorderError(
            str(path), "", expected="records of the scheduler (TRC_SCHED_RUNSTATE_CHANGE)",
            got="none", hint="they identify the vCPU of a hypercall: trace with -e 0x2a3000",
        )  # fmt: skip
    meta = _header(calls, path, xen)
    read_header(meta)
    first = calls[0].tsc
    write_recording(
        meta,
        (_line(seq, call, (call.tsc - first) / (cpu_mhz * 1e6)) for seq, call in enumerate(calls)),
        out,
    )
    return Converted(read_recording(out), trace.lost, len(trace.calls) - len(calls))


def _line(seq: int, call: Traced, seconds: float) -> bytes:
    record: dict[str, Json] = {
        "s": seq, "t": round(seconds, 9), "k": "hvm" if call.hvm else "pv", "n": call.number,
        "d": call.domain, "v": call.vcpu, "p": call.pcpu, "o": seq,
    }  # fmt: skip
    if call.sub_op is not None:
        record["a"] = [call.sub_op]
    return msgspec.json.encode(record) + b"\n"


def _header(calls: Sequence[Traced], path: Path, xen: str) -> dict[str, Json]:
    guests: list[Json] = []
    for domain in sorted({call.domain for call in calls}):
        mine = [call for call in calls if call.domain == domain]
        kind = GuestKind.PV
        if mine[0].hvm:
            # dom0 is never HVM; for Xen another domain of this kind may be either.
            kind = GuestKind.HVM if domain else GuestKind.PVH
        vcpus = max(call.vcpu for call in mine) + 1
        guests.append({"domain": domain, "kind": kind.value, "vcpus": vcpus})
    return {
        "format": FORMAT,
        "version": 2,
        "arch": "x86_64",
        "xen": {"version": xen},
        "machine": {"pcpus": max(call.pcpu for call in calls) + 1},
        "guests": guests,
        "backends": [],
        "workload": "unknown (traced by xentrace)",
        "artefacts": [Artefact.HYPERCALLS_ONLY.value],
        "recorder": "xenexplore record",
        "command": f"xenexplore record --from xentrace {path.name}",
    }
