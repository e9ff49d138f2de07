"""What tests/tools/two_boots.py holds two runs of one boot to; CI runs it on real ones."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import two_boots

from xenexplore.recording.format.reader import read_recording


@pytest.fixture(scope="module")
def boot():
    return read_recording("pvh-boot")


def test_what_is_held_against_what(boot):
    assert two_boots.differences(boot, boot) == []
    assert two_boots.walks_off(boot) == []
    steady = two_boots.steady(boot)
    assert 40 < len(steady) < len(boot.calls) / 10  # the boot waits: nearly all calls are timers
    number = boot.calls.number.copy()
    console = np.flatnonzero(number == two_boots.CONSOLE_IO)
    other = np.flatnonzero(~np.isin(number, (two_boots.CONSOLE_IO, two_boots.VCPU_OP)))
    number[other[3]], number[other[4]] = number[other[4]], number[other[3]]
    swapped = replace(boot, calls=replace(boot.calls, number=number))
    assert two_boots.differences(boot, swapped) != []
    number = boot.calls.number.copy()
    number[console[0]] = 17
    assert "at" in two_boots.differences(boot, replace(boot, calls=replace(
        boot.calls, number=number)))[0]  # fmt: skip
    level = np.full_like(boot.walks.level, 1)
    assert two_boots.walks_off(replace(boot, walks=replace(boot.walks, level=level))) != []
    assert two_boots.judge([boot, swapped]) == 1
    assert two_boots.judge([boot, boot]) == 0


def test_without_a_set_up_it_says_so(tmp_path, capsys):
    assert two_boots.main(["--folder", str(tmp_path)]) == two_boots.CANNOT
    assert "not recorded" in capsys.readouterr().out
