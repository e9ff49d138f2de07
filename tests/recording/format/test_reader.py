from __future__ import annotations

import json

import numpy as np
import pytest
import zstandard

from xenexplore.errors import RecordingError
from xenexplore.recording.format.columns import DIRECTIONS, UNHANDLED
from xenexplore.recording.format.reader import iter_chunks, read_recording
from xenexplore.recording.format.stream import BUILT_INS, built_in_path

CALL = {"s": 0, "t": 0.5, "k": "hvm", "n": 32, "a": [4, 4096, 0, 0, 0, 0], "vp": 1}
ACCESS = {"c": "Hfrom", "s": 0, "va": 4096, "l": 4}
WALK = {"w": 4096, "gfn": 7, "s": 0, "vp": 1}


def lines(*records: object) -> bytes:
    return b"".join(
        (r if isinstance(r, bytes) else json.dumps(r).encode()) + b"\n" for r in records
    )


@pytest.fixture
def written(tmp_path):
    def write(*records, name="r.jsonl"):
        path = tmp_path / name
        path.write_bytes(lines(*records))
        return path

    return write


def test_pvh_counts(pvh):
    recording = pvh
    assert len(recording.calls) == 41391
    assert [len(recording.of_domain(i)) for i in (0, 1, -1)] == [38330, 3060, 1]
    assert int(recording.accesses.inside.sum()) == 87948
    assert int((~recording.accesses.inside).sum()) == 9141
    assert len(recording.walks) == 97091
    (unhandled,) = recording.of_domain(-1)
    assert recording.calls.number[unhandled] == UNHANDLED
    assert recording.calls.arg_count[unhandled] == 0


def test_pv_domains_are_told_apart_by_kind(pv):
    recording = pv
    kinds = [(d.domid, d.kind, len(recording.of_domain(d.index))) for d in recording.domains]
    assert kinds == [(0, "pv", 262337), (1, "hvm", 4014)]
    assert int(recording.accesses.inside.sum()) == 316833
    assert int((~recording.accesses.inside).sum()) == 280813


def test_callers_variant():
    recording = read_recording("pvh-callers")
    assert recording.meta["tool"] == "gdbrec"
    assert len(recording.calls) == 8735
    assert recording.domains[0].recorded
    assert (recording.calls.vcpu == 0).all()
    assert (recording.calls.guest_cr3 != 0).all()
    assert (recording.calls.rsp != 0).all()


def test_columns_agree_with_json():
    """Every field of every record, against the standard library's decoder."""
    recording = read_recording("pvh-callers")
    with zstandard.open(built_in_path("pvh-callers"), "rt") as text:
        records = [json.loads(line) for line in text]
    calls = [r for r in records if "k" in r]
    for column, name in (("seq", "s"), ("time", "t"), ("number", "n"), ("rip", "rip"),
                         ("rsp", "rsp"), ("flags", "fl"), ("cr3", "cr3"), ("cs", "cs"),
                         ("guest_cr3", "gcr3"), ("vcpu", "v")):  # fmt: skip
        assert getattr(recording.calls, column).tolist() == [r[name] for r in calls]
    assert recording.calls.args.tolist() == [r["a"] for r in calls]
    accesses = [r for r in records if "c" in r]
    assert [DIRECTIONS[i] for i in recording.accesses.direction] == [r["c"] for r in accesses]
    assert recording.accesses.address.tolist() == [r["va"] for r in accesses]
    assert recording.accesses.size.tolist() == [r["l"] for r in accesses]
    assert recording.calls.seq[recording.accesses.call].tolist() == [r["s"] for r in accesses]


def test_walks_follow_their_access(pvh):
    recording = pvh
    walks, accesses = recording.walks, recording.accesses
    first = accesses.address[walks.access] >> np.uint64(12)
    last = (accesses.address[walks.access] + accesses.size[walks.access] - 1) >> np.uint64(12)
    page = walks.address >> np.uint64(12)
    assert ((first <= page) & (page <= last)).all()


@pytest.mark.parametrize("name", BUILT_INS)
def test_chunks_join_to_the_whole(name, request):
    whole = request.getfixturevalue(name.replace("-", "_"))
    size = len(whole.calls) // 7
    chunks = list(iter_chunks(name, calls=size))
    assert len(chunks) > 1
    assert all(len(chunk.calls) == size for chunk in chunks[:-1])
    assert np.array_equal(np.concatenate([c.calls.seq for c in chunks]), whole.calls.seq)
    assert np.array_equal(np.concatenate([c.calls.domain for c in chunks]), whole.calls.domain)
    rows = np.cumsum([0, *(len(c.calls) for c in chunks[:-1])])
    moved = np.concatenate([c.accesses.call + at for c, at in zip(chunks, rows, strict=True)])
    assert np.array_equal(moved, whole.accesses.call)
    for chunk in chunks:
        served = chunk.walks.access >= 0
        assert (chunk.walks.call[served] == chunk.accesses.call[chunk.walks.access[served]]).all()


def test_arrays_are_read_only():
    recording = read_recording("pvh-callers")
    with pytest.raises(ValueError):
        recording.calls.number[0] = 1
    with pytest.raises(ValueError):
        recording.access_start[0] = 1


def test_unknown_numbers_and_fields_are_kept(written):
    recording = read_recording(written({**CALL, "n": 57, "zzz": [1]}, ACCESS, WALK))
    assert recording.calls.number.tolist() == [57]
    assert len(recording.accesses) == len(recording.walks) == 1


def test_domain_ids_win_over_vcpus(written):
    second = {**CALL, "s": 1, "d": 5, "v": 1, "vp": 9}
    path = written({**CALL, "d": 3, "v": 0}, second, {**WALK, "s": 1, "vp": 9})
    recording = read_recording(path)
    assert [d.domid for d in recording.domains] == [3, 5]
    assert recording.calls.domain.tolist() == [0, 1]
    assert recording.walks.domain.tolist() == [1]


