"""Traces read, held against recordings, and made into recordings."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xen_traces import record, trace_of

from xenexplore.cli.main import main
from xenexplore.errors import RecorderError, RecordingError
from xenexplore.recording.contents.summary import summarise
from xenexplore.recording.format.header import Artefact, GuestKind, read_header
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.recorder.from_xentrace import from_xentrace
from xenexplore.recording.recorder.held import hold
from xenexplore.recording.recorder.xentrace import read_xentrace
from xenexplore.render.text.recorded.recorder import held_line

TWO_CPUS = trace_of([
    ("cpu", 0), ("pv", 17), ("run", 0, 0), ("pv", 29, 4), ("stop", 0, 0), ("pv", 17),
    ("run", 1, 1), ("exit",), ("hvm", 32),
    ("cpu", 1), ("run", 0, 1), ("pv", 13),
    ("cpu", 0), ("lost", 5, 0, 0), ("pv", 24),
])  # fmt: skip


def test_what_a_trace_says():
    trace = read_xentrace(TWO_CPUS, "t")
    found = [(c.pcpu, c.hvm, c.number, c.sub_op, c.domain, c.vcpu, c.segment) for c in trace.calls]
    assert found == [
        (0, False, 17, None, -1, -1, 0),
        (0, False, 29, 4, 0, 0, 0),
        (0, False, 17, None, 0, 0, 0),  # a vCPU that stops is still the last that ran
        (0, True, 32, None, 1, 1, 0),
        (1, False, 13, None, 0, 1, 0),
        (0, False, 24, None, 0, 0, 1),  # Xen says with its loss who runs then
    ]
    assert (trace.lost, trace.events) == (5, 12)
    hvm = trace.calls[3]
    assert hvm.tsc > trace.calls[2].tsc  # VMMCALL has no stamp: that of the exit before it


@settings(max_examples=60)
@given(st.integers(0, len(TWO_CPUS) - 1), st.binary(max_size=12))
def test_any_bytes_give_one_error_or_a_trace(cut, more):
    for raw in (TWO_CPUS[:cut], TWO_CPUS[:cut] + more, more):
        try:
            calls = read_xentrace(raw, "t").calls
        except RecorderError as error:
            said = str(error)
        else:
            said = "" if calls else "nothing"
        assert not said or ": expected " in said


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"\x7fELF\x02\x01\x01\x00", "byte 0: expected xentrace's file"),
        (TWO_CPUS[:-2], r"byte \d+: expected a whole record"),
        (record(0x1F003, 0, 8), "expected traced hypercalls, got 0 other records"),
        (b"", "expected traced hypercalls"),
    ],
)
def test_what_is_no_trace(raw, said):
    with pytest.raises(RecorderError, match=said):
        read_xentrace(raw, "t")


def recording_of(calls, path):
    """A recording of (pcpu, hvm, number, domain, vcpu), in order of entry."""
    meta = {
        "format": "xenexplore-recording", "version": 2, "arch": "x86_64",
        "xen": {"version": "4.17.7"}, "machine": {"pcpus": 4}, "guests": [], "backends": [],
        "workload": "none", "artefacts": [],
    }  # fmt: skip
    lines = [{"meta": meta}]
    for seq, (pcpu, hvm, number, domain, vcpu) in enumerate(calls):
        lines.append({"s": seq, "t": seq, "k": "hvm" if hvm else "pv", "n": number, "a": [0],
                      "d": domain, "v": vcpu, "p": pcpu, "o": seq})  # fmt: skip
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return read_recording(path)


def test_a_recording_held_against_a_trace(tmp_path):
    calls = [(0, False, 1, 0, 0), (0, False, 17, 0, 0), (0, False, 29, 0, 0),
             (0, False, 17, 0, 0), (1, False, 13, 0, 1), (0, True, 32, 1, 1),
             (0, True, 32, 1, 1), (0, False, 24, 0, 0), (2, False, 9, 0, 2)]  # fmt: skip
    trace = read_xentrace(TWO_CPUS, "t")
    recording = recording_of(calls, tmp_path / "r.jsonl")
    found = hold(trace, recording)
    assert [(c.pcpu, c.recorded, c.traced, c.equal, c.holds) for c in found] == [
        (0, 7, 5, 5, True), (1, 1, 1, 1, True), (2, 1, 0, 0, True),
    ]  # fmt: skip
    # Another vCPU, another number, or another order is a difference, and is named.
    for at, other in ((5, (0, True, 32, 1, 0)), (2, (0, False, 30, 0, 0)), (4, (1, 0, 13, 1, 1))):
        wrong = [*calls[:at], other, *calls[at + 1 :]]
        bad = [c for c in hold(trace, recording_of(wrong, tmp_path / "w.jsonl")) if not c.holds]
        assert len(bad) == 1
        assert "the first that differs" in held_line(bad[0])
    swapped = [*calls[:1], calls[2], calls[1], *calls[3:]]
    assert not all(c.holds for c in hold(trace, recording_of(swapped, tmp_path / "s.jsonl")))
    assert held_line(found[0]) == (
        "CPU 0: 5 of 5 traced hypercalls recorded in order, of 7 recorded"
    )


def test_a_recording_of_a_trace(tmp_path, capsys):
    path, out = tmp_path / "trace.bin", tmp_path / "out.jsonl.zst"
    path.write_bytes(TWO_CPUS)
    words = ["record", "--from", "xentrace", str(path), "-o", str(out), "--cpu-mhz", "1"]
    assert main(words) == 0
    said = capsys.readouterr().err
    assert "5 hypercalls; no accesses, no registers; 5 records lost" in said
    assert "1 hypercalls of unknown vCPUs left out" in said
    recording = read_recording(out)
    assert recording.calls.number.tolist() == [29, 17, 32, 13, 24]
    assert recording.calls.pcpu.tolist() == [0, 0, 0, 1, 0]
    assert recording.calls.arg_count.tolist() == [1, 0, 0, 0, 0]
    assert recording.calls.time[1] == pytest.approx(2e-4)  # 200 ticks of 1 MHz
    header = read_header(recording.meta)
    assert header.artefacts == (Artefact.HYPERCALLS_ONLY,)
    assert [(g.domid, g.kind, g.vcpus) for g in header.guests] == [
        (0, GuestKind.PV, 2), (1, GuestKind.HVM, 2),
    ]  # fmt: skip
    assert sum(call.count for call in summarise(recording).domains[0].calls) == 4
    # What takes accesses is refused, not answered with nothing.
    for command in (["recording", "info"], ["recording", "explain"], ["replay"], ["report"]):
        code = main([*command, str(out)])
        err = capsys.readouterr().err
        if command == ["recording", "info"]:
            assert code == 0
        else:
            assert (code, err.count("\n")) == (2, 1)
            assert "expected guest accesses and arguments, got 'hypercalls-only'" in err
    path.write_bytes(trace_of([("cpu", 0), ("hvm", 32)]))
    with pytest.raises(RecorderError, match="records of the scheduler"):
        from_xentrace(path, out, xen="4.17", cpu_mhz=1)
    with pytest.raises(RecordingError):
        read_recording(path)
