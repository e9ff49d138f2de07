"""The guest that repeats one hypercall, and the clock that runs slower."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from xenexplore.errors import RecorderError
from xenexplore.recording.format.header import GuestKind
from xenexplore.recording.recorder import session
from xenexplore.recording.recorder.compiler import run_tool
from xenexplore.recording.recorder.loop import LOOP_CALLS, build_loop
from xenexplore.recording.recorder.machine import BootEnding, EmulatedMachine, Run
from xenexplore.recording.recorder.options import Options
from xenexplore.recording.recorder.setup import RecorderSetup

NOTE, PHYS32_ENTRY = 4, 18  # PT_NOTE; xen/include/public/elfnote.h
ENTRY = 0x400000


@pytest.fixture
def options(tmp_path):
    return Options(
        kind=GuestKind.PVH, out=tmp_path / "o", folder=tmp_path, domu_vcpus=0, loop=True, slow=8
    )


def test_xen_finds_the_guests_entry(tmp_path):
    raw = build_loop(tmp_path).read_bytes()
    (table,) = struct.unpack_from("<Q", raw, 32)
    (count,) = struct.unpack_from("<H", raw, 56)
    headers = [struct.unpack_from("<IIQ", raw, table + 56 * at) for at in range(count)]
    (note,) = (offset for kind, _, offset in headers if kind == NOTE)
    assert struct.unpack_from("<III4sI", raw, note) == (4, 4, PHYS32_ENTRY, b"Xen\0", ENTRY)
    assert raw.count(b"RECORD-MARK done") == 1
    assert LOOP_CALLS == 1000


def test_a_tool_that_fails_is_one_error(tmp_path):
    with pytest.raises(RecorderError, match="ld: expected a program that succeeds"):
        run_tool("ld", "no-such-file.o", cwd=tmp_path)
    with pytest.raises(RecorderError, match="install gcc and binutils"):
        run_tool("no-such-compiler", cwd=tmp_path)


def test_the_loop_runs_alone(options, tmp_path):
    script = tmp_path / "w.sh"
    script.touch()
    for other, said in (
        ({"kind": GuestKind.PV}, "got pv"), ({"vcpus": 2}, "got --vcpus"),
        ({"domu_vcpus": 1}, "got --domu-vcpus"), ({"workload": script}, "got --workload"),
        ({"kernel_version": "6.12", "verify": True}, "got --kernel, --verify"),
    ):  # fmt: skip
        with pytest.raises(RecorderError, match=f"--loop: expected a PVH dom0 alone, {said}"):
            replace(options, **other)
    with pytest.raises(RecorderError, match="--slow-clock: expected 1 to 1000, got 0"):
        replace(options, slow=0)
    assert options.words() == "xenexplore record pvh --xen 4.17 --loop --slow-clock 8"
    run = Run(BootEnding.DONE, "(XEN) Xen version 4.17.7 (Debian)\n", "", 1.0)
    meta = session.header(options, run, session.Hooks({}, "sha256:" + "0" * 64), "QEMU 11.1.3")
    assert "VCPUOP_get_runstate_info 1000 times into a 4 KiB page" in meta["workload"]


def test_a_slower_clock(options, tmp_path, monkeypatch):
    setup = RecorderSetup(tmp_path)
    setup._plugin()
    monkeypatch.setattr(RecorderSetup, "ready", lambda self: True)
    line = EmulatedMachine(options, setup, Path("/kernel"), tmp_path).command()
    assert line[1:3] == ["--preload", str(setup.slow_clock)]
    assert (
        "--preload"
        not in EmulatedMachine(replace(options, slow=1), setup, Path(), tmp_path).command()
    )
    # CLOCK_REALTIME is not slowed.  The two are read one after the other: a rough ratio.
    script = (
        "import time; a, b = time.monotonic(), time.time()\n"
        "while time.time() < b + 0.2: pass\n"
        "print((time.time() - b) / (time.monotonic() - a))"
    )
    seen = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **setup.environment(1000), "LD_PRELOAD": str(setup.slow_clock)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert 300 < float(seen.stdout) < 3000
