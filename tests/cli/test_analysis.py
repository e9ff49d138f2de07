from __future__ import annotations

import json
from pathlib import Path

import pytest

from xenexplore.cli.main import main


def test_replay_json_is_one_object_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "pvh", "--json", "--option", "linear-walk", "--option", "bounce"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["design"], row["domain"]) for row in rows] == [
        ("linear-walk", "dom0"), ("linear-walk", "dom1"), ("bounce", "dom0"), ("bounce", "dom1"),
    ]  # fmt: skip
    assert rows[0]["calls"]["walks"] == 84_975
    assert rows[2]["refused"] == 2


def test_report_writes_figures_page_and_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    figures = tmp_path / "figures"
    words = ["report", "pvh", "--json", "--html", str(page), "--figures", str(figures)]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["domains"][0]["coverage"]["accesses"] == 84_971
    assert found["assumed"]["p2m_order"] == 0
    assert sorted(path.name for path in figures.iterdir()) == [
        "break-even.svg", "entries.svg", "fastabi.svg", "misses.svg", "ranges.svg",
        "reads.svg", "regions.svg", "repeats.svg", "sizes.svg",
    ]  # fmt: skip
    assert page.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["replay", "pvh", "--option", "gaint-map"], "did you mean 'giant-map'"),
        (["report", "synthetic:task=4"], "did you mean 'tasks'"),
        (["report", "synthetic:tasks=few"], "tasks: expected a whole number, got 'few'"),
        (["report", "synthetic:tasks=0"], "tasks: expected 1 or more"),
        (["report", "nowhere.zst"], "nowhere.zst: No such file"),
        (["report", "pvh", "--costs", "nowhere.toml"], "nowhere.toml: No such file"),
        (["sweep", "pvh", "--entries", "0"], "--entries: expected 1 or more"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert err.count("\n") == 1


def test_a_synthetic_workload_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "synthetic:calls=500:tasks=20:vcpus=2:devices=2"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("SYNTHETIC workload")
    assert "tasks=20" in out


def test_sweep_resumes_its_own_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "rows.csv"
    words = ["sweep", "pvh", "--register", "on-miss", "--entries", "2", "--policy", "refuse",
             "--scope", "vcpu", "--p2m", "2M", "--workers", "1",
             "--output", str(table)]  # fmt: skip
    assert main(words) == 0
    whole = table.read_text()
    assert whole.count("\n") == 3  # head, dom0, dom1
    lines = whole.splitlines(keepends=True)
    table.write_text("".join(lines[:2]) + lines[2][:9])
    assert main(words) == 0
    assert table.read_text() == whole
    assert capsys.readouterr().out == ""
