from __future__ import annotations

import json
import sys

import pytest
from golden_files import check_golden

from xenexplore.cli.main import main
from xenexplore.recording.format.stream import built_in_path

CALL = '{"s":0,"t":0.5,"k":"hvm","n":32,"a":[4,4096],"vp":1}\n'
ACCESS = '{"c":"Hfrom","s":0,"va":4096,"l":4}\n'


def run(capsys, *words):
    status = main(["recording", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_info_golden(capsys):
    status, out, err = run(capsys, "info", "pvh")
    assert (status, err) == (0, "")
    check_golden("recording-info-pvh.txt", out)


def test_info_pv_golden(capsys):
    status, out, _ = run(capsys, "info", "pv")
    assert status == 0
    check_golden("recording-info-pv.txt", out)


def test_info_json_of_a_file(capsys):
    status, out, _ = run(capsys, "info", str(built_in_path("pvh")), "--json")
    answer = json.loads(out)
    assert status == 0
    assert out.count("\n") == 1
    assert [d["hypercalls"] for d in answer["domains"]] == [38330, 3060, 1]
    assert answer["domains"][0]["layout"]["starts"]["directmap"] == "0xffff888000000000"
    # No symbols for a file of one's own unless they are given.
    assert answer["domains"][0]["layout"]["percpu"] is None
    assert answer["damage"] is None


def test_symbols_can_be_given(capsys):
    words = ("--symbols", str(built_in_path("kallsyms.dom0")), "--json")
    _, out, _ = run(capsys, "info", str(built_in_path("pvh")), *words)
    assert json.loads(out)["domains"][0]["layout"]["percpu"] == "0xffff888017600000"


def test_explain_json(capsys):
    status, out, _ = run(capsys, "explain", "pvh", "--json")
    domains = json.loads(out)["domains"]
    assert status == 0
    assert [(d["hypercalls"], d["unexplained"]) for d in domains] == [(38330, 0), (3060, 0), (1, 0)]


def test_explain_of_the_other_recorder_names_its_limits(capsys):
    """It cannot tell accesses outside hypercalls apart, and stops in the middle of one."""
    _, out, _ = run(capsys, "explain", "pvh-callers", "--json")
    (domain,) = json.loads(out)["domains"]
    assert domain["hypercalls"] == 8735
    assert domain["unexplained"] == sum(m["calls"] for m in domain["mismatches"]) == 20
    for mismatch in domain["mismatches"]:
        example = mismatch["example"]
        extra = example["accesses"][example["matched"] :]
        if extra:
            # Xen's own update of the runstate area, see update_runstate_area().
            assert [(a["direction"], a["size"]) for a in extra[:3]] == [
                ("to", 1), ("to", 48), ("to", 1),
            ]  # fmt: skip
            assert int(extra[0]["address"], 16) == int(extra[1]["address"], 16) + 15
        else:
            assert example["row"] == 8734


def test_unknown_numbers_and_sub_ops_are_shown_and_counted(capsys, tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(
        '{"s":0,"t":0,"k":"hvm","n":57,"a":[4],"vp":1}\n'
        '{"s":1,"t":0,"k":"hvm","n":32,"a":[99,0],"vp":1}\n'
        '{"s":2,"t":0,"k":"hvm"}\n'
    )
    status, out, _ = run(capsys, "info", str(path))
    assert status == 0
    assert "number 57?" in out
    assert "99? 1" in out
    assert "3 hypercalls have a number or sub-op that is" in out
    _, out, _ = run(capsys, "info", str(path), "--json")
    assert json.loads(out)["unknown_calls"] == 3


def test_a_cut_file_is_used_with_a_warning(capsys, tmp_path):
    path = tmp_path / "cut.jsonl.zst"
    raw = built_in_path("pvh").read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    status, out, err = run(capsys, "info", str(path), "--json")
    assert status == 0
    answer = json.loads(out)
    assert 0 < answer["hypercalls"] < 41391
    assert answer["damage"]["cut"]
    assert err.count("\n") == 1
    assert f"warning: {path}: line {answer['damage']['line']} (byte " in err
    assert f"only the {answer['hypercalls']} hypercalls before it are used" in err


def test_strict_makes_it_an_error(capsys, tmp_path):
    path = tmp_path / "cut.jsonl"
    path.write_text(CALL + ACCESS[:-4])
    assert run(capsys, "info", str(path))[0] == 0
    status, out, err = run(capsys, "info", str(path), "--strict")
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    assert "line 2 (byte 53)" in err


def test_a_wrong_record_is_bad_input(capsys, tmp_path):
    path = tmp_path / "wrong.jsonl"
    path.write_text(CALL + ACCESS.replace("4096", "-1") + ACCESS)
    status, out, err = run(capsys, "info", str(path))
    assert status == 2
    assert "1 hypercall" in out
    assert "error: " in err
    assert "line 2 (byte 53): field va: expected 0 to 0xffffffffffffffff, got -1" in err


def test_nothing_whole_is_an_error(capsys, tmp_path):
    path = tmp_path / "none.jsonl"
    path.write_bytes(b"\x89PNG\r\n")
    status, out, err = run(capsys, "info", str(path))
    assert (status, out) == (2, "")
    assert "line 1" in err
    assert run(capsys, "info", str(tmp_path / "absent"))[0] == 2


def test_standard_input(capsys, monkeypatch, tmp_path):
    path = tmp_path / "r.jsonl"
    path.write_text(CALL + ACCESS)
    with path.open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        status, out, _ = run(capsys, "info", "-", "--json")
    assert status == 0
    assert json.loads(out)["accesses_inside"] == 1


@pytest.mark.parametrize("action", ["info", "explain"])
def test_an_empty_recording(capsys, tmp_path, action):
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    status, out, _ = run(capsys, action, str(path), "--json")
    assert status == 0
    assert json.loads(out)["domains"] == []
    assert run(capsys, action, str(path))[0] == 0


MEMBERS = {
    "arch": "x86_64", "xen": {"version": "4.17.7"}, "backends": [], "workload": "a test",
    "guests": [{"domain": 0, "kind": "pvh", "vcpus": 1}],
}  # fmt: skip


def test_convert(capsys, tmp_path):
    source, header, out = tmp_path / "r.jsonl", tmp_path / "h.json", tmp_path / "o.jsonl.zst"
    source.write_text(CALL + ACCESS)
    header.write_text(json.dumps(MEMBERS))
    words = ("convert", str(source), "-o", str(out), "--header", str(header))
    assert run(capsys, *words) == (0, f"{out}: written\n", "")
    _, text, _ = run(capsys, "info", str(out), "--json")
    assert json.loads(text)["hypercalls"] == 1


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("{", "expected a JSON object"),
        ("[]", "expected a JSON object, got list"),
        (json.dumps({**MEMBERS, "workload": 3}), "header's meta.workload: expected text"),
        (json.dumps({**MEMBERS, "arch": "arm64"}), "expected 'x86_64'"),
    ],
)
def test_convert_with_a_wrong_header(capsys, tmp_path, header, said):
    source, path, out = tmp_path / "r.jsonl", tmp_path / "h.json", tmp_path / "o.jsonl"
    source.write_text(CALL + ACCESS)
    path.write_text(header)
    status, text, err = run(capsys, "convert", str(source), "-o", str(out), "--header", str(path))
    assert (status, text, err.count("\n")) == (2, "", 1)
    assert said in err
    assert not out.exists()
