"""A server as a child process: started, waited for, stopped with all its children."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import IO, Final, Self

__all__ = ["ServerProcess"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Between two looks at whether a starting server answers; it answers within seconds.
_LOOK: Final = 0.1
# Jupyter gives each kernel 5 s to shut down, then SIGTERM, then SIGKILL.
_PATIENCE: Final = 30.0
_TAIL: Final = 4000


class ServerProcess:
    """A server in a process group of its own; a context manager that leaves no process behind.

    The terminal's Ctrl-C reaches only this process: SIGINT, SIGTERM and SIGHUP
    are passed on as one SIGTERM, which ends a Jupyter server and its kernels
    without a question.  A second signal kills them.

    Attributes:
        signalled: the first signal that came, or 0.
    """

    def __init__(
        self, command: Sequence[str], environment: Mapping[str, str], *, quiet: bool
    ) -> None:
        self._command, self._environment = list(command), dict(environment)
        self._log: IO[bytes] | None = tempfile.TemporaryFile() if quiet else None  # noqa: SIM115
        self._child: subprocess.Popen[bytes] | None = None
        self._before: dict[int, object] = {}
        self._woken = threading.Event()
        self.signalled = 0

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)
        self._child = subprocess.Popen(
            self._command, env=self._environment, stdin=subprocess.DEVNULL,
            stdout=self._log, stderr=self._log, process_group=0,
        )  # fmt: skip
        if self.signalled:  # it came while the child was made
            self._child.terminate()
        return self

    def __exit__(self, *_: object) -> None:
        child = self._process
        try:
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(_PATIENCE)
                except subprocess.TimeoutExpired:
                    self._kill()
            child.wait()
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)  # type: ignore[arg-type]
            if self._log is not None:
                self._log.close()

    @property
    def _process(self) -> subprocess.Popen[bytes]:
        assert self._child is not None, "entered"
        return self._child

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        again, self.signalled = self.signalled, self.signalled or number
        if self._child is not None and self._child.returncode is None:
            if again:
                self._kill()
            else:
                self._child.terminate()

    def _kill(self) -> None:
        """The server, and what it started (kernels are in sessions of their own)."""
        child = self._process
        for pid in (*_descendants(child.pid), child.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def wait_until_it_answers(self, address: str) -> bool:
        """Whether the server answers at an address; False if it ended instead."""
        while self._process.poll() is None:
            try:
                with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own http address
                    return not self.signalled
            except (urllib.error.URLError, OSError):
                self._woken.wait(_LOOK)
        return False

    def wait(self) -> int:
        """Wait until the server ends; its exit status."""
        return self._process.wait()

    def last_words(self) -> str:
        """The last lines of a quiet server's log."""
        if self._log is None:
            return ""
        self._log.seek(max(self._log.seek(0, os.SEEK_END) - _TAIL, 0))
        return self._log.read().decode("utf-8", "replace")


def _descendants(pid: int) -> list[int]:
    """Children and theirs, deepest first.  Source: Linux, proc(5), children."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii")
    except OSError:
        return []
    found: list[int] = []
    for child in map(int, text.split()):
        found += [*_descendants(child), child]
    return found
