"""Page tables of a real PV dom0: told from any other's, and walked as the emulator walks them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from xenexplore.cli.main import main
from xenexplore.errors import MachineError
from xenexplore.guest.image_machine import image_spec
from xenexplore.memory.image import ImageSpace
from xenexplore.paging.batch.table_arrays import read_tables
from xenexplore.paging.batch.translate import NOWHERE, translate_batch
from xenexplore.paging.image_state import rights_aside
from xenexplore.paging.image_target import open_target
from xenexplore.paging.xen_tables import hold_machine_frames

IMAGES = Path(__file__).parents[1] / "data" / "images"
PV = IMAGES / "xen-pv" / "ptpages.bin.zst"


def test_the_frames_of_a_real_pv_guest_are_machine_frames(capsys):
    target = open_target(PV)
    assert target.space is ImageSpace.MACHINE
    assert hold_machine_frames(target.image, target.state)
    linear, place = next(one for one in answers() if one[1] is not None)
    assert main(["walk", str(PV), f"{linear:x}"]) == 0
    out = capsys.readouterr().out
    assert f"maddr  {place:016x}" in out
    assert f"mfn    {place >> 12:x}" in out
    assert "gpa" not in out


@pytest.mark.parametrize("name", ["plain-96-kaslr", "plain-96-nokaslr", "plain-96-la57"])
def test_no_other_real_guest_s_are(name):
    assert open_target(IMAGES / name / "ptpages.bin.zst").space is ImageSpace.GUEST


def answers() -> list[tuple[int, int | None]]:
    listed = json.loads((IMAGES / "xen-pv" / "gva2gpa.json").read_text())
    return [(int(a, 16), None if b is None else int(b, 16)) for a, b in listed]


def test_a_real_pv_guest_s_tables_against_the_monitor():
    target, listed = open_target(PV), answers()
    assert [target.walk(linear).gpa_value for linear, _ in listed] == [gpa for _, gpa in listed]
    tables = read_tables(target.image, rights_aside(target.state))
    found = translate_batch(tables, np.array([linear for linear, _ in listed], np.uint64))
    assert found.gpa.tolist() == [NOWHERE if gpa is None else gpa for _, gpa in listed]


def test_a_real_pv_guest_is_a_pv_guest():
    spec = image_spec(PV)
    assert spec.type == "pv"
    with pytest.raises(MachineError, match='expected type = "pv"'):
        image_spec(PV, kind="pvh")
