"""One run of the emulator: its command line, its console, its end."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from xenexplore.errors import RecorderError
from xenexplore.recording.format.header import GuestKind
from xenexplore.recording.recorder.options import Options
from xenexplore.recording.recorder.setup import RecorderSetup
from xenexplore.recording.recorder.xentrace import MASK

__all__ = ["BootEnding", "EmulatedMachine", "Run"]

Progress = Callable[[float, str, int], None]
"""Called with (seconds, the last mark on the console, bytes recorded)."""

_MARK = re.compile(r"RECORD-MARK (\S+)")
_FAULT = re.compile(r"^RECORD-FAULT (.+?)\s*$", re.MULTILINE)
_DEAD = ("Panic on CPU", "Kernel panic", "Attempted to kill init")
_MEMORY = "768M"
_DOM0_MEMORY = "384M"
_FAST = f"serial.baudbase={115_200 * 256}"  # a line's own pace, by a slowed clock, takes an hour
_POLL = 0.5
_LAST_WORDS = 30.0


class BootEnding(Enum):
    """Ending of a run."""

    DONE = "done"
    INTERRUPTED = "interrupted"
    TIMEOUT = "timeout"
    DEAD = "dead"
    EXITED = "exited"


@dataclass(frozen=True, slots=True)
class Run:
    """Files and facts produced by a run.

    Attributes:
        ending: how it ended.
        console: all that Xen and the guests said.
        said: what the emulator and the plugin said.
        seconds: from start to end.
    """

    ending: BootEnding
    console: str
    said: str
    seconds: float

    @property
    def counts(self) -> dict[str, int]:
        """Counts by the plugin; empty if the run did not get that far."""
        found = re.search(r"^recorder: (\{.*\})$", self.said, re.MULTILINE)
        return dict(json.loads(found[1])) if found else {}

    @property
    def faults(self) -> tuple[str, ...]:
        """Parts of the workload that failed according to dom0's scripts."""
        return tuple(_FAULT.findall(self.console))


@dataclass(frozen=True, slots=True)
class EmulatedMachine:
    """An emulated machine that boots Xen.

    Attributes:
        options: what was asked.
        setup: the prepared folder.
        kernel: dom0's kernel.
        work: a folder of this run's own, with ``xen`` (not compressed), ``dom0.img`` and
            ``hooks``.
    """

    options: Options
    setup: RecorderSetup
    kernel: Path
    work: Path

    @property
    def records(self) -> Path:
        """File that the plugin writes."""
        return self.work / "records.jsonl"

    @property
    def trace(self) -> Path:
        """Contents of dom0's second serial port: xentrace's file, compressed."""
        return self.work / "trace"

    def command(self) -> list[str]:
        """The emulator's whole command line."""
        options, work = self.options, self.work
        pvh = options.kind is GuestKind.PVH
        plugin = f"{self.setup.plugin},hooks={work / 'hooks'},out={self.records}"
        # smap, rdtscp: TCG and Xen disagree about them; xsave: not under a PVH dom0.
        cpu = "max,-smap,-rdtscp" + (",-xsave" if pvh else "")
        thread = "multi" if options.machine_cpus > 1 else "single"
        return [
            *self.setup.command(options.slow),
            "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-accel", f"tcg,thread={thread}", "-cpu", cpu, "-smp", str(options.machine_cpus),
            "-m", _MEMORY, "-machine", "q35" if pvh else "pc",
            *(["-device", "intel-iommu"] if pvh else []),
            "-rtc", "base=2026-01-01,clock=vm", "-seed", "1",
            "-serial", f"file:{work / 'console'}",
            *(["-serial", f"file:{self.trace}", "-global", _FAST] if options.verify else []),
            "-qmp", f"unix:{work / 'qmp'},server=on,wait=off",
            "-kernel", str(work / "xen"), "-append", self._xen_words(),
            "-initrd", f"{self.kernel} {self._dom0_words()},{work / 'dom0.img'}",
            "-plugin", plugin + (",loads=on" if options.loads else ""),
        ]  # fmt: skip

    def _xen_words(self) -> str:
        dom0 = " dom0=pvh" if self.options.kind is GuestKind.PVH else ""
        return (
            "console=com1 com1=115200,8n1 loglvl=all guest_loglvl=all "
            f"dom0_mem={_DOM0_MEMORY},max:{_DOM0_MEMORY}{dom0}"
        )

    def _dom0_words(self) -> str:
        options = self.options
        words = ["console=hvc0", "init_on_free=1"]
        if options.domu_vcpus:
            vcpus = f"record.domu={options.domu_vcpus}"
            words.append("record.firmware" if options.firmware else vcpus)
        words += [f"record.{backend}" for backend in options.backends]
        if not options.persistent_grants:
            words.append("record.nopersistent")
        if options.verify:
            words.append(f"record.verify={MASK:#x}")
        return " ".join(words)

    def run(self, progress: Progress) -> Run:
        """Boot, watch the console until the work is done, and shut the emulator down in order.

        Ctrl-C and SIGTERM end it too: the plugin then writes what it still holds.
        """
        began = time.monotonic()
        said = self.work / "emulator"
        environment = self.setup.environment(self.options.slow)
        with said.open("w") as stream, _sigterm_interrupts():
            process = subprocess.Popen(
                self.command(), env=environment, stdin=subprocess.DEVNULL,
                stdout=stream, stderr=stream, start_new_session=True,
            )  # fmt: skip
            try:
                ending = self._watch(process, began, progress)
            except KeyboardInterrupt:
                ending = BootEnding.INTERRUPTED
            finally:
                self._quit(process)
        return Run(
            ending,
            self._console(),
            said.read_text("utf-8", "replace"),
            time.monotonic() - began,
        )

    def _console(self) -> str:
        path = self.work / "console"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def _watch(
        self, process: subprocess.Popen[bytes], began: float, progress: Progress
    ) -> BootEnding:
        while True:
            time.sleep(_POLL)
            text = self._console()
            marks = _MARK.findall(text)
            size = self.records.stat().st_size if self.records.exists() else 0
            seconds = time.monotonic() - began
            progress(seconds, marks[-1] if marks else "Xen boots", size)
            if "done" in marks:
                return BootEnding.DONE
            if process.poll() is not None:
                return BootEnding.EXITED
            if any(word in text for word in _DEAD):
                return BootEnding.DEAD
            if seconds > self.options.timeout:
                return BootEnding.TIMEOUT

    def _quit(self, process: subprocess.Popen[bytes]) -> None:
        """Ask the emulator to end, so that the plugin writes its last records."""
        if process.poll() is None:
            try:
                _tell(self.work / "qmp", ("qmp_capabilities", "quit"))
                process.wait(_LAST_WORDS)
            except (OSError, subprocess.TimeoutExpired):
                process.kill()
        process.wait()


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does, so that neither emulator nor records are left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals are the main thread's
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _tell(path: Path, commands: Sequence[str]) -> None:
    """Send QMP commands, each after the answer to the one before."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(_LAST_WORDS)
        link.connect(str(path))
        with link.makefile("rwb") as stream:
            stream.readline()
            for command in commands:
                stream.write(json.dumps({"execute": command}).encode() + b"\n")
                stream.flush()
                if not stream.readline():
                    raise RecorderError(str(path), command, expected="an answer", got="none")
