"""A run from end to end, with a stand-in for the emulator that speaks as it does."""

from __future__ import annotations

import gzip
import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from xen_traces import trace_of

from xenexplore.cli.main import main
from xenexplore.errors import RecorderError
from xenexplore.recording.format.header import Artefact, GuestKind, read_header
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.recorder import session
from xenexplore.recording.recorder.hooks import Hooks
from xenexplore.recording.recorder.machine import BootEnding, EmulatedMachine
from xenexplore.recording.recorder.options import Options
from xenexplore.recording.recorder.setup import RecorderSetup

HOOKS = Hooks({"hvm_hypercall": 0x10, "svm_get_insn_len": 0x20}, "sha256:" + "0" * 64)
CONSOLE = (
    "(XEN) Xen version 4.17.7 (Debian 4.17.7+13)\n"
    "[0] Linux version 6.1.0-57-amd64 (x@debian.org) (gcc-12 (Debian 12.2.0-14)) "
    "#1 SMP PREEMPT_DYNAMIC Debian 6.1.192-3 (2026-11-04)\n"
)
RECORDS = (
    '{"s":0,"t":0.5,"k":"hvm","n":32,"a":[4,4096,0,0,0,0],"d":0,"v":0,"p":0,"o":0,"i":5242}\n'
    '{"c":"Hfrom","s":0,"va":4096,"l":4,"p":0,"i":4776}\n'
    '{"w":4096,"gfn":7,"s":0,"d":0,"v":0,"p":0,"ps":1,"i":3605}\n'
)
# What stands for QEMU: console, records, and QMP, which ends it as a plugin's end would.
STAND_IN = """
import json, socket, sys
work, ending, console, records = sys.argv[1:5]
link = socket.socket(socket.AF_UNIX); link.bind(work + "/qmp"); link.listen()
open(work + "/console", "w").write(console)
open(work + "/records.jsonl", "w").write(records)
if ending == "exit":
    print("qemu: no such thing", file=sys.stderr); sys.exit(1)
peer, _ = link.accept(); stream = peer.makefile("rwb")
stream.write(b"{}\\n"); stream.flush()
for line in stream:
    stream.write(b"{}\\n"); stream.flush()
    if json.loads(line)["execute"] == "quit" and ending == "silent":
        sys.exit(0)
    if json.loads(line)["execute"] == "quit":
        open(work + "/records.jsonl", "a").write('{"s":1,"t":0.75,"k":"hvm","n":29,"a":[0],'
            '"d":0,"v":0,"p":0,"o":1}\\n{"cut')
        print('recorder: {"hypercalls": 2, "domains_told": 1}', file=sys.stderr)
        sys.exit(0)
"""


@pytest.fixture
def options(tmp_path):
    (tmp_path / "folder").mkdir()
    out = tmp_path / "out.jsonl.zst"
    return Options(kind=GuestKind.PVH, out=out, folder=tmp_path / "folder", timeout=60)


@pytest.fixture
def emulated(monkeypatch):
    """Make runs use the stand-in."""

    def make(ending="run", console=CONSOLE, records=RECORDS, trace=None):
        def command(self):
            if trace is not None:
                self.trace.write_bytes(trace)
            return [sys.executable, "-c", STAND_IN, str(self.work), ending, console, records]

        monkeypatch.setattr(EmulatedMachine, "command", command)
        monkeypatch.setattr(RecorderSetup, "version", lambda self: "QEMU 11.1.3")
        monkeypatch.setattr(RecorderSetup, "_one", lambda self, pattern: Path("/guest") / pattern)
        monkeypatch.setattr(session, "read_hooks", lambda path: HOOKS)
        monkeypatch.setattr(session, "dom0_image", lambda setup, parts, options: b"image")
        monkeypatch.setattr(session, "_unpacked", lambda hypervisor: b"xen")

    return make


def quietly(*_):
    return None


def test_a_run_to_its_end(options, emulated):
    emulated(console=CONSOLE + "RECORD-MARK create 1\nRECORD-MARK done 2\n")
    seen, said = [], []
    found = session.record(options, lambda *at: seen.append(at[1]), said.append)
    assert (found.ending, found.unexplained) == (BootEnding.DONE, 0)
    assert seen[-1] == "done"
    recording = read_recording(options.out)
    assert recording.same_records(found.recording)
    assert recording.calls.number.tolist() == [32, 29]  # the line that was cut is left out
    header = read_header(recording.meta)
    assert (header.xen, header.emulator) == ("4.17.7", "QEMU 11.1.3 TCG")
    assert [(g.domid, g.kernel) for g in header.guests] == [
        (0, "Linux 6.1.192"), (1, "Linux 6.1.192"),
    ]  # fmt: skip
    assert header.symbols == HOOKS.symbols
    assert header.artefacts == (Artefact.EMULATED_CLOCK, Artefact.NO_NRIP)
    assert header.command == "xenexplore record pvh --xen 4.17"
    assert list(options.folder.iterdir()) == []


