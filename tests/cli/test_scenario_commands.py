from __future__ import annotations

import io
import json

import pytest
from golden_files import check_golden
from scenario_texts import NESTED, SEND

from xenexplore.cli.main import main
from xenexplore.options.registry import OPTIONS
from xenexplore.scenario.library.builtin import builtin_names, builtin_text
from xenexplore.scenario.text.loader import parse_scenario


def ran(capsys, *words: str) -> tuple[int, str, str]:
    status = main(words)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_list(capsys):
    status, out, err = ran(capsys, "scenario", "list")
    assert (status, err) == (0, "")
    for name in builtin_names():
        assert name in out
    assert all(len(line) <= 72 for line in out.splitlines())


def test_list_as_json_has_one_object_a_line(capsys):
    status, out, _ = ran(capsys, "scenario", "list", "--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert status == 0
    assert [record["name"] for record in records] == list(builtin_names())
    assert all(record["options"] and record["title"] for record in records)


def test_show(capsys, tmp_path):
    _, out, _ = ran(capsys, "scenario", "show", "wrong-vcpu")
    assert out == builtin_text("wrong-vcpu")
    _, out, _ = ran(capsys, "scenario", "show", "wrong-vcpu", "--canonical")
    assert parse_scenario(out) == parse_scenario(builtin_text("wrong-vcpu"))
    path = tmp_path / "a.toml"
    path.write_text(SEND, encoding="utf-8")
    _, out, _ = ran(capsys, "scenario", "show", str(path))
    assert out == SEND


def test_check_says_what_holds_and_what_does_not(capsys, tmp_path):
    status, out, _ = ran(capsys, "scenario", "check", "wrong-vcpu", "evtchn-send-from-stack")
    assert status == 0
    assert out.count("holds") == 2
    path = tmp_path / "a.toml"
    path.write_text(SEND + '[[expect]]\nresult = "EFAULT"\ncounts = { walks = 9 }\n')
    status, out, _ = ran(capsys, "scenario", "check", "wrong-vcpu", str(path))
    assert status == 1
    assert "linear-walk: expected result -EFAULT, got 0" in " ".join(out.split())
    assert "expected 9 walks in counts, got 1" in " ".join(out.split())
    status, out, _ = ran(capsys, "scenario", "check", str(path), "--json")
    assert status == 1
    (record,) = map(json.loads, out.splitlines())
    assert record["expectations"] == 1
    assert record["failed"]


def test_from_recording_prints_a_scenario_that_holds(capsys, monkeypatch):
    status, out, _ = ran(capsys, "scenario", "from-recording", "pvh", "2621")
    assert status == 0
    assert 'frames = ["0x6bf7"]' in out
    monkeypatch.setattr("sys.stdin", io.StringIO(out))
    status, out, _ = ran(capsys, "scenario", "check", "-")
    assert (status, out) == (0, "holds  pvh-2621 (1 expectation)\n")


def test_run_prints_the_path(capsys):
    status, out, err = ran(capsys, "run", "wrong-vcpu", "--option", "software-tlb")
    assert (status, err) == (0, "")
    assert "WRONG" in out
    check_golden("run-wrong-vcpu.txt", out)


def test_compare_prints_one_screen(capsys):
    status, out, err = ran(capsys, "compare", "evtchn-send-from-stack")
    assert (status, err) == (0, "")
    check_golden("compare-evtchn-send-from-stack.txt", out)


def test_run_as_json_and_one_step_of_it(capsys):
    _, out, _ = ran(capsys, "run", "wrong-vcpu", "--format", "json")
    document = json.loads(out)
    _, out, _ = ran(capsys, "run", "wrong-vcpu", "--format", "json", "--step", "7")
    assert json.loads(out) == document["steps"][7]
    last = str(len(document["steps"]) - 1)
    _, out, _ = ran(capsys, "run", "wrong-vcpu", "--format", "json", "--step", last)
    assert json.loads(out) == document["steps"][-1]


@pytest.mark.parametrize("words", [["--step", "9"], ["--view", "map"], ["--view", "registered"]])
def test_run_has_other_views(capsys, words):
    status, out, _ = ran(capsys, "run", "wrong-vcpu", "--option", "software-tlb", *words)
    assert status == 0
    assert out.strip()
    assert out.isascii()
    assert all(len(line) <= 72 for line in out.splitlines())


def test_compare_prints_the_options_that_are_asked_for(capsys):
    status, out, err = ran(capsys, "compare", "straddle", "--option", "O6", "--option", "flat")
    assert (status, err) == (0, "")
    names = [line.split()[:2] for line in out.splitlines() if line.startswith("O")]
    assert names == [["O6", "packets"], ["O2", "flat"]]


def test_compare_as_json(capsys, tmp_path):
    path = tmp_path / "nested.toml"
    path.write_text(NESTED, encoding="utf-8")
    _, out, _ = ran(capsys, "compare", str(path), "--json")
    document = json.loads(out)
    labels = [record["option"]["label"] for record in document["options"]]
    assert labels == [name for name, option in OPTIONS.items() if option.specified]
    assert document["options"][0]["difference"] is None
    tlb = document["options"][labels.index("software-tlb")]
    assert "miss" in tlb["difference"]["other_says"]


@pytest.mark.parametrize(
    "words",
    [
        ["run", "wrong-vcpu", "--option", "tlb, subject"],
        ["run", "wrong-vcpu", "--all"],
        ["run", "wrong-vcpu", "--format", "json"],
        ["run", "wrong-vcpu", "--step", "3"],
        ["run", "wrong-vcpu", "--option", "software-tlb", "--view", "registered"],
        ["run", "wrong-vcpu", "--view", "map", "--step", "3"],
        ["compare", "evtchn-send-from-stack"],
        ["compare", "evtchn-send-from-stack", "--json"],
        ["compare", "straddle", "--option", "O7", "--option", "flat"],
    ],
)
def test_the_printed_code_does_the_same(capsys, words):
    _, wanted, _ = ran(capsys, *words)
    status, code, _ = ran(capsys, *words, "--code")
    assert status == 0
    exec(compile(code, "code", "exec"), {})
    assert capsys.readouterr().out == wanted


def test_options(capsys):
    status, out, _ = ran(capsys, "options")
    assert status == 0
    assert all(name in out for name in OPTIONS)
    _, out, _ = ran(capsys, "options", "O7")
    assert "software-tlb" in out
    _, out, _ = ran(capsys, "options", "--json")
    assert [json.loads(line)["name"] for line in out.splitlines()] == list(OPTIONS)
    _, out, _ = ran(capsys, "options", "software-tlb", "--json")
    assert {p["name"] for p in json.loads(out)["parameters"]} >= {"entries", "register"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["run", "wrong-vcpus"], "did you mean 'wrong-vcpu'?"),
        (["run", "./nothing.toml"], "No such file"),
        (["run", "wrong-vcpu", "--option", "sofware-tlb"], "did you mean 'software-tlb'?"),
        (["run", "wrong-vcpu", "--step", "9999"], "--step: expected 0 to"),
        (["run", "wrong-vcpu", "--step", "-1"], "--step: expected 0 to"),
        (["run", "wrong-vcpus", "--code"], "did you mean 'wrong-vcpu'?"),
        (["compare", "wrong-vcpus"], "did you mean 'wrong-vcpu'?"),
        (["compare", "straddle", "--option", "flatt"], "did you mean 'flat'?"),
        (["compare", "straddle", "--option", "flatt", "--code"], "did you mean 'flat'?"),
        (
            ["compare", "straddle", "--option", "flat", "--option", "O2"],
            "each once, got flat, flat",
        ),
        (["options", "sofware-tlb"], "did you mean 'software-tlb'?"),
        (["scenario", "show", "nope"], "expected a file"),
        (["scenario", "check", "nope"], "expected a file"),
        (["scenario", "from-recording", "pvh", "99999999"], "sequence number"),
        (["scenario", "from-recording", "pvh", "0", "--domain", "dom9"], "dom0"),
    ],
)
def test_bad_input_is_one_line_and_status_2(capsys, words, told):
    status, out, err = ran(capsys, *words)
    assert (status, out) == (2, "")
    assert err.startswith("xenexplore: ")
    assert err.count("\n") == 1
    assert told in err


@pytest.mark.parametrize("words", [["run"], ["scenario"], ["scenario", "lst"], ["run", "a", "--x"]])
def test_bad_usage_is_status_2(capsys, words):
    status, out, err = ran(capsys, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)


def test_a_malformed_scenario_on_standard_input(capsys, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO('name = "x"\ntitel = "y"\n'))
    status, out, err = ran(capsys, "run", "-")
    assert (status, out) == (2, "")
    assert err.startswith("xenexplore: standard input: line 1")
    assert "titel" in err
