"""Several designs replayed over one workload."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from xenexplore.analysis.replay.design import DESIGNS, has_model
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.replay.replayed import Replayed
from xenexplore.analysis.replay.sampled import Stepped, replay_stepwise
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import Workload
from xenexplore.display import Shown
from xenexplore.options.variant import Variant

__all__ = ["Replays", "replay_designs"]


@dataclass(frozen=True, slots=True, eq=False)
class Replays(Shown):
    """Result of a replay.

    Attributes:
        workload: the workload that was replayed.
        rows: one for each design and domain, in this order; iterating yields them too.
            Domains without paging are left out: Xen walked nothing for them.
            A design without a replay model has a sample's estimates (or all, exactly).
    """

    workload: Workload
    rows: tuple[Replayed | Stepped, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Replayed | Stepped]:
        return iter(self.rows)

    def __getitem__(self, index: int) -> Replayed | Stepped:
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
    n: int = 400,
    seed: int = 0,
    all: bool = False,  # noqa: A002 - what it says
) -> Replays:
    """Replay every domain's recorded hypercalls under each design.

    Args:
        workload: what to replay.
        designs: those without a replay model go through the step-by-step machine.
        shape: page sizes to assume.
        progress: called with (done, of how many, what is next).
        n: of these, how many hypercalls are drawn.
        seed: seed of the sample.
        all: replay each hypercall of theirs instead.

    Raises:
        MachineError: a design cannot be replayed.
        RecordingError: every domain made its hypercalls without paging.
    """
    rows: list[Replayed | Stepped] = []
    for index, what in enumerate(designs):
        if progress is not None:
            progress(index, len(designs), what.label)
        for domain in workload.paged or workload.domains:  # replay() refuses the latter
            if has_model(what):
                rows.append(replay(workload, what, domain.index, shape))
                continue
            rows.append(
                replay_stepwise(workload, what, domain.index, shape, n=n, seed=seed, all=all)
            )
    if progress is not None:
        progress(len(designs), len(designs), "")
    return Replays(workload, tuple(rows))