def once_up(options, then=quietly):
    """A progress callback that lets nothing happen before the stand-in is up."""

    def progress(*_):
        end = time.monotonic() + 60
        while not any(path.stat().st_size for path in options.folder.glob("run-*/records.jsonl")):
            assert time.monotonic() < end
            time.sleep(0.05)
        then()

    return progress


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_leaves_a_whole_recording(options, emulated, number):
    emulated()
    # A shell's background job starts with SIGINT ignored.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    term = signal.getsignal(signal.SIGTERM)
    # The emulator has a session of its own: the terminal's signal is ours alone.
    stop = once_up(options, lambda: os.kill(os.getpid(), number))
    try:
        found = session.record(options, stop, quietly)
    finally:
        signal.signal(signal.SIGINT, before)
    assert signal.getsignal(signal.SIGTERM) is term
    assert found.ending is BootEnding.INTERRUPTED
    assert len(read_recording(options.out).calls) == 2
    assert Artefact.INTERRUPTED in read_header(found.recording.meta).artefacts


def test_a_run_is_held_against_its_own_trace(options, emulated, tmp_path):
    emulated(console=CONSOLE + "RECORD-MARK done 2\n", trace=gzip.compress(
        trace_of([("cpu", 0), ("run", 0, 0), ("hvm", 32), ("hvm", 29)])))  # fmt: skip
    words = replace(options, verify=True)
    found = session.record(words, quietly, quietly)
    assert [(cpu.pcpu, cpu.traced, cpu.equal, cpu.holds) for cpu in found.held] == [(0, 2, 2, True)]
    assert "traced completely by xentrace" in read_header(found.recording.meta).workload
    # A trace that is cut is held as far as it came.
    calls = [("hvm", number) for number in (32, 29, 32)]
    sent = gzip.compress(trace_of([("cpu", 0), ("run", 0, 0), *calls])[:-3], 0)
    emulated(console=CONSOLE + "RECORD-MARK done 2\n", trace=sent[:-8])
    found = session.record(replace(words, out=tmp_path / "cut.jsonl"), quietly, quietly)
    assert [(cpu.traced, cpu.equal) for cpu in found.held] == [(2, 2)]
    assert f"got {len(sent) - 8} bytes: the run ended first" in found.unheld
    # The recording stays where the trace is cut early, was not sent, or holds no hypercall.
    for at, (trace, why) in enumerate((
        (gzip.compress(b"cut")[:-3], "--verify: expected dom0's complete trace"),
        (b"", "it ended before the trace was sent"),
        (gzip.compress(b""), "expected traced hypercalls"),
    )):  # fmt: skip
        emulated(console=CONSOLE + "RECORD-MARK done 2\n", trace=trace)
        other = replace(words, out=tmp_path / f"other{at}.jsonl")
        found = session.record(other, quietly, quietly)
        assert (found.held, len(read_recording(other.out).calls)) == ((), 2)
        assert why in found.unheld


def test_a_time_limit_and_a_dead_guest(options, emulated):
    emulated(console=CONSOLE + "watchdog: BUG: soft lockup - CPU#1 stuck\n")
    found = session.record(replace(options, timeout=0.1), once_up(options), quietly)
    assert found.ending is BootEnding.TIMEOUT
    assert Artefact.SOFT_LOCKUPS in read_header(found.recording.meta).artefacts
    emulated(console=CONSOLE + "Kernel panic - not syncing\n")
    assert session.record(options, quietly, quietly).ending is BootEnding.DEAD


def test_a_part_of_the_workload_that_failed_is_told(options, emulated, capsys):
    # The lines of a real boot whose domU got no console.
    fault = "RECORD-FAULT xl create: exit status 134\r\n"
    emulated(console=f"{CONSOLE}RECORD-MARK create 7.43\r\n{fault}\r\nRECORD-MARK done 35.1\r\n")
    words = ["record", "pvh", "-o", str(options.out), "--folder", str(options.folder), "--json"]
    assert main(words) == 1
    out, err = capsys.readouterr()
    assert "xenexplore: error: xl create: exit status 134; --keep keeps" in err
    assert json.loads(out)["faults"] == ["xl create: exit status 134"]
    recording = read_recording(options.out)
    assert len(recording.calls) == 2
    assert Artefact.WORKLOAD_FAILED in read_header(recording.meta).artefacts


