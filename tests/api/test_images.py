"""One line for what ``walk`` and ``map`` do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import xenexplore as xe
from xenexplore.cli.main import main

IMAGES = Path(__file__).resolve().parents[1] / "data" / "images"
KASLR = IMAGES / "plain-96-kaslr" / "ptpages.bin.zst"


def test_the_map_and_the_command_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    space = xe.map(KASLR)
    assert main(["map", str(KASLR)]) == 0
    assert space.text() == capsys.readouterr().out
    assert len(space) == len(list(space))
    assert space[0].start < space[0].end
    assert main(["map", str(KASLR), "--physical", "--json"]) == 0
    _, *lines = capsys.readouterr().out.splitlines()
    physical = xe.map(xe.open_image(KASLR), physical=True)
    assert [int(json.loads(line)["start"], 16) for line in lines] == [run.start for run in physical]


def test_a_walk_and_the_command_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    image = xe.open_image(KASLR)
    address = f"{xe.map(image)[0].start:x}"
    assert main(["walk", str(KASLR), address, "--write"]) == 0
    said = capsys.readouterr().out
    walked = xe.walk(image, address, xe.WRITE)
    assert walked.text() in said
    assert image.text() in said
    assert walked == xe.walk(image, int(address, 16), xe.WRITE)
    assert xe.walk(KASLR, address).ok


def test_bad_addresses_are_refused() -> None:
    image = xe.open_image(KASLR)
    for bad in (-1, 1 << 64, 1 << 60, "zz"):
        with pytest.raises(xe.AddressError):
            xe.walk(image, bad)
    with pytest.raises(xe.MachineError, match="an image has no P2M"):
        xe.walk(image, 0, by="xen")


def test_a_guest_is_walked_by_its_cpu_and_by_xen() -> None:
    guest = xe.Domain(xe.GuestSpec(vcpus=2))
    buffer = guest.place("b", "stack", 48, vcpu=1)
    by_cpu, by_xen = (xe.walk(guest, buffer.va, by=who, vcpu=1) for who in ("cpu", "xen"))
    assert by_cpu.gpa == by_xen.gpa == guest.truth(buffer.va, 48)[0][0]
    assert (len(by_cpu.lookups), len(by_xen.lookups)) == (0, len(by_cpu.levels) + 1)
