"""What people paste into mails, byte for byte."""

from __future__ import annotations

from functools import lru_cache

import pytest
from golden_files import check_golden

from xenexplore import steps as s
from xenexplore.options.registry import OPTIONS
from xenexplore.render.text.options import option_text, options_text
from xenexplore.render.text.run.address_map import map_text
from xenexplore.render.text.run.comparison import comparison_text
from xenexplore.render.text.run.registered import registered_text
from xenexplore.render.text.run.step import step_text
from xenexplore.render.text.run.trace import trace_text
from xenexplore.scenario.library.builtin import load_builtin
from xenexplore.scenario.run.runner import compare, run
from xenexplore.scenario.run.trace import Trace


@lru_cache
def ran(name: str, option: str) -> Trace:
    return run(load_builtin(name), option)


def index_of(trace: Trace, kind: type[s.Step], nth: int = 0) -> int:
    return [node.index for node in trace.steps if isinstance(node.step, kind)][nth]


def test_why_the_directmaps_registration_misses_the_hottest_call():
    check_golden(
        "evtchn-compare.txt", comparison_text(compare(load_builtin("evtchn-send-from-stack")))
    )


@pytest.mark.parametrize("unicode", [False, True], ids=["ascii", "unicode"])
def test_the_missed_registration_step_by_step(unicode):
    trace = ran("evtchn-send-from-stack", "giant-map")
    suffix = "-unicode" if unicode else ""
    check_golden(f"evtchn-path{suffix}.txt", trace_text(trace, unicode=unicode))
    third = index_of(trace, s.PteRead, 2)
    check_golden(f"evtchn-step{suffix}.txt", step_text(trace, third, unicode=unicode))
    check_golden(f"evtchn-map{suffix}.txt", map_text(trace, third, unicode=unicode))


def test_the_data_that_lands_in_the_wrong_frame():
    trace = ran("wrong-vcpu", "software-tlb")
    wrong = next(n.index for n in trace.steps if isinstance(n.step, s.Move) and not n.step.right)
    check_golden("wrong-vcpu-step.txt", step_text(trace, wrong))
    check_golden("wrong-vcpu-registered.txt", registered_text(trace, wrong))


def test_the_same_run_twice_gives_the_same_text():
    first, again = (run(load_builtin("wrong-vcpu"), "software-tlb") for _ in range(2))
    assert trace_text(first) == trace_text(again)
    assert map_text(first) == map_text(again)


def test_the_options():
    check_golden("options.txt", options_text())
    check_golden("option-giant-map.txt", option_text(OPTIONS["giant-map"]))
