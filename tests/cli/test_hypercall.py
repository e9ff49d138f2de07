"""``xenexplore hypercall``."""

from __future__ import annotations

import json

import pytest
from golden_files import check_golden

from xenexplore.cli.main import main


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("populate_physmap", ["memory_op", "populate_physmap"]),
        ("populate_physmap-pv", ["memory_op", "populate_physmap", "--guest", "pv"]),
        ("evtchn-send", ["evtchn", "send"]),
        ("unmap_grant_ref", ["gnttab", "unmap_grant_ref"]),
        ("multicall", ["multicall"]),
        ("kexec_load", ["kexec_load"]),
        ("readconsole", ["sysctl", "readconsole"]),
        ("createdomain-arm", ["createdomain", "--guest", "arm"]),
        ("dm_op", ["dm_op"]),
        ("list-nested-arm", ["--list", "--nested-handles", "--guest", "arm"]),
        ("list", ["--list"]),
        ("register_runstate_phys_area", ["VCPUOP_register_runstate_phys_area", "--xen", "4.20"]),
        ("diff", ["--diff", "4.17", "4.21"]),
    ],
)
def test_views(name: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hypercall", *words]) == 0
    check_golden(f"hypercall-{name}.txt", capsys.readouterr().out)


def test_every_entry_fits_in_72_columns(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hypercall", "--list", "--json"]) == 0
    names = [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()]
    assert len(names) > 370
    for name in names[::11]:
        assert main(["hypercall", name]) == 0
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= 72, name
        assert text.isascii(), name


def test_filters(capsys: pytest.CaptureFixture[str]) -> None:
    def listed(*filters: str) -> list[dict]:
        assert main(["hypercall", "--list", "--json", *filters]) == 0
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    everything = listed()
    nested = listed("--nested-handles")
    assert [e["name"] for e in nested] == [e["name"] for e in everything if e["nested_handles"]]
    large = listed("--can-exceed-page", "--guest", "hvm")
    assert all("hvm" in e["guests"] and e["can_exceed_page"] for e in large)
    endless = listed("--unbounded")
    assert {"console_io.write", "multicall"} <= {e["name"] for e in endless}
    assert 0 < len(large) < len(everything)


def test_json_of_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hypercall", "evtchn", "send", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["constant"] == "EVTCHNOP_send"
    assert record["struct"]["fields"] == [
        {"name": "port", "offset": 0, "size": 4, "type": "evtchn_port_t"}
    ]


def test_json_of_a_difference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hypercall", "--diff", "4.21", "4.22", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["schema"], record["old"]) == ("xenexplore.hypercall-diff/1", "4.21")
    gone = {entry["constant"]: entry["until"] for entry in record["removed"]}
    assert gone["XEN_SYSCTL_get_cpu_levelling_caps"] == "4.21"
    assert {change["since"] for change in record["copy_paths"]} == {"4.22"}
    assert main(["hypercall", "--diff", "4.17", "unstable"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 72
    assert text.isascii()


@pytest.mark.parametrize(
    "words",
    [
        ["no_such_thing"],
        ["unmap"],
        ["iret", "--guest", "hvm"],
        ["vcpu_op", "register_runstate_phys_area"],
        ["vcpu_op", "--xen", "4.16"],
        ["--diff", "4.16", "4.17"],
        ["vcpu_op", "--diff", "4.17", "4.18"],
    ],
)
def test_one_line_for_bad_input(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hypercall", *words]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
