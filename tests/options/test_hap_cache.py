"""The cache of walks for HAP: what it serves, how long it lives, whom it refuses."""

from __future__ import annotations

import pytest

from xenexplore.errors import MachineError
from xenexplore.guest.domain import Domain
from xenexplore.guest.spec import GuestSpec
from xenexplore.hypervisor.xen import Xen
from xenexplore.options.hap_cache import HapCache
from xenexplore.options.registry import make_option
from xenexplore.scenario.run.runner import run
from xenexplore.scenario.text.loader import parse_scenario
from xenexplore.steps import FlushCause, WalkCacheFlush

TEXT = """
name = "kept"
title = "One array, twice"
[[buffer]]
name = "frames"
place = "vmalloc"
struct = "xen_pfn_t"
array = ["0x100000", "0x100001", "0x100002"]
[[buffer]]
name = "op"
place = "kmalloc"
struct = "xen_memory_reservation"
fields = { extent_start = "@frames", nr_extents = 3, domid = 0x7ff0 }
[[action]]
do = "call"
hypercall = "memory_op populate_physmap"
with = { arg = "@op" }
PREEMPT
[[action]]
do = "update-runstate"
subject = 0
[[action]]
do = "call"
hypercall = "memory_op populate_physmap"
with = { arg = "@op" }
"""


def flushes(text: str, option: str) -> list[FlushCause]:
    trace = run(parse_scenario(text), option)
    assert trace.outcome.status == "right"
    return [node.step.cause for node in trace.steps if isinstance(node.step, WalkCacheFlush)]


def test_walks_are_dropped_at_entry_and_on_preemption() -> None:
    whole, cut = TEXT.replace("PREEMPT", ""), TEXT.replace("PREEMPT", "preempt = [1]")
    assert flushes(whole, "hap-cache") == [FlushCause.SWITCHED_OUT]
    assert flushes(cut, "hap-cache") == [FlushCause.PREEMPTED, FlushCause.SWITCHED_OUT]
    without = whole.replace('[[action]]\ndo = "update-runstate"\nsubject = 0\n', "")
    assert flushes(without, "hap-cache") == [FlushCause.ENTRY]
    kept = "hap-cache: lifetime=until-switch"
    assert flushes(cut, kept) == [FlushCause.SWITCHED_OUT]
    assert flushes(without, kept) == []


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"encryption": "sev"}, "encrypted guests"),
        ({"encryption": "snp"}, "encrypted guests"),
        ({"type": "pv"}, "makes no walk"),
        ({"paging": "shadow"}, "shadow paging has this cache"),
        ({}, ""),
    ],
)
def test_guests_that_it_refuses(spec: dict[str, str], why: str) -> None:
    option = make_option("hap-cache")
    said = option.refuses(Xen(Domain(GuestSpec(**spec)), option))  # type: ignore[arg-type]
    assert why in said
    assert bool(said) == bool(why)


def test_a_cache_without_slots_is_an_error() -> None:
    with pytest.raises(MachineError, match="entries takes 1 or more"):
        HapCache(entries=0)
