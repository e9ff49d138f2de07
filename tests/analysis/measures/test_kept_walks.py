"""Kept walks in the shipped recordings: against the design's replay, and against the frames."""

from __future__ import annotations

import pytest

from xenexplore.analysis.measures.kept_walks import kept_walks
from xenexplore.analysis.measures.locality import locality
from xenexplore.analysis.replay.design import design
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.workload.tables import Workload, read_workload
from xenexplore.recording.format.stream import built_in_path

# dom0's and domU's pieces, served within a call, served if kept until a switch, and stale then.
FIGURES = {
    "pvh": [(84_975, 31_029, 83_306, 7), (2_974, 0, 1_652, 0)],
    "pvh-backends": [(132_832, 51_921, 118_182, 5), (10_424, 0, 4_868, 0)],
    "pvh-boot": [(1_454, 0, 1_436, 0)],
}


@pytest.fixture(scope="module", params=sorted(FIGURES))
def recorded(request: pytest.FixtureRequest) -> tuple[str, Workload]:
    return request.param, read_workload(built_in_path(request.param))


def test_figures_of_the_recordings(recorded: tuple[str, Workload]) -> None:
    name, load = recorded
    for domain, (pieces, brief, longer, stale) in enumerate(FIGURES[name]):
        call = kept_walks(load, domain, until_switch=False)
        kept = kept_walks(load, domain, until_switch=True)
        # Dropped after each call no walk was stale; every frame is recorded.
        assert (call.pieces, call.served, call.checked, call.stale) == (pieces, brief, brief, 0)
        assert (kept.served, kept.checked, kept.stale) == (longer, longer, stale)
        assert locality(load, domain).saved == call.served


@pytest.mark.parametrize("entries", [1, 13])
@pytest.mark.parametrize("lifetime", ["call", "until-switch"])
def test_the_designs_replay_serves_the_same(
    recorded: tuple[str, Workload], entries: int, lifetime: str
) -> None:
    _, load = recorded
    for domain in load.domains:
        got = replay(
            load, design(f"hap-cache: entries={entries}, lifetime={lifetime}"), domain.index
        )
        until = lifetime == "until-switch"
        kept = kept_walks(load, domain.index, until_switch=until, entries=entries)
        assert (got.counts.tlb_lookups, got.counts.tlb_hits) == (kept.pieces, kept.served)
        assert got.counts.walks == kept.pieces - kept.served
