"""A recording, from the request to a checked file."""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import zstandard

from xenexplore.errors import RecorderError
from xenexplore.recording.format.columns import Recording
from xenexplore.recording.format.header import Artefact, read_header
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.format.record_lines import FORMAT
from xenexplore.recording.matching.matching import match_recording
from xenexplore.recording.recorder.held import CpuHeld, hold
from xenexplore.recording.recorder.hooks import Hooks, read_hooks
from xenexplore.recording.recorder.images import dom0_image
from xenexplore.recording.recorder.loop import LOOP_CALLS, build_loop
from xenexplore.recording.recorder.machine import BootEnding, EmulatedMachine, Progress, Run
from xenexplore.recording.recorder.options import Options
from xenexplore.recording.recorder.parts import find_parts
from xenexplore.recording.recorder.setup import RecorderSetup
from xenexplore.recording.recorder.xentrace import XenTrace, read_xentrace, whole_records
from xenexplore.steps import Json

__all__ = ["Recorded", "header", "record", "write_recording"]

_LEVEL = 12
_GZIP = 31  # zlib's wbits: a gzip header, the largest window
_BLOCK = 1 << 20
_XEN = re.compile(r"Xen version (\d+\.\d+(?:\.\d+)?)")
_LINUX = re.compile(r"Linux version (\S+)")
# Debian's kernels are named by their ABI; the upstream version stands behind.
_DEBIAN = re.compile(r"Linux version .*#\d+ .*Debian (\d+\.\d+\.\d+)")
_USED = {
    "disk": "its disk (5 MiB written, 9 MiB read)",
    "net": "its network (2 MiB each way)",
}
"""Traffic of a backend, as guest/init.domu and guest/domu.sh make it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """Result of a recorder run.

    Attributes:
        recording: as read back from the file.
        ending: how the run ended.
        seconds: how long it took.
        unexplained: hypercalls that the catalogue does not explain.
        held: with ``verify``, each physical CPU's hypercalls held against xentrace's.
        unheld: with ``verify``, why the trace is missing or cut (``held`` is then of what came),
            or ``""``.
        faults: what failed of the workload.
    """

    recording: Recording
    ending: BootEnding
    seconds: float
    unexplained: int
    held: tuple[CpuHeld, ...] = ()
    unheld: str = ""
    faults: tuple[str, ...] = ()


def record(options: Options, progress: Progress, say: Callable[[str], None]) -> Recorded:
    """Boot, record, write, read back, and check every hypercall against the catalogue.

    Raises:
        RecorderError: the folder is not set up, or nothing was recorded.
        OSError: a file cannot be written.
    """
    setup = RecorderSetup(options.folder, options.xen)
    emulator = setup.version()
    parts = find_parts(setup, options, say)
    hooks = read_hooks(parts.symbols)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="run-", dir=options.folder) as name:
        work = Path(name)
        (work / "hooks").write_text(hooks.text, encoding="ascii")
        (work / "xen").write_bytes(_unpacked(parts.hypervisor))
        image = b"" if options.loop else dom0_image(setup, parts, options)
        (work / "dom0.img").write_bytes(image)
        kernel = build_loop(work) if options.loop else parts.kernel
        machine = EmulatedMachine(options, setup, kernel, work)
        run = machine.run(progress)
        if options.keep:
            _keep(work, options.out)
        _check(run, machine.records)
        trace, unheld = _trace(machine.trace) if options.verify else (None, "")
        meta = header(options, run, hooks, emulator)
        write_recording(meta, _whole_lines(machine.records), options.out)
    say(f"{run.ending.value} after {run.seconds:.0f} s; checking")
    recording = read_recording(options.out)
    found = match_recording(recording)
    unexplained = sum(domain.unexplained for domain in found.domains)
    held = hold(trace, recording) if trace is not None else ()
    return Recorded(recording, run.ending, run.seconds, unexplained, held, unheld, run.faults)


def _trace(path: Path) -> tuple[XenTrace | None, str]:
    """Trace that dom0 sent, or its beginning; why it is not whole, or ``""``."""
    raw = path.read_bytes() if path.exists() else b""
    stream = zlib.decompressobj(wbits=_GZIP)
    why = "the run ended first" if raw else "it ended before the trace was sent"
    sent, trace = b"", None
    try:
        sent = stream.decompress(raw)
    except zlib.error as error:
        why = str(error)
    try:
        trace = read_xentrace(sent if stream.eof else whole_records(sent), "dom0's trace")
    except RecorderError as error:
        if stream.eof:
            return None, str(error)
    if stream.eof:
        return trace, ""
    missing = RecorderError(
        "--verify", "", expected="dom0's complete trace, over its second serial port",
        got=f"{len(raw)} bytes: {why}",
        hint="--keep keeps the console log; a longer --timeout may help",
    )  # fmt: skip
    return trace, str(missing)


def _unpacked(hypervisor: Path) -> bytes:
    """Xen's file as the emulator loads it: by its multiboot header, not compressed."""
    raw = hypervisor.read_bytes()
    if raw[:2] != b"\x1f\x8b":
        return raw
    try:
        return gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise RecorderError(
            str(hypervisor), "", expected="a whole gzip file", got=str(error)
        ) from None


