"""One line for what ``replay``, ``report`` and ``sweep`` do."""

from __future__ import annotations

import pytest

import xenexplore as xe
from xenexplore.analysis.replay.design import DESIGNS
from xenexplore.cli.main import main

SMALL = "synthetic:vcpus=2:tasks=4:calls=200"


def test_replay_and_the_command_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    words = "software-tlb: register=directmap, entries=2"
    assert main(["replay", SMALL, "--option", words, "--option", "O3"]) == 0
    assert xe.replay(SMALL, [words, "O3"]).text() == capsys.readouterr().out
    keywords = xe.replay(SMALL, "software-tlb", register=["directmap"], entries=2)
    assert keywords[0].design.values == xe.replay(SMALL, words)[0].design.values
    assert keywords[0].counts == xe.replay(SMALL, words)[0].counts


def test_replay_takes_every_design_by_default() -> None:
    workload = xe.read_workload(SMALL)
    replays = xe.replay(workload, p2m="2M")
    assert [one.design.label for one in replays] == [
        what.label for what in DESIGNS for _ in workload.domains
    ]
    assert repr(replays).startswith(f"<Replays of {workload.source}: linear-walk, ")


def test_a_report_and_the_command_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", SMALL, "--p2m", "2M"]) == 0
    assert xe.report(SMALL, p2m="2M").text() == capsys.readouterr().out
    with pytest.raises(xe.InputError, match="expected one of 4K, 2M, 1G, got '3M'"):
        xe.report(SMALL, p2m="3M")


def test_a_sweep_and_the_command_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--entries", "2", "--policy", "lru", "--scope", "vcpu", "--p2m", "4K"]
    words += ["--register", "on-miss", "--workers", "1"]
    assert main(["sweep", SMALL, *words]) == 0
    table = xe.sweep(
        SMALL, entries=[2], policy=["lru"], scope=["vcpu"], p2m=["4K"], register=["on-miss"]
    )
    assert table.text() == capsys.readouterr().out
    assert repr(table) == f"<SweepTable: {len(table)} rows>"