def test_what_was_not_recorded_is_said(options, emulated):
    emulated(ending="exit", records="")
    with pytest.raises(RecorderError, match="no such thing"):
        session.record(options, quietly, quietly)
    emulated(ending="silent", console="Boot failed\nRECORD-MARK done\n", records="")
    with pytest.raises(RecorderError, match=r"expected hypercalls, got none .*RECORD-MARK done"):
        session.record(options, quietly, quietly)
    assert not options.out.exists()


def test_the_command_line_of_the_emulator(options, tmp_path, monkeypatch):
    monkeypatch.setattr(RecorderSetup, "command", lambda self, slow: ["qemu"])
    two = replace(
        options, vcpus=2, domu_vcpus=2, backends=("disk", "net"), persistent_grants=False,
        loads=True, verify=True, slow=1,
    )  # fmt: skip
    setup, kernel = RecorderSetup(tmp_path), Path("/guest/vmlinuz")
    line = " ".join(EmulatedMachine(two, setup, kernel, tmp_path).command())
    assert f"-initrd {kernel} console=hvc0" in line
    assert f"-serial file:{tmp_path}/trace -global serial.baudbase=29491200" in line
    assert "record.verify=0x2a3000" in line
    assert "dom0=pvh" in line
    assert "thread=multi" in line
    assert "record.domu=2 record.disk record.net record.nopersistent" in line
    assert "loads=on" in line
    assert "q35 -device intel-iommu" in line
    line = " ".join(
        EmulatedMachine(replace(options, kind=GuestKind.PV), setup, kernel, tmp_path).command()
    )
    assert "dom0=pvh" not in line
    assert "thread=single" in line


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["pvh"], "no -o FILE"),
        (["-o", "x.zst"], "no kind"),
        (["pvh", "-o", "x", "--backends", "tape"], "disk or net"),
        (["pvh", "-o", "x", "--vcpus", "0"], "--vcpus: expected 1 to 8"),
        (["pvh", "-o", "x", "--domu-vcpus", "0", "--backends", "net"], "a domU to serve"),
        (["pvh", "-o", "x", "--xen", "/no/such/xen"], "--xen-symbols MAP"),
        (["pvh", "-o", "x", "--kernel", "/no/such/kernel"], "/no/such/kernel: expected a file"),
        (["pvh", "-o", "x", "--kernel", "no:version"], "expected a version as 6.12"),
        (["pvh", "-o", "x", "--no-persistent-grants"], "add --backends disk"),
        (["pvh", "-o", "x", "--firmware", "--domu-vcpus", "0"], "one domU of one vCPU"),
        (
            ["pvh", "-o", "x", "--firmware", "--backends", "disk"],
            "got --domu-vcpus 1 --backends disk",
        ),
        (["--from", "ftrace", "f", "-o", "x"], "--from: expected xentrace FILE, got 'ftrace'"),
        (["--from", "xentrace", "f", "-o", "x"], "no --cpu-mhz"),
        (["pvh", "-o", "x"], "xenexplore record --setup"),
    ],
)
def test_bad_usage_is_one_line(tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    assert main(["record", *words, "--folder", str(tmp_path / "none")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_xen_is_unpacked_for_the_emulator(tmp_path):
    path = tmp_path / "xen.gz"
    path.write_bytes(gzip.compress(b"xen"))
    assert session._unpacked(path) == b"xen"
    path.write_bytes(b"\x7fELF")
    assert session._unpacked(path) == b"\x7fELF"
    path.write_bytes(gzip.compress(b"xen" * 1000)[:-20])
    with pytest.raises(RecorderError, match=r"xen\.gz: expected a whole gzip file"):
        session._unpacked(path)


def test_the_plan_of_the_set_up(tmp_path, capsys):
    words = ["record", "--setup", "--dry-run", "--folder", str(tmp_path / "f")]
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "download" in said
    assert "MiB on disk" in said
    assert not (tmp_path / "f").exists()


def test_no_room_and_no_compiler(tmp_path, monkeypatch):
    setup = RecorderSetup(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 1 << 20}))
    with pytest.raises(RecorderError, match="MiB free, got 1 MiB"):
        setup.run(quietly)
    monkeypatch.undo()
    monkeypatch.setattr("shutil.which", lambda name: None)
    with pytest.raises(RecorderError, match=r"a C compiler.*install gcc"):
        setup._plugin()
    with pytest.raises(RecorderError, match="Debian's package tools"):
        setup._emulator()


def test_the_plugin_compiles_without_a_warning(tmp_path):
    setup = RecorderSetup(tmp_path)
    setup._plugin()
    assert setup.plugin.stat().st_size > 10_000
    assert setup.slow_clock.exists()
