"""What people paste into mails, byte for byte."""

from __future__ import annotations

from functools import lru_cache

import pytest
from golden_files import check_golden

from xenexplore import steps as s
from xenexplore.options.registry import OPTIONS
from xenexplore.render.text.address_map import map_text
from xenexplore.render.text.comparison import comparison_text
from xenexplore.render.text.options import option_text, options_text
from xenexplore.render.text.path import path_text
from xenexplore.render.text.registered import registered_text
from xenexplore.render.text.step import step_text
from xenexplore.scenario.builtin import load_builtin
from xenexplore.scenario.path import Path
from xenexplore.scenario.run import compare, run


@lru_cache
def ran(name: str, option: str) -> Path:
    return run(load_builtin(name), option)


def index_of(path: Path, kind: type[s.Step], nth: int = 0) -> int:
    return [node.index for node in path.steps if isinstance(node.step, kind)][nth]


def test_why_the_directmaps_registration_misses_the_hottest_call():
    check_golden(
        "evtchn-compare.txt", comparison_text(compare(load_builtin("evtchn-send-from-stack")))
    )


@pytest.mark.parametrize("unicode", [False, True], ids=["ascii", "unicode"])
def test_the_missed_registration_step_by_step(unicode):
    path = ran("evtchn-send-from-stack", "giant-map")
    suffix = "-unicode" if unicode else ""
    check_golden(f"evtchn-path{suffix}.txt", path_text(path, unicode=unicode))
    third = index_of(path, s.PteRead, 2)
    check_golden(f"evtchn-step{suffix}.txt", step_text(path, third, unicode=unicode))
    check_golden(f"evtchn-map{suffix}.txt", map_text(path, third, unicode=unicode))


def test_the_data_that_lands_in_the_wrong_frame():
    path = ran("wrong-vcpu", "software-tlb")
    wrong = next(n.index for n in path.steps if isinstance(n.step, s.Move) and not n.step.right)
    check_golden("wrong-vcpu-step.txt", step_text(path, wrong))
    check_golden("wrong-vcpu-registered.txt", registered_text(path, wrong))


def test_the_same_run_twice_gives_the_same_text():
    first, again = (run(load_builtin("wrong-vcpu"), "software-tlb") for _ in range(2))
    assert path_text(first) == path_text(again)
    assert map_text(first) == map_text(again)


def test_the_options():
    check_golden("options.txt", options_text())
    check_golden("option-giant-map.txt", option_text(OPTIONS["giant-map"]))
