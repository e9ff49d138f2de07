"""Findings on every recording of the package, for statements about all of them together."""

from __future__ import annotations

from xenexplore.analysis.findings import Findings, Progress, find
from xenexplore.analysis.measures.cost import CostTable
from xenexplore.analysis.replay.design import design
from xenexplore.analysis.workload.find_workload import find_workload
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.options.registry import FOUND
from xenexplore.recording.contents.library import Shipped, shipped

__all__ = ["findings_of_all"]

# Of the one boot that they are of, "pvh" and "pvh-net" hold all that the first two hold; the
# third is a loop of one call, whose places and proportions say nothing of a guest's; firmware
# has no paging, and nothing is walked for it.
_PARTS = ("pvh-callers", "pvh-boot", "runstate-loop", "hvm")


def findings_of_all(
    costs: CostTable | None = None,
    *,
    shape: PageSizes | None = None,
    progress: Progress | None = None,
) -> list[tuple[Shipped, Findings]]:
    """Every recording but those that are a part of another or a loop, under three designs.

    Args:
        costs: one table for all; default: each recording's own counts, or its release's.
        shape: page sizes assumed.
        progress: told of each recording.
    """
    chosen = [one for one in shipped() if one.name not in _PARTS]
    found = []
    for at, one in enumerate(chosen):
        if progress is not None:
            progress(at, len(chosen), one.name)
        findings = find(
            find_workload(one.name), costs, shape=shape, designs=[design(d.name) for d in FOUND]
        )
        found.append((one, findings))
    if progress is not None:
        progress(len(chosen), len(chosen), "")
    return found
