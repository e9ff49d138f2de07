"""Version 2 of the format: header, physical CPUs, order of entry, counts."""

from __future__ import annotations

import json
from importlib import resources

import jsonschema
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import HEADER2, recordings2

from xenexplore.errors import RecordingError
from xenexplore.recording.format.columns import NO_FRAME
from xenexplore.recording.format.counts import ACCESS_FIELDS, CALL_FIELDS, WALK_FIELDS
from xenexplore.recording.format.header import Artefact, GuestKind, read_header
from xenexplore.recording.format.reader import iter_chunks, read_recording
from xenexplore.recording.format.record_lines import BadLine, Line2, read_line
from xenexplore.recording.format.writer import RecordingWriter, write_recording

SCHEMA = json.loads(
    (resources.files("xenexplore.recording.format") / "recording-2.schema.json").read_text()
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

CALL = {"s": 0, "t": 0.5, "k": "hvm", "n": 32, "a": [4, 4096], "d": 0, "v": 1, "p": 1, "o": 0}
ACCESS = {"c": "Hfrom", "s": 0, "va": 4096, "l": 4, "p": 1}
OUTSIDE = {"c": "Hto", "x": 0, "va": 8192, "l": 48, "p": 2, "d": 1, "v": 0}
WALK = {"w": 4096, "gfn": 7, "s": 0, "p": 1, "d": 0, "v": 1}
NEXT = {**CALL, "s": 1, "t": 0.75, "o": 1}


def write(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


@pytest.fixture
def written(tmp_path):
    return lambda *records: write(tmp_path / "r.jsonl", ({"meta": HEADER2}, *records))


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@settings(max_examples=50)
@given(records=recordings2())
def test_generated_records_fit_the_schema(records):
    for record in records:
        VALIDATOR.validate(record)


@given(records=recordings2())
def test_write_then_read_gives_the_same_columns(records, tmp_path_factory):
    folder = tmp_path_factory.mktemp("round", numbered=True)
    before = read_recording(write(folder / "a.jsonl", records))
    write_recording(before, folder / "b.jsonl.zst")
    after = read_recording(folder / "b.jsonl.zst")
    assert after.meta == HEADER2
    assert before.same_records(after)
    assert before.counts is not None


@given(records=recordings2())
def test_columns_hold_what_the_records_say(records, tmp_path_factory):
    path = write(tmp_path_factory.mktemp("columns", numbered=True) / "a.jsonl", records)
    recording = read_recording(path)
    calls = [r for r in records if "k" in r]
    accesses = [r for r in records if "c" in r]
    walks = [r for r in records if "w" in r]
    assert recording.calls.pcpu.tolist() == [r["p"] for r in calls]
    assert recording.calls.order.tolist() == [r["o"] for r in calls]
    assert recording.accesses.pcpu.tolist() == [r["p"] for r in accesses]
    assert recording.accesses.vcpu.tolist() == [r.get("v", -1) for r in accesses]
    assert recording.walks.level.tolist() == [r.get("ps", 0) for r in walks]
    assert recording.walks.gfn.tolist() == [r.get("gfn", NO_FRAME) for r in walks]
    domid = {-1: 0x7FFF} | {d.index: d.domid for d in recording.domains}
    assert [domid[i] for i in recording.walks.domain] == [r["d"] for r in walks]
    outside = recording.accesses.domain[~recording.accesses.inside]
    assert [domid[i] for i in outside] == [r["d"] for r in accesses if "x" in r]
    counts = recording.counts
    for columns, fields, rows in (
        (counts.calls, CALL_FIELDS, calls),
        (counts.accesses, ACCESS_FIELDS, accesses),
        (counts.walks, WALK_FIELDS, walks),
    ):
        for name, key in fields.items():
            assert getattr(columns, name).tolist() == [r.get(key, -1) for r in rows]


@given(records=recordings2(), size=st.integers(1, 3))
def test_chunks_join_to_the_whole(records, size, tmp_path_factory):
    path = write(tmp_path_factory.mktemp("chunks", numbered=True) / "a.jsonl", records)
    whole = read_recording(path)
    chunks = list(iter_chunks(path, calls=size))
    assert sum(len(chunk.calls) for chunk in chunks) == len(whole.calls)
    for name in ("handler", "exit_to_entry"):
        parts = [getattr(chunk.counts.calls, name) for chunk in chunks]
        assert np.array_equal(np.concatenate(parts), getattr(whole.counts.calls, name))


def test_every_count_is_in_the_schema():
    found = set(CALL_FIELDS.values()) | set(ACCESS_FIELDS.values()) | set(WALK_FIELDS.values())
    kinds = [SCHEMA["$defs"][kind]["properties"] for kind in ("hypercall", "access", "walk")]
    count = {"$ref": "#/$defs/count"}
    assert {name for kind in kinds for name, what in kind.items() if what == count} == found
    assert found <= set(Line2.__struct_fields__)


def test_version_1_ignores_what_only_version_2_has(tmp_path):
    path = write(tmp_path / "r.jsonl", [{**CALL, "p": "x", "i": -1}, {**ACCESS, "iw": None}, WALK])
    recording = read_recording(path)
    assert recording.counts is None
    assert recording.calls.pcpu.tolist() == [-1]
    assert recording.walks.level.tolist() == [0]


WRONG = {
    "wrong pCPU": ({**NEXT, "p": 3}, "0 to 2 (the header has 3 CPUs)", "field p"),
    "negative pCPU": ({**NEXT, "p": -1}, "0 to", "field p"),
    "no pCPU": ({k: v for k, v in NEXT.items() if k != "p"}, "field p", "none"),
    "access on another pCPU": ({**ACCESS, "p": 2}, "1 (CPU of the record before)", "field p"),
    "walk on another pCPU": ({**WALK, "p": 0}, "1 (CPU of the record before)", "field p"),
    "no domain": ({k: v for k, v in NEXT.items() if k != "d"}, "field d", "none"),
    "no vCPU": ({k: v for k, v in NEXT.items() if k != "v"}, "field v", "none"),
    "walk of none": ({k: v for k, v in WALK.items() if k != "v"}, "field v", "none"),
    "outside of none": ({k: v for k, v in OUTSIDE.items() if k != "d"}, "d and v", "none"),
    "entered twice": ({**NEXT, "p": 0, "o": 0}, "no other hypercall has", "field o"),
    "entered before": ({**NEXT, "o": 0}, "order of entry on CPU 1", "field o"),
    "entries lost": ({**NEXT, "o": 4}, "1 (order of entry)", "lost or reordered"),
    "negative count": ({**NEXT, "i": -5}, "0 to", "field i"),
    "negative count of a walk": ({**WALK, "ld": -1}, "0 to", "field ld"),
    "fraction of an instruction": ({**NEXT, "ix": 1.5}, "int", "field ix"),
    "huge count": ({**ACCESS, "i": 1 << 62}, "0 to", "field i"),
    "page of an unknown size": ({**WALK, "ps": 4}, "1 to 0x3", "field ps"),
    "page of no size": ({**WALK, "ps": 0}, "1 to 0x3", "field ps"),
    "call repeated": ({**NEXT, "s": 0}, "1 (records in order)", "field s"),
    "header later": ({"meta": HEADER2}, "first line only", "line 3"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_records_are_errors_with_their_line(written, case):
    bad, *said = WRONG[case]
    path = written(CALL, bad, {**CALL, "s": 1, "t": 0.75, "o": 1})
    with pytest.raises(RecordingError) as error:
        read_recording(path)
    assert "line 3 (byte " in str(error.value)
    for words in said:
        assert words in str(error.value)
    part = read_recording(path, strict=False)
    assert len(part.calls) == 1
    assert part.damage.line == 3


def test_hypercalls_of_two_cpus_may_end_in_any_order(written):
    recording = read_recording(
        written({**CALL, "o": 1}, ACCESS, WALK, {**NEXT, "p": 0, "o": 0}, {**OUTSIDE, "x": 1})
    )
    assert recording.calls.order.tolist() == [1, 0]
    assert [d.domid for d in recording.domains] == [0, 1]
    assert recording.outside_domain().tolist() == [0, 1]


HEADERS = {
    "no machine": ({"machine": None}, "meta.machine", "an object"),
    "no CPU": ({"machine": {"pcpus": 0}}, "meta.machine.pcpus", "1 to"),
    "other architecture": ({"arch": "arm64"}, "meta.arch", "x86_64"),
    "no xen": ({"xen": {}}, "meta.xen.version", "text"),
    "half a hash": ({"xen": {"version": "4", "symbols": "sha256:12"}}, "symbols", "64 hex"),
    "guest of no kind": (
        {"guests": [{"domain": 0, "kind": "arm", "vcpus": 1}]}, "guests[0].kind", "pv, pvh or hvm",
    ),
    "guest twice": (
        {"guests": [{"domain": 0, "kind": "pv", "vcpus": 1}] * 2}, "guests[1].domain", "once",
    ),
    "no such backend": ({"backends": ["tape"]}, "backends[0]", "disk or net"),
    "no such artefact": ({"artefacts": ["dust"]}, "artefacts[0]", "emulated-clock"),
    "no workload": ({"workload": 7}, "meta.workload", "text"),
}  # fmt: skip


@pytest.mark.parametrize("case", HEADERS)
def test_wrong_headers_are_refused(tmp_path, case):
    members, field, expected = HEADERS[case]
    path = write(tmp_path / "r.jsonl", [{"meta": {**HEADER2, **members}}, CALL])
    with pytest.raises(RecordingError) as error:
        read_recording(path)
    for words in ("line 1 ", field, expected):
        assert words in str(error.value)
    with pytest.raises(BadLine), RecordingWriter(tmp_path / "w.jsonl", meta={**HEADER2, **members}):
        pass
    assert not (tmp_path / "w.jsonl").exists()


def test_a_header_is_a_record():
    header = read_header(HEADER2)
    assert (header.version, header.pcpus, header.xen) == (2, 3, "4.17.7")
    assert header.guests[0].kind is GuestKind.PVH
    assert header.artefacts == (Artefact.EMULATED_CLOCK,)
    assert read_header({"tool": "gdbrec"}).recorder == "gdbrec"
    assert read_header({}).pcpus is None


def test_artefacts_and_kinds_are_those_of_the_schema():
    members = SCHEMA["$defs"]["header"]["properties"]["meta"]["properties"]
    assert members["artefacts"]["items"]["enum"] == [item.value for item in Artefact]
    kinds = members["guests"]["items"]["properties"]["kind"]["enum"]
    assert kinds == [item.value for item in GuestKind]


@pytest.mark.parametrize(
    "record",
    [
        {**CALL, "o": -1}, {**CALL, "i": -1}, {**CALL, "ix": 1 << 62}, {**WALK, "ps": 0x40},
        {**ACCESS, "p": None}, {k: v for k, v in OUTSIDE.items() if k != "v"},
        {k: v for k, v in ACCESS.items() if k != "p"}, {"w": 0, "gfn": 1, "s": 0},
        {k: v for k, v in CALL.items() if k != "o"}, {"meta": 1}, {},
    ],
    ids=str,
)  # fmt: skip
def test_schema_and_reader_refuse_the_same(record):
    assert not VALIDATOR.is_valid(record)
    with pytest.raises(BadLine):
        read_line(json.dumps(record).encode(), 2)
