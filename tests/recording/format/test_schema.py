from __future__ import annotations

import json
from importlib import resources

import jsonschema
import pytest
import zstandard
from hypothesis import given, settings
from strategies import recordings

from xenexplore.recording.format.record_lines import BadLine, read_line
from xenexplore.recording.format.stream import BUILT_INS, built_in_path
from xenexplore.recording.format.writer import RecordingWriter

SCHEMA = json.loads(
    (resources.files("xenexplore.recording.format") / "recording.schema.json").read_text()
)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
SCHEMA_2 = json.loads(
    (resources.files("xenexplore.recording.format") / "recording-2.schema.json").read_text()
)
VALIDATOR_2 = jsonschema.Draft202012Validator(SCHEMA_2)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("name", BUILT_INS)
def test_real_lines_fit(name):
    shapes, two = set(), False
    with zstandard.open(built_in_path(name), "rt") as text:
        for number, line in enumerate(text):
            if number % 499 < 3:
                record = json.loads(line)
                shapes.add((*record, record.get("k"), record.get("c")))
                two = two or record.get("meta", {}).get("version") == 2
                (VALIDATOR_2 if two else VALIDATOR).validate(record)
    assert len(shapes) >= 3


@settings(max_examples=30)
@given(records=recordings())
def test_generated_records_fit(records):
    for record in records:
        VALIDATOR.validate(record)


def test_what_the_writer_writes_fits(tmp_path):
    with RecordingWriter(tmp_path / "r.jsonl") as out:
        out.call(0, "pv", number=1, args=(1, 2), rsp=3, domain=0)
        out.access("to", 1, 2)
        out.walk(1, 2, 3)
    for line in (tmp_path / "r.jsonl").read_text().splitlines():
        VALIDATOR.validate(json.loads(line))


WRONG = (
    {"s": 0, "t": 0, "k": "arm"},
    {"s": 0, "t": 0, "k": "hvm32"},
    {"s": -1, "t": 0, "k": "pv"},
    {"s": 0, "t": -0.5, "k": "pv"},
    {"s": 0, "t": 0, "k": "pv", "n": 1 << 32},
    {"s": 0, "t": 0, "k": "pv", "a": [0] * 7},
    {"s": 0, "t": 0, "k": "pv", "a": [-1]},
    {"s": 0, "t": 0, "k": "pv", "c": "to", "va": 0, "l": 0},
    {"c": "to", "va": 0, "l": 0},
    {"c": "to", "va": 0, "l": 0, "s": 0, "x": 0},
    {"c": "to", "va": 1 << 64, "l": 0, "s": 0},
    {"c": "to", "va": 0, "l": 1 << 32, "s": 0},
    {"w": 0, "s": 0},
    {"w": 0, "s": 0, "gfn": 1 << 52},
    {"meta": {"version": 3}},
    {"meta": 1},
    {},
)


@pytest.mark.parametrize("record", WRONG, ids=str)
def test_schema_and_reader_refuse_the_same(record):
    assert not VALIDATOR.is_valid(record)
    with pytest.raises(BadLine):
        read_line(json.dumps(record).encode())