def _keep(work: Path, out: Path) -> None:
    for name in ("console", "emulator", "records.jsonl", "trace"):
        if (work / name).exists():
            shutil.copyfile(work / name, out.with_name(f"{out.name}.{name}"))


def _check(run: Run, records: Path) -> None:
    """Whether there is something to write."""
    counts = run.counts
    if run.ending is BootEnding.EXITED and not counts.get("hypercalls"):
        lines = [line for line in run.said.splitlines() if not line.startswith("recorder:")]
        last = (lines or ["no word"])[-1]
        got = repr(last[:200])
        raise RecorderError("the emulator", "", expected="a machine that runs", got=got)
    if not records.exists() or not records.stat().st_size:
        last = (run.console.strip().splitlines() or ["nothing on the console"])[-1]
        raise RecorderError(
            "the recording", "", expected="hypercalls", got=f"none ({run.ending.value})",
            hint=f"the console's last line: {last[:120]!r}",
        )  # fmt: skip
    if counts and not counts.get("domains_told"):
        raise RecorderError(
            "the recording", "", expected="a struct vcpu that points to hardware_domain",
            got="none in its first 256 bytes", hint="is the symbol file this Xen's?",
        )  # fmt: skip


def header(options: Options, run: Run, hooks: Hooks, emulator: str) -> dict[str, Json]:
    """The header's members, from the request and the console."""
    console = run.console
    debian, linux, xen = (rule.search(console) for rule in (_DEBIAN, _LINUX, _XEN))
    named = debian or linux
    kernel = f"Linux {named[1]}" if named else ""
    guests: list[Json] = [
        {"domain": 0, "kind": options.kind.value, "vcpus": options.vcpus, "kernel": kernel}
    ]
    if options.domu_vcpus and "RECORD-MARK create" in console:
        own = {"kind": "hvm"} if options.firmware else {"kind": "pvh", "kernel": kernel}
        guests.append({"domain": 1, "vcpus": options.domu_vcpus, **own})
    artefacts = [Artefact.EMULATED_CLOCK, Artefact.NO_NRIP]
    artefacts += [] if hooks.decodes else [Artefact.NO_DECODE_COUNT]
    artefacts += [] if run.ending is BootEnding.DONE else [Artefact.INTERRUPTED]
    artefacts += [Artefact.SOFT_LOCKUPS] if "soft lockup" in console else []
    artefacts += [Artefact.WORKLOAD_FAILED] if run.faults else []
    members: dict[str, Json] = {
        "format": FORMAT,
        "version": 2,
        "arch": "x86_64",
        "xen": {"version": xen[1] if xen else options.xen, "symbols": hooks.symbols},
        "machine": {"pcpus": options.machine_cpus, "emulator": f"{emulator} TCG"},
        "guests": guests,
        "backends": list(options.backends),
        "workload": _workload(options),
        "artefacts": [artefact.value for artefact in artefacts],
        "recorder": "xenexplore record",
        "command": options.words(),
    }
    read_header(members)
    return members


def _workload(options: Options) -> str:
    if options.loop:
        return (f"VCPUOP_get_runstate_info {LOOP_CALLS} times into a 4 KiB page, {LOOP_CALLS} "
                "times into a 2 MiB page, by a small guest as dom0")  # fmt: skip
    done = ["boot of dom0"]
    if options.domu_vcpus or options.workload:
        done.append("xenstored")
    if options.firmware:
        done.append("one HVM domU started, its firmware run until it finds no disk")
    elif options.domu_vcpus:
        done.append("one domU started")
        used = " and ".join(_USED[name] for name in options.backends)
        done.append(f"{used} used" if used else "left to run for 5 s")
    if options.workload:
        done.append(f"{options.workload.name} run")
    if options.verify:
        done.append("traced completely by xentrace, with the trace sent over a serial port")
    return ", ".join(done)


def _whole_lines(records: Path) -> Iterator[bytes]:
    """The records' text; a line that the emulator did not come to end is left out."""
    rest = b""
    with records.open("rb") as raw:
        while block := raw.read(_BLOCK):
            whole, newline, rest = (rest + block).rpartition(b"\n")
            yield whole + newline


def write_recording(meta: Mapping[str, Json], records: Iterable[bytes], out: Path) -> None:
    """Write header and records to a file, which appears complete or not at all.

    Args:
        meta: the header's members.
        records: lines of records, whole, in pieces of any size.
        out: the file; compressed if its name ends in ``.zst``.
    """
    partial = out.with_name(out.name + ".part")
    machine = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    try:
        with partial.open("wb") as target:
            stream = machine.stream_writer(target, closefd=False)
            sink = stream if out.suffix == ".zst" else target
            sink.write(msgspec.json.encode({"meta": meta}) + b"\n")
            for piece in records:
                sink.write(piece)
            if sink is stream:
                stream.close()  # type: ignore[no-untyped-call]
        partial.replace(out)
    finally:
        partial.unlink(missing_ok=True)
