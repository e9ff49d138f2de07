from __future__ import annotations

import json

import numpy as np
import pytest
import zstandard

from xenexplore.errors import RecordingError
from xenexplore.recording.conversion.convert import convert
from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.format.stream import built_in_path

MEMBERS = {
    "arch": "x86_64",
    "xen": {"version": "4.17.7"},
    "machine": {"emulator": "QEMU TCG"},
    "guests": [{"domain": 0, "kind": "pvh", "vcpus": 1}, {"domain": 1, "kind": "pvh", "vcpus": 1}],
    "backends": [],
    "workload": "made by a test",
    "artefacts": ["emulated-clock"],
}
META = {"meta": {"format": "xenexplore-recording", "version": 1, "tool": "xrec plugin"}}
CALL = {"s": 4, "t": 0.5, "k": "hvm", "n": 32, "a": [4, 4096], "d": 0, "v": 0, "p": 0, "o": 0,
        "vp": 100, "i": 5242, "ix": 11297, "il": 4884, "m": 32}  # fmt: skip
ACCESS = {"c": "Hfrom", "s": 4, "va": 4096, "l": 4, "p": 0, "i": 4776}
WALK = {"w": 4096, "gfn": 7, "s": 4, "vp": 100, "ps": 1, "p": 0, "i": 3605, "gcr3": 1 << 20}
OUT = {"c": "Hto", "x": 4, "va": 8192, "l": 48, "p": 0, "d": 1, "v": 0}
# The prototype wrote its CPU's last caller here, not whose tables were walked.
OUT_WALK = {**WALK, "w": 8192, "d": 0, "v": 0, "vp": 200}
SECOND = {**CALL, "s": 5, "o": 1, "d": 1, "vp": 200}


@pytest.fixture
def converted(tmp_path):
    def make(*records, **members):
        source = tmp_path / "in.jsonl"
        source.write_text("".join(json.dumps(record) + "\n" for record in records))
        convert(source, tmp_path / "out.jsonl.zst", {**MEMBERS, **members})
        return read_recording(tmp_path / "out.jsonl.zst")

    return make


def test_the_prototypes_fields_are_kept(converted):
    found = converted(META, CALL, ACCESS, WALK, OUT, OUT_WALK, SECOND)
    assert found.meta["version"] == 2
    assert found.meta["machine"] == {"pcpus": 1, "emulator": "QEMU TCG"}
    assert found.meta["artefacts"] == ["emulated-clock", "no-nrip"]
    assert found.counts.calls.exit_to_entry.tolist() == [11297, 11297]
    assert found.counts.walks.instructions.tolist() == [3605, 3605]
    assert found.walks.level.tolist() == [1, 1]
    assert found.walks.guest_cr3.tolist() == [1 << 20] * 2
    assert [d.domid for d in found.domains] == [0, 1]
    assert found.walks.domain.tolist() == [0, 1]


def test_ids_that_contradict_each_other_are_given_by_appearance(converted):
    """The prototype read another structure's bytes on Xen 4.20: one vCPU, several ids."""
    third = {**CALL, "s": 6, "o": 2, "d": 1}
    found = converted(META, CALL, ACCESS, WALK, OUT, OUT_WALK, {**SECOND, "d": 0}, third)
    assert found.calls.domain.tolist() == [0, 1, 0]
    assert found.outside_domain().tolist() == [0, 1]  # its walks tell
    assert "domains-by-appearance" in found.meta["artefacts"]
    guests = [{**MEMBERS["guests"][0], "vcpus": 2}]
    with pytest.raises(RecordingError, match="cannot be determined"):
        converted(META, CALL, {**SECOND, "vp": 100}, guests=guests)


def test_walks_that_failed(converted):
    found = converted(META, CALL, ACCESS, {**WALK, "gfn": (1 << 52) - 1, "bad": 1, "ps": 0})
    assert found.walks.gfn.tolist() == [(1 << 64) - 1]
    assert found.walks.level.tolist() == [0]


def test_a_plain_recording_of_one_cpu(converted):
    """No ids: domains are told apart by kind and by struct vcpu, as the reader does."""
    plain = [{k: v for k, v in r.items() if k not in ("d", "v", "p", "o")} for r in
             (CALL, ACCESS, WALK, OUT, OUT_WALK, SECOND)]  # fmt: skip
    found = converted(*plain)
    assert found.calls.order.tolist() == [0, 1]
    assert found.calls.domain.tolist() == [0, 1]
    assert found.outside_domain().tolist() == [0, 1]  # its walks tell


def test_the_pv_recording_of_one_cpu(tmp_path):
    """The beginning of the shipped one; nothing is lost."""
    guests = [{"domain": 0, "kind": "pv", "vcpus": 1}, {"domain": 1, "kind": "pvh", "vcpus": 1}]
    cut = tmp_path / "pv.jsonl"
    with zstandard.open(built_in_path("pv"), "rt") as text:
        lines = [text.readline() for _ in range(20_000)]
    cut.write_text("".join(lines))
    convert(cut, tmp_path / "out.zst", {**MEMBERS, "guests": guests})
    before, after = read_recording(cut), read_recording(tmp_path / "out.zst")
    assert np.array_equal(before.calls.args, after.calls.args)
    assert np.array_equal(before.accesses.address, after.accesses.address)
    outside = ~before.accesses.inside
    assert np.array_equal(before.outside_domain()[outside], after.outside_domain()[outside])


def test_what_nothing_tells_is_refused(converted, tmp_path):
    said = r"line 2: .*field d .*the rest of the recording does not"
    with pytest.raises(RecordingError, match=said):
        converted({"s": 0, "t": 0, "k": "hvm", "n": 1, "vp": 3}, {"s": 1, "t": 0, "k": "hvm"})
    assert not (tmp_path / "out.jsonl.zst").exists()
    assert not list(tmp_path.glob("*.part"))
    with pytest.raises(RecordingError, match=r"meta\.workload"):
        converted(META, CALL, workload=3)
    with pytest.raises(RecordingError, match="version 1 of the format, got 2"):
        converted({"meta": {**MEMBERS, "format": "xenexplore-recording", "version": 2,
                            "machine": {"pcpus": 1}}})  # fmt: skip
