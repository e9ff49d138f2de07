"""All findings of a recording about the designs, computed once for every view."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from xenexplore.analysis.measures.buffer_sizes import Sizes, sizes
from xenexplore.analysis.measures.cost import BreakEven, CostTable, break_even
from xenexplore.analysis.measures.coverage import Coverage, coverage
from xenexplore.analysis.measures.entries_needed import EntriesNeeded, entries_needed
from xenexplore.analysis.measures.instructions import Instructions, instructions
from xenexplore.analysis.measures.kept_walks import KeptWalks, kept_walks
from xenexplore.analysis.measures.locality import Locality, locality, pieces_of
from xenexplore.analysis.measures.measured_costs import costs_of
from xenexplore.analysis.measures.miss_curve import Curve, miss_curve
from xenexplore.analysis.measures.register_coverage import FastCoverage, fast_coverage
from xenexplore.analysis.replay.design import DESIGNS
from xenexplore.analysis.replay.engine import replay
from xenexplore.analysis.replay.replayed import Replayed
from xenexplore.analysis.workload.page_sizes import PageSizes
from xenexplore.analysis.workload.tables import Workload
from xenexplore.display import Pictured, svg_of
from xenexplore.options.variant import Variant

__all__ = ["DomainFindings", "Findings", "find"]

Progress = Callable[[int, int, str], None]
"""Called with (done, total, next item)."""


@dataclass(frozen=True, slots=True)
class DomainFindings:
    """Findings about one domain; see the modules named by the fields' types.

    ``kept``: walks kept until Xen switches a vCPU, which under HAP is too long.
    ``unpaged``: all its hypercalls were made without paging: Xen walked nothing that a design
    could save, and ``replays`` is empty.
    """

    coverage: Coverage
    entries: tuple[EntriesNeeded, ...]
    curves: tuple[Curve, ...]
    locality: Locality
    kept: KeptWalks
    sizes: Sizes
    fast: FastCoverage
    replays: tuple[Replayed, ...]
    unpaged: bool = False

    @property
    def walked(self) -> bool:
        """Whether Xen walks page tables for its hypercalls: else no design has a walk to save."""
        return self.coverage.kind != "pv" and not self.unpaged


@dataclass(frozen=True, slots=True)
class Findings(Pictured):
    """A workload.

    Attributes:
        source: its name; ``recorded``: not synthetic; ``limits``: of every figure.
        hypercalls: of all domains and of none; ``repeats``: accesses left out
            because they were logged twice.
        shape: the assumed page sizes; ``costs``: the cost table.
        break_even: lookup against walk, by page sizes.
        domains: one each.
        executed: instructions executed by Xen, or None if the recording has no counts.
    """

    source: str
    recorded: bool
    limits: tuple[str, ...]
    hypercalls: int
    repeats: int
    shape: PageSizes
    costs: CostTable
    break_even: tuple[BreakEven, ...]
    domains: tuple[DomainFindings, ...]
    executed: Instructions | None = None

    def __repr__(self) -> str:
        names = ", ".join(domain.coverage.name for domain in self.domains)
        return f"<Findings {self.source}: {self.hypercalls} hypercalls of {names}>"

    def svg(self, figure: str = "ranges", *, theme: str = "light") -> str:
        """One of the report's figures as an SVG document.

        Args:
            figure: its name, as ``xe.figures(findings)`` has it; default: what registered
                ranges would serve.
            theme: only ``"light"``: figures are drawn on white.

        Raises:
            MachineError: there is no such figure or theme.
        """
        return svg_of(self, figure=figure, theme=theme)


def find(
    workload: Workload,
    costs: CostTable | None = None,
    *,
    designs: Sequence[Variant] = DESIGNS,
    shape: PageSizes | None = None,
    progress: Progress | None = None,
) -> Findings:
    """Compute every figure for every domain of a workload.

    Without a cost table: the recording's own counts, else the built-in instructions.
    """
    executed = instructions(workload)
    costs = costs if costs is not None else costs_of(workload.xen, executed)
    shape = shape if shape is not None else PageSizes()
    domains = []
    total = len(workload.domains)
    for domain in workload.domains:
        if progress is not None:
            progress(domain.index, total, domain.name)
        domains.append(_domain(workload, domain.index, designs, shape))
    if progress is not None:
        progress(total, total, "")
    return Findings(
        source=workload.source,
        recorded=workload.recorded,
        limits=workload.limits,
        hypercalls=len(workload.calls),
        repeats=workload.repeats,
        shape=shape,
        costs=costs,
        break_even=tuple(break_even(costs, order, order) for order in (0, 9, 18)),
        domains=tuple(domains),
        executed=executed,
    )


def _domain(
    workload: Workload, index: int, designs: Sequence[Variant], shape: PageSizes
) -> DomainFindings:
    page, row = pieces_of(workload, workload.inside(index))
    vcpu = workload.calls.vcpu[workload.accesses.call[row]]
    unpaged = index in workload.unpaged
    return DomainFindings(
        coverage=coverage(workload, index),
        entries=entries_needed(workload, index),
        curves=tuple(
            miss_curve(page, vcpu, policy=policy, scope="vcpu")
            for policy in ("lru", "fifo", "refuse")
        ),
        locality=locality(workload, index),
        kept=kept_walks(workload, index, until_switch=True),
        sizes=sizes(workload, index),
        fast=fast_coverage(workload, index),
        replays=tuple(
            replay(workload, what, index, shape) for what in (() if unpaged else designs)
        ),
        unpaged=unpaged,
    )
