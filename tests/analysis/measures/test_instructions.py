"""The headline: what part of Xen's instructions are walks and copies, from the recordings."""

from __future__ import annotations

import functools
from dataclasses import replace

import numpy as np
import pytest

from xenexplore.analysis.measures.cost import CostUnit, read_costs
from xenexplore.analysis.measures.instructions import instructions
from xenexplore.analysis.measures.measured_costs import costs_of
from xenexplore.analysis.workload.tables import Workload, read_workload
from xenexplore.render.text.recorded.report_instructions import piece_lines


@functools.cache
def read(name: str) -> Workload:
    return read_workload(name, calls=20_000)


@pytest.mark.parametrize(
    ("name", "means", "shares"),
    [
        ("pvh-net", [(18243, 13364, 12593), (10541, 5841, 4946)],
         [("57.4", "75.0", "60.9", "79.6"), ("60.1", "76.4", "71.0", "90.3")]),
        ("pvh-backends", [(18581, 13702, 12898), (10560, 5860, 4918)],
         [("57.0", "74.5", "60.5", "79.1"), ("59.7", "75.9", "71.1", "90.4")]),
    ],
)  # fmt: skip
def test_walks_and_copies_of_exit_to_entry(
    name: str, means: list[tuple[int, ...]], shares: list[tuple[str, ...]]
) -> None:
    found = instructions(read(name))
    assert found is not None
    assert found.decoding
    totals = [domain.total for domain in found.domains]
    parts = ("exit_to_entry", "corrected", "handler")
    assert [tuple(round(getattr(t, p) / t.calls) for p in parts) for t in totals] == means
    assert [
        tuple(f"{100 * t.share(part, of):.1f}" for of in ("corrected", "handler")
              for part in ("walks", "copies"))
        for t in totals
    ] == shares  # fmt: skip
    for domain in found.domains:
        assert domain.left_out == domain.hypercalls - domain.total.calls > 0
        assert sum(kind.calls for kind in domain.kinds) == domain.total.calls
        assert sum(kind.walks for kind in domain.kinds) == domain.total.walks
    assert found.pieces.table_step == 724
    walk = found.pieces.walks[1]
    assert (walk.least, walk.median) == (3605, 3605)


def test_walks_that_differ_by_the_p2m_do_not_tell_what_a_level_costs() -> None:
    """vmalloc space of that kernel is reached by tables in low memory: 201 instructions more."""
    found = instructions(read("pvh-vmap"))
    assert found is not None
    assert {k: (one.least, one.median) for k, one in found.pieces.walks.items()} == {
        1: (3605, 3806),
        2: (2881, 2881),
    }
    assert found.pieces.table_step is None
    assert costs_of("4.17", found) == read_costs(xen="4.17")


def test_decoding_that_was_not_counted_is_not_subtracted() -> None:
    workload = read("pvh-xen420")
    whole, executed = instructions(workload), workload.executed
    assert whole is not None
    assert executed is not None
    assert whole.decoding
    assert [f"{100 * d.total.share('walks'):.1f}" for d in whole.domains] == ["56.5", "61.3"]
    calls = replace(executed.calls, decode=np.full(len(executed.calls), -1))
    found = instructions(replace(workload, executed=replace(executed, calls=calls, decoding=False)))
    assert found is not None
    assert not found.decoding
    assert found.pieces.entry is found.pieces.decode is None
    assert {k: s.median for k, s in found.pieces.walks.items()} == {1: 3293, 2: 2648}
    assert found.pieces.walks[1].loads == 789
    assert all(domain.total.decode == 0 for domain in found.domains)


def test_without_counts_there_is_nothing() -> None:
    assert instructions(read("pvh-callers")) is None
    boot = read("pvh-boot")
    assert boot.executed is not None
    assert np.array_equal(np.unique(boot.executed.level), [1, 2])


def test_what_map_domain_page_takes_where_it_was_counted() -> None:
    boot = read("pvh-boot")
    found = instructions(boot)
    assert found is not None
    assert boot.executed is not None
    assert found.pieces.mappings is None
    assert not any("map_domain_page" in line for line in piece_lines(found.pieces))
    some = np.full(len(boot.executed.copies), 828)
    some[:3] = -1, 684, 905
    copies = replace(boot.executed.copies, mappings=some)
    counted = instructions(replace(boot, executed=replace(boot.executed, copies=copies)))
    assert counted is not None
    assert "  of a whole copy, in map_domain_page(): 684/828/905" in "\n".join(
        piece_lines(counted.pieces)
    )


@pytest.mark.parametrize(("xen", "name"), [("4.17", "pvh-backends"), ("4.20", "pvh-xen420")])
def test_the_built_in_instructions_are_those_of_their_recording(xen: str, name: str) -> None:
    """Counted again from the recording that each number names."""
    table = read_costs(xen=xen)
    counted = costs_of(xen, instructions(read(name)))
    assert {n: cost.amount for n, cost in counted.costs.items()} == {
        n: cost.amount for n, cost in table.costs.items()
    }
    assert counted.unmeasured.keys() == table.unmeasured.keys()
    assert table.guesses == 0
    assert table.unit is CostUnit.INSTRUCTIONS
    for n, cost in table.costs.items():
        assert name in cost.source or n.startswith("tlb_")
