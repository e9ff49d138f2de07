"""Several designs replayed over one workload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from xenexplore.analysis.replay.design import DESIGNS
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.replay.replayed import Replayed
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import Workload
from xenexplore.display import Shown
from xenexplore.options.variant import Variant

__all__ = ["Replays", "replay_designs"]


@dataclass(frozen=True, slots=True, eq=False)
class Replays(Shown):
    """What came of it.

    Attributes:
        workload: what was replayed.
        rows: one for each design and domain, in this order; iterating gives them, too.
    """

    workload: Workload
    rows: tuple[Replayed, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Replayed]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> Replayed:
        return self.rows[index]

    def __repr__(self) -> str:
        labels = dict.fromkeys(one.design.label for one in self.rows)
        return f"<Replays of {self.workload.source}: {', '.join(labels)}>"


def replay_designs(
    workload: Workload,
    designs: Sequence[Variant] = DESIGNS,
    *,
    shape: PageSizes | None = None,
    progress: Callable[[int, int, str], None] | None = None,
) -> Replays:
    """Replay every domain's recorded hypercalls under each design.

    Args:
        workload: what to replay.
        designs: each with a replay model.
        shape: page sizes to assume.
        progress: called with (done, of how many, what is next).

    Raises:
        MachineError: a design cannot be replayed.
    """
    rows: list[Replayed] = []
    for index, what in enumerate(designs):
        if progress is not None:
            progress(index, len(designs), what.label)
        rows += [replay(workload, what, domain.index, shape) for domain in workload.domains]
    if progress is not None:
        progress(len(designs), len(designs), "")
    return Replays(workload, tuple(rows))