def test_a_file_named_like_a_built_in_wins(written, monkeypatch):
    path = written(CALL, name="pvh")
    monkeypatch.chdir(path.parent)
    assert len(read_recording("pvh").calls) == 1


WRONG = {
    "malformed": (b'{"s":0,"t":', "one JSON object", "line 2"),
    "not an object": (b"[1, 2]", "object", "line 2"),
    "empty line": (b"", "one JSON object", "line 2"),
    "wrong type": ({**ACCESS, "va": "x"}, "int", "field va"),
    "null": ({**ACCESS, "va": None}, "int", "field va"),
    "fraction": ({**ACCESS, "l": 1.5}, "int", "field l"),
    "boolean": ({**ACCESS, "l": True}, "int", "field l"),
    "negative address": ({**ACCESS, "va": -1}, "0 to", "field va"),
    "address too large": ({**ACCESS, "va": 1 << 64}, "0 to 0xffffffffffffffff", "field va"),
    "huge address": ({**ACCESS, "va": 10**40}, "0 to 0xffffffffffffffff", "field va"),
    "length too large": ({**ACCESS, "l": 1 << 32}, "0 to 0xffffffff", "field l"),
    "negative length": ({**ACCESS, "l": -4}, "0 to", "field l"),
    "frame too large": ({**WALK, "gfn": 1 << 52}, "0 to 0xfffffffffffff", "field gfn"),
    "unknown direction": ({**ACCESS, "c": "up"}, "one of from, to", "field c"),
    "no 32-bit ABI in version 1": ({**CALL, "s": 1, "k": "hvm32"}, '"pv" or "hvm"', "field k"),
    "unknown kind": ({**CALL, "s": 1, "k": "arm"}, '"pv" or "hvm"', "field k"),
    "no kind": ({"s": 0, "va": 1}, "one of k (hypercall)", "line 2"),
    "two kinds": ({**ACCESS, **WALK}, "one of k (hypercall)", "line 2"),
    "no length": ({"c": "to", "s": 0, "va": 1}, "field l", "line 2"),
    "no time": ({"s": 1, "k": "hvm"}, "field t", "line 2"),
    "both s and x": ({**ACCESS, "x": 0}, "either s", "both"),
    "neither s nor x": ({"c": "to", "va": 1, "l": 1}, "either s", "none"),
    "call repeated": (CALL, "1 (records in order)", "field s"),
    "call skipped": ({**CALL, "s": 2}, "1 (records in order)", "got 2"),
    "access of another": ({**ACCESS, "s": 7}, "0 (records in order)", "got 7"),
    "outside of another": ({"c": "to", "x": 7, "va": 1, "l": 1}, "0 (records in order)", "field x"),
    "walk of another": ({**WALK, "s": 5}, "0 (records in order)", "got 5"),
    "time backwards": ({**CALL, "s": 1, "t": 0.25}, "at least 0.5", "field t"),
    "negative time": ({**CALL, "s": 1, "t": -1}, "not negative", "field t"),
    "seven arguments": ({**CALL, "s": 1, "a": [0] * 7}, "at most 6", "field a"),
    "bad argument": ({**CALL, "s": 1, "a": [0, -1]}, "0 to", "field a[1]"),
    "negative number": ({**CALL, "s": 1, "n": -1}, "0 to", "field n"),
    "header later": ({"meta": {}}, "first line only", "line 2"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_records_are_errors_with_their_line(written, case):
    bad, *said = WRONG[case]
    path = written(CALL, bad, {**CALL, "s": 1, "t": 0.75})
    with pytest.raises(RecordingError) as error:
        read_recording(path)
    assert "line 2 (byte " in str(error.value)
    for words in said:
        assert words in str(error.value)


@pytest.mark.parametrize("case", WRONG)
def test_not_strict_gives_what_was_whole(written, case):
    bad, *_ = WRONG[case]
    recording = read_recording(written(CALL, bad, {**CALL, "s": 1, "t": 0.75}), strict=False)
    assert len(recording.calls) == 1
    assert recording.damage is not None
    assert recording.damage.line == 2
    assert recording.damage.byte == len(lines(CALL))
    assert not recording.damage.cut
    assert recording.domains[0].domid == 0
    assert len(recording.domains) == 1


def test_inside_after_outside_is_out_of_order(written):
    outside = {"c": "Hto", "x": 0, "va": 1, "l": 1}
    with pytest.raises(RecordingError, match=r"line 3 .*has not ended"):
        read_recording(written(CALL, outside, ACCESS))


def test_access_inside_nothing(written):
    with pytest.raises(RecordingError, match=r"line 1 .*has not ended"):
        read_recording(written(ACCESS))


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ({"version": 3}, "version 1 or 2"),
        ({"version": "1"}, "version 1 or 2"),
        ({"format": "pcap"}, "xenexplore-recording"),
    ],
)
def test_headers_of_other_formats_are_refused(written, header, said):
    with pytest.raises(RecordingError, match=said):
        read_recording(written({"meta": header}, CALL))


def test_a_wrong_record_in_the_block_of_the_header(written):
    """The header's block is gone through line by line: that is no second header."""
    path = written({"meta": {"tool": "test"}}, CALL, {**ACCESS, "va": -1})
    with pytest.raises(RecordingError, match=r"line 3 .*field va"):
        read_recording(path)
    assert len(read_recording(path, strict=False).calls) == 1


def test_an_empty_file_is_an_empty_recording(written):
    recording = read_recording(written())
    assert (len(recording.calls), recording.domains) == (0, ())


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_recording(tmp_path / "none.jsonl")
