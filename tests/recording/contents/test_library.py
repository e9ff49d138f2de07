"""The recordings of the package: what each says about itself, and how large they are together."""

from __future__ import annotations

import json

import pytest

from xenexplore.cli.main import main
from xenexplore.guest.layout.symbols import read_kallsyms
from xenexplore.recording.contents.guest_layouts import guest_spaces
from xenexplore.recording.contents.library import shipped
from xenexplore.recording.format.stream import BUILT_INS, built_in_path


def test_each_says_what_it_is_of() -> None:
    listed = list(shipped())
    assert tuple(one.name for one in listed) == BUILT_INS
    assert len({one.finding for one in listed}) == len(listed)
    for one in listed:
        assert one.header.xen
        assert one.header.workload
        assert one.header.guests
        assert one.header.command.startswith("xenexplore record ") == (one.header.version == 2)


def test_together_they_fit() -> None:
    folder = built_in_path("pv").parent
    assert sum(file.stat().st_size for file in folder.glob("*.zst")) <= 12_000_000


def test_the_list_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["recording", "list"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 72
    assert all(f"\n{name}\n" in text for name in BUILT_INS)
    assert main(["recording", "list", "--json"]) == 0
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["name"] for record in records] == list(BUILT_INS)


def test_each_cpus_hardirq_stack_is_found(pvh_smp: object) -> None:
    """Two vCPUs: the frames behind each say whose it is."""
    spaces = guest_spaces(pvh_smp, read_kallsyms(built_in_path("kallsyms.dom0")))  # type: ignore[arg-type]
    said = [what for what, _ in spaces[0].layout.evidence]
    assert "hardirq stack" in said
    assert "hardirq stacks of other CPUs" in said
