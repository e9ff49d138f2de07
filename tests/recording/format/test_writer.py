from __future__ import annotations

import json

import pytest
import zstandard
from hypothesis import given
from strategies import recordings

from xenexplore.recording.format.reader import read_recording
from xenexplore.recording.format.record_lines import BadLine
from xenexplore.recording.format.writer import RecordingWriter, write_recording


@given(records=recordings())
def test_write_then_read_gives_the_same_columns(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("round", numbered=True)
    first = folder / "a.jsonl"
    first.write_text("".join(json.dumps(record) + "\n" for record in records))
    before = read_recording(first)
    for name in ("b.jsonl", "b.jsonl.zst"):
        write_recording(before, folder / name)
        after = read_recording(folder / name)
        assert after.meta["version"] == 1
        # Where no hypercall numbers the rest, the writer starts at 0.
        assert before.same_records(after)


def test_the_shipped_variants_survive(tmp_path):
    before = read_recording("pvh-callers")
    write_recording(before, tmp_path / "r.zst")
    after = read_recording(tmp_path / "r.zst")
    assert before.same_records(after)
    assert after.meta["tool"] == "gdbrec"


def test_a_recorder_writes_record_by_record(tmp_path):
    path = tmp_path / "run.jsonl"
    with RecordingWriter(path, meta={"tool": "test"}) as out:
        assert out.call(0.5, "hvm", number=32, args=(4, 4096), domain=0, vcpu=0) == 0
        out.access("Hfrom", 4096, 4)
        out.walk(4096, gfn=7)
        out.done()
        out.access("Hto", 8192, 48)
        assert out.call(0.75, "pv") == 1
    recording = read_recording(path)
    assert recording.accesses.inside.tolist() == [True, False]
    assert recording.calls.number.tolist() == [32, -1]
    assert recording.calls.arg_count.tolist() == [2, 0]
    assert json.loads(path.read_text().splitlines()[0]) == {
        "meta": {"tool": "test", "format": "xenexplore-recording", "version": 1}
    }


def test_same_input_same_bytes(tmp_path):
    recording = read_recording("pvh-callers")
    for name in ("a.zst", "b.zst"):
        write_recording(recording, tmp_path / name)
    assert (tmp_path / "a.zst").read_bytes() == (tmp_path / "b.zst").read_bytes()
    with zstandard.open(tmp_path / "a.zst", "rb") as stream:
        assert stream.read(8) == b'{"meta":'


@pytest.mark.parametrize(
    "wrong",
    [
        lambda out: out.call(0, "arm"),
        lambda out: out.call(0, "pv", number=1 << 32),
        lambda out: out.call(0, "pv", args=(1,) * 7),
        lambda out: out.access("Hfrom", -1, 4),
        lambda out: out.access("sideways", 0, 4),
        lambda out: out.walk(0, gfn=1 << 60),
    ],
)
def test_nothing_is_written_that_could_not_be_read(tmp_path, wrong):
    with RecordingWriter(tmp_path / "r.jsonl") as out, pytest.raises(BadLine):
        wrong(out)
